"""What quick presets take from a data set: less of each where images are large, so that the work stays the same."""

from dataclasses import replace
from operator import attrgetter

import pytest

from ddcore.data import DATASETS
from ddcore.methods import METHODS, quick
from ddcore.settings import NetworkConfig

named = attrgetter("name")


@pytest.fixture
def tiles(monkeypatch):
    """A data set of two classes of the given side, with so many official training images."""

    def registered(side, images=5000):
        network = "convnet3" if side < 128 else "convnet7"
        sizes = {"resolution": side, "resolutions": (side,), "sizes": (images, 100)}
        named = replace(DATASETS["mhist"], name="tiles", network=network, **sizes)
        monkeypatch.setitem(DATASETS._entries, "tiles", named)

    return registered


@pytest.mark.parametrize(("side", "batch"), [(28, 128), (64, 122), (128, 30), (224, 10), (512, 8)])
def test_the_real_batch_of_large_images_is_smaller_within_bounds(tiles, side, batch):
    tiles(side)
    assert quick.real_batch("tiles", 1_003_520) == {"batch_real": batch}


@pytest.mark.parametrize(("side", "ipc"), [(28, 10), (64, 10), (128, 3), (224, 1), (512, 1)])
def test_a_set_of_large_images_through_which_networks_are_trained_has_fewer(tiles, side, ipc):
    tiles(side)
    assert quick.small_set("tiles", 102_400) == {"ipc": ipc}


def test_agents_learn_as_many_pixels_whatever_the_images_and_all_images_where_there_are_few(tiles):
    tiles(64)
    assert quick.some_images("tiles", 409_600) == {"train_images": 100}
    tiles(224)
    assert quick.some_images("tiles", 409_600) == {"train_images": 2 * quick.LEAST_SCORED}
    tiles(64, images=90)
    assert quick.some_images("tiles", 409_600) == {"train_images": 0}


@pytest.mark.parametrize("method", ["dm", "datadam", "pad", "bptt", "frepo", "herding"])
@pytest.mark.parametrize("side", [32, 128])
def test_quick_on_a_set_that_nobody_tuned_is_not_much_more_work_than_on_mnist(tiles, method, side):
    tiles(side)
    one = METHODS[method]
    asked = {name: one.Config.build(one.preset("quick").for_dataset(name)) for name in ("mnist", "tiles")}
    cost = {name: one.cost(config, 1000 * config.shape[1] ** 2, len(config.facts.classes))
            for name, config in asked.items()}
    assert cost["tiles"] < 5 * cost["mnist"]


def test_quick_augments_as_the_data_set_allows(tiles):
    tiles(32)
    assert METHODS["dm"].preset("quick").for_dataset("tiles")["augment"] == "siamese"
    assert METHODS["dm"].preset("quick").for_dataset("mnist")["augment"] == "siamese-no-flip"


@pytest.mark.parametrize("dataset", [*DATASETS, "tiles"])
def test_the_quick_presets_of_a_data_set_share_one_network_so_that_their_sets_compare(tiles, dataset):
    tiles(64)
    offered = [m for m in METHODS.values() if issubclass(m.Config, NetworkConfig) and "quick" in map(named, m.presets)]
    assert {"datadam", "dm", "pad", "herding", "el2n", "forgetting", "kcenter"} <= set(map(named, offered))
    configs = {m.name: m.Config.build(m.preset("quick").for_dataset(dataset)) for m in offered}
    judged = {name: (one.resolution, one.network, one.network_options()) for name, one in configs.items()}
    assert len(set(map(str, judged.values()))) == 1, judged


def test_a_quick_preset_keeps_the_network_that_a_data_set_of_ones_own_was_given(tiles):
    tiles(128)
    config = METHODS["dm"].Config.build(METHODS["dm"].preset("quick").for_dataset("tiles"))
    assert (config.network, config.width, config.resolution) == ("convnet7", quick.WIDTH, 128)

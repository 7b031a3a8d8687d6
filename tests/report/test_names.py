from __future__ import annotations

import gc
import itertools
import random
import time
from pathlib import Path
from typing import Any

import pytest

from ddcore.data import DATASETS
from ddcore.evaluation import plans
from ddcore.experiments import spec
from ddcore.experiments.base import Spec
from ddcore.methods import METHODS
from ddcore.presets import fitting
from ddcore.protocols import PROTOCOLS
from ddcore.report import compare_runs, names, tables
from ddcore.runs import store as stores
from ddcore.runs.store import RunRecord, Store

DATM = {"initial_ratio": 1.0, "remove_ratio": 0.0, "second_remove_ratio": 0.0, "shallow_ratio": 0.0}


@pytest.fixture
def store(home: Path) -> Store:
    return Store()


def question(method: str, preset: str, **changes: Any) -> Spec:
    """A preset on MNIST with these changes."""
    values = {**METHODS[method].preset(preset).for_dataset("mnist"), **changes}
    return spec("distill", method, fitting(values, values.get("network")))


@pytest.fixture(autouse=True)
def known_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """MNIST is not on the disk of a test; its content is as good as known."""
    content = {"name": "mnist", "fingerprint": "f"}
    monkeypatch.setattr("ddcore.experiments.base.dataset_identity", lambda config: content)


def called(*asked: Spec) -> list[str]:
    """What the runs of these questions are called, beside all that are there."""
    records = [Store().create(one) for one in asked]
    with stores.moment():
        return [tables.title(record) for record in records]


@pytest.mark.parametrize(
    ("method", "preset", "changes", "name"),
    [("datadam", "quick", {"lambda_task": 0.1, "init": "noise"}, "DataDAM · mnist · IPC 10 · λ 0.1 · noise"),
     ("datadam", "quick", {}, "DataDAM · mnist · IPC 10"),
     ("datadam", "paper", {"num_inits": 4000}, "DataDAM · mnist · IPC 10 · paper preset · K 4000"),
     ("dm", "quick", {"ipc": 50, "width": 64}, "DM · mnist · IPC 50 · width 64"),
     ("dm", "quick", {"network": "lenet"}, "DM · mnist · IPC 10 · LeNet"),
     ("pad", "quick", DATM, "DATM · mnist · IPC 10"),
     ("pad", "quick", {**DATM, "lr_img": 7.0}, "DATM · mnist · IPC 10 · image learning rate 7"),
     ("pad", "quick", {"shallow_ratio": 0.5}, "PAD · mnist · IPC 10 · α 0.5"),
     ("pad", "quick", {"soft_labels": False}, "PAD · mnist · IPC 10 · no soft labels"),
     ("random", "", {"seed": 3}, "Random real images · mnist · IPC 10")],
)
def test_a_name_says_what_differs_from_the_nearest_preset(
    store: Store, method: str, preset: str, changes: dict[str, Any], name: str
) -> None:
    one = question(method, preset, **changes) if preset else spec("distill", method, {"dataset": "mnist", **changes})
    assert called(one) == [name]


def test_a_name_stays_short_and_says_how_much_it_leaves_out(store: Store) -> None:
    (name,) = called(question("datadam", "quick", lambda_task=0.1, num_iters=3, net_steps=7, lr_net=0.5, batch_syn=7))
    assert name == "DataDAM · mnist · IPC 10 · T 3 · ζ_θ 7 · η_θ 0.5 · 2 more"


def test_neighbours_are_told_apart_and_by_the_seed_only_where_nothing_else_differs(store: Store) -> None:
    asked = [question("datadam", "quick", seed=seed) for seed in (0, 1)]
    assert called(asked[0]) == ["DataDAM · mnist · IPC 10"]
    assert called(*asked) == ["DataDAM · mnist · IPC 10 · seed 0", "DataDAM · mnist · IPC 10 · seed 1"]
    many = {"lambda_task": 0.1, "num_iters": 3, "net_steps": 7, "lr_net": 0.5}
    capped = [question("datadam", "quick", **many, batch_syn=size) for size in (7, 8)]
    assert [name.rpartition(" · ")[2] for name in called(*capped)] == ["synthetic batch 7", "synthetic batch 8"]


def test_beside_a_run_of_another_value_the_presets_own_is_told_too(store: Store) -> None:
    grid = [question("datadam", "quick", width=8, **changes) for changes in (
        {}, {"lambda_task": 0.1}, {"init": "noise"}, {"lambda_task": 0.1, "init": "noise"})]
    other = question("datadam", "quick", lr_img=3.0)
    assert called(*grid, other) == [
        "DataDAM · mnist · IPC 10 · λ 0.01 · width 8 · real", "DataDAM · mnist · IPC 10 · λ 0.1 · width 8 · real",
        "DataDAM · mnist · IPC 10 · λ 0.01 · width 8 · noise", "DataDAM · mnist · IPC 10 · λ 0.1 · width 8 · noise",
        "DataDAM · mnist · IPC 10 · η_S 3"]
    records = [record for record in store.records() if record.config["width"] == 8]
    with stores.moment():
        labels = compare_runs.labels(sorted(records, key=lambda record: str(record.config["lambda_task"])))
    assert [label.split(" · ")[0] for label in labels] == ["λ 0.01", "λ 0.01", "λ 0.1", "λ 0.1"]


def test_the_name_that_a_person_gave_wins_also_inside_the_name_of_its_evaluation(store: Store) -> None:
    run = store.create(question("datadam", "quick"))
    store.annotate(run.id, name="my best")
    run = store.record(run.id)
    judged = store.create(plans.evaluation(run, plans.Question("course", 5)))
    with stores.moment():
        assert (tables.title(run), tables.title(judged)) == ("my best", "Evaluation of my best, course, n 5")


def test_a_queued_evaluation_names_the_set_that_it_judges_and_the_network_where_it_is_another(store: Store) -> None:
    run = store.create(question("datadam", "quick", lambda_task=0.1))
    networks: list[dict[str, Any]] = [{}, {"network": "lenet"}]
    asked = [plans.evaluation(run, plans.Question("course", 5, network=network)) for network in networks]
    name = "Evaluation of DataDAM · mnist · IPC 10 · λ 0.1, course, n 5"
    assert called(*asked) == [name, f"{name}, LeNet"]
    assert [record.summary.source for record in store.records("evaluate")] == [None, None]


def test_no_name_shows_the_name_of_a_field(store: Store) -> None:
    fields = {p.name for method in METHODS.values() for p in method.Config.params() if "_" in p.name}
    asked = [question("datadam", "quick", lambda_task=0.1 * i, lr_img=float(i), batch_real=i) for i in range(1, 4)]
    assert not [name for name in called(*asked) for field in fields if field in name]


VARIED: dict[str, list[Any]] = {
    "seed": [0, 1, 2], "ipc": [1, 10], "lambda_task": [0.01, 0.010000001, 0.1], "init": ["real", "noise"],
    "num_iters": [1, 2], "net_steps": [0, 50], "lr_img": [1.0, 10.0], "attn_power": [1.0, 4.0], "width": [32, 128],
    "batch_syn": [256, 64], "augment": ["none", "siamese"], "norm": ["instance", "batch"],
    "layers": ["all", "all-but-last"],
}


def test_no_two_runs_in_a_store_have_the_same_automatic_name(store: Store) -> None:
    draw = random.Random(0)
    presets = [preset.name for preset in METHODS["datadam"].presets]
    asked = {one.key: one for one in (
        question("datadam", draw.choice(presets), **{name: draw.choice(values) for name, values in VARIED.items()
                                                     if draw.random() < 0.4}) for _ in range(150))}
    sets = [store.create(one) for one in asked.values()]
    asked |= {one.key: one for run in sets[:20] for one in (
        plans.evaluation(run, plans.Question(protocol, nets, seed=seed), images=images) for protocol, nets, seed, images
        in itertools.product(("course", "quick"), (1, 5), (0, 1), ("images", "initial")))}
    told = called(*asked.values())
    assert len(set(told)) == len(asked)
    assert max(map(len, told)) < 2 * names.LONGEST


def test_runs_of_another_version_or_other_content_have_names_of_their_own(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = question("dm", "quick")
    assert first.key
    other = {"name": "mnist", "fingerprint": "abcdef99"}
    monkeypatch.setattr("ddcore.experiments.base.dataset_identity", lambda config: other)
    told = called(first, question("dm", "quick"))
    assert told == ["DM · mnist · IPC 10 · content f", "DM · mnist · IPC 10 · content abcdef"]


def test_a_name_is_the_same_for_every_page_of_one_moment(store: Store) -> None:
    run = store.create(question("dm", "quick"))
    with stores.moment() as moment:
        before = tables.title(run)
        Store().create(question("dm", "quick", seed=1))
        assert tables.title(moment.record(run.id)) == before == "DM · mnist · IPC 10"
    with stores.moment():
        assert tables.title(run) == "DM · mnist · IPC 10 · seed 0"


class Many(Store):
    """A store of runs that are nowhere on a disk."""

    def __init__(self, records: list[RunRecord]) -> None:
        super().__init__()
        self._records = records

    def records(self, kind: str | None = None) -> list[RunRecord]:
        return self._records


def test_names_of_thousands_of_seeds_take_time_in_proportion(store: Store) -> None:
    first = store.create(question("datadam", "quick"))

    def seeds(number: int) -> list[RunRecord]:
        return [RunRecord(**{**vars(first), "id": f"{i:016x}", "config": {**first.config, "seed": i}})
                for i in range(number)]

    def seconds(number: int) -> float:
        many = names.Names(Many(seeds(number)))
        began = time.process_time()  # what others do on this machine meanwhile is not the names' time
        assert many.of(seeds(2)[1]).endswith("seed 1")
        return time.process_time() - began

    seconds(10)
    gc.disable()  # it would look through all that the tests before have left
    try:
        many, few = (min(seconds(number) for _ in range(3)) for number in (4000, 1000))
    finally:
        gc.enable()
    assert many < 12 * few  # each with each would be 16 times


def test_a_training_on_all_data_is_called_by_the_protocol_that_it_follows(store: Store) -> None:
    setting = PROTOCOLS["quick"].training(DATASETS["mnist"].augment).values()
    asked = [spec("baseline", "baseline", {"dataset": "mnist", **values}) for values in ({}, setting)]
    name = "Full-data training · mnist · ConvNet-3"
    assert called(*asked) == [name, f"{name} · quick preset"]


def test_thousands_stand_apart_in_a_name_but_not_in_a_seed() -> None:
    config = METHODS["dm"].Config
    assert names.words_of(config.param("num_iters"), 100_000).endswith("100,000")
    assert names.words_of(config.param("num_iters"), 1000).endswith("1000")
    assert names.words_of(config.param("seed"), 100_000) == "seed 100000"

"""Which runs a search may rank networks on: all that is wrong with them is told before anything starts."""

from __future__ import annotations

import numpy as np
import pytest

from ddcore.errors import ConfigError
from ddcore.evaluation import proxies
from ddcore.experiments import ImageSet, spec
from ddcore.experiments.search import SearchConfig
from ddcore.jobs.job import mark_ended
from ddcore.runs import RunRecord, Store
from ddcore.runs.files import write_json
from ddcore.runs.recorder import FolderRecorder
from tests.report.conftest import distilled, run, store
from tests.runs import shelf

__all__ = ["run", "store"]


def search(*named: str, **values: object) -> SearchConfig:
    config = spec("search", "search", {"dataset": "digits", "proxies": ",".join(named), **values}).config
    assert isinstance(config, SearchConfig)
    return config


def kept(store: Store, images: ImageSet, **values: object) -> RunRecord:
    """A finished set with these images."""
    record = store.create(shelf.question(**values))
    recorder = FolderRecorder(store, record.id)
    recorder.save_images("images", images)
    recorder.finish(shelf.summary("distill", images=len(images.labels)), {})
    return store.record(record.id)


def test_finished_sets_of_the_same_images_and_what_the_search_makes_itself_are_proxies(
    store: Store, run: RunRecord
) -> None:
    assert proxies.problems(search("random", "early", run.id), store) == []
    proxies.check(search(run.id), store)


def test_all_that_is_wrong_is_told_at_once(store: Store) -> None:
    gone = "0" * 16
    baseline = shelf.finished(store, spec("baseline", "baseline", {"dataset": "digits"}))
    failed = store.create(spec("distill", "dm", {"dataset": "digits", "width": 8}))
    mark_ended(failed.folder, "failed", "The loss is not a number.")
    other = shelf.finished(store, spec("distill", "random", {"dataset": "mnist"}))
    with pytest.raises(ConfigError) as refused:
        proxies.check(search(gone, baseline.id, failed.id, other.id), store)
    assert set(refused.value.problems) == {
        f"proxy {gone}: no run {gone!r}",
        f"proxy {baseline.id} is a run of kind 'baseline'; only a distilled set or a coreset can be one",
        f"proxy {failed.id} is failed; only a finished run can be one",
        f"proxy {other.id} is of mnist at 28 px, the search is on digits at 8 px",
    }


def test_images_of_another_shape_or_other_classes_are_no_proxy(store: Store) -> None:
    right = shelf.image_set()
    letters = kept(store, ImageSet(right.images, right.labels, tuple("abcdefghij"), right.mean, right.std), seed=1)
    wide = kept(store, ImageSet(np.zeros((10, 1, 8, 9), np.float32), *shelf_rest(right)), seed=2)  # type: ignore[arg-type]
    found = proxies.problems(search(letters.id, wide.id), store)
    assert sorted(found) == sorted([
        f"proxy {letters.id} has the classes a, b, c, d, e, f, g, h, i, j; digits has 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        f"proxy {wide.id} holds images of shape (1, 8, 9), the search expects (1, 8, 8)",
    ])


def shelf_rest(images: ImageSet) -> tuple[object, ...]:
    return images.labels, images.classes, images.mean, images.std


def test_images_normalised_otherwise_are_no_proxy(store: Store) -> None:
    right = shelf.image_set()
    images = ImageSet(np.zeros((10, 1, 28, 28), np.float32), *shelf_rest(right))  # type: ignore[arg-type]
    record = kept(store, images, dataset="mnist")
    (found,) = proxies.problems(search(record.id, dataset="mnist"), store)
    assert found == (
        f"proxy {record.id} is normalised with mean and std ((0.3,), (0.25,)), mnist with ((0.1307,), (0.3081,))"
    )


def test_a_set_of_what_lay_in_the_place_of_the_data_before_is_no_proxy(store: Store, run: RunRecord) -> None:
    write_json(run.folder / "run.json", {**run.stored(), "dataset": {"name": "digits", "fingerprint": "digits-before"}})
    (found,) = proxies.problems(search(run.id), store)
    assert found.endswith("was made from other images than those that are in the place of digits now")


def test_a_run_without_its_images_is_no_proxy(store: Store, run: RunRecord) -> None:
    (run.folder / "images.safetensors").write_bytes(b"nothing")
    (found,) = proxies.problems(search(run.id), store)
    assert "cannot be read" in found


def test_a_coreset_that_the_search_makes_itself_is_not_named_by_its_run_as_well(store: Store) -> None:
    same = shelf.finished(store, search("random", ipc=1).sets()["random"])
    (found,) = proxies.problems(search("random", same.id, ipc=1), store)
    assert found == f"proxy {same.id} is the very coreset 'random' that is named as well; name one of them"
    assert proxies.problems(search("random", same.id, ipc=2), store) == []


def test_a_misspelt_proxy_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"no proxy 'randm'.*did you mean 'random'"):
        search("randm", "early")


def test_a_distilled_set_of_another_size_is_a_proxy(store: Store) -> None:
    assert proxies.problems(search("random", distilled(store, ipc=3).id), store) == []

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ddcore.errors import RunNotFound
from ddcore.experiments import spec
from ddcore.report import difficulty
from ddcore.runs import RunRecord, Store
from tests.runs import shelf

LABELS = np.repeat(np.arange(10), 4)
EL2N = np.tile(np.array([0.4, 0.1, 0.3, 0.2], np.float32), 10)


@pytest.fixture
def store(home: object) -> Store:
    return Store()


def scored(store: Store, **arrays: np.ndarray) -> RunRecord:
    """A finished run of scores that kept these arrays."""
    from safetensors.numpy import save_file

    record = shelf.finished(store, spec("scores", "scores", {"dataset": "digits"}))
    save_file({"indices": np.arange(40), **arrays}, record.folder / "scores.safetensors")
    return record


def test_scores_are_read_by_class(store: Store) -> None:
    run = scored(store, el2n=EL2N, labels=LABELS)
    assert difficulty.names(store, run) == ["el2n"]
    frame = difficulty.scores(store, run, "el2n")
    assert frame[frame["class"] == "3"]["score"].tolist() == pytest.approx([0.4, 0.1, 0.3, 0.2])


def test_classes_of_a_data_set_that_is_not_known_here_are_numbers(store: Store) -> None:
    run = replace(scored(store, el2n=EL2N, labels=LABELS), config={"dataset": "gone"})
    assert set(difficulty.scores(store, run, "el2n")["class"]) == set("0123456789")


def test_a_run_older_than_its_labels_has_nothing_to_show_by_class(store: Store) -> None:
    assert difficulty.names(store, scored(store, el2n=EL2N)) == []


def test_a_run_that_kept_no_scores_yet_is_named(store: Store) -> None:
    run = shelf.finished(store, spec("scores", "scores", {"dataset": "digits"}))
    with pytest.raises(RunNotFound, match="kept nothing called 'scores'"):
        difficulty.names(store, run)


def test_every_image_is_counted_once_in_the_bins_of_its_class() -> None:
    frame = pd.DataFrame({"class": ["a", "a", "a", "b"], "score": [0.0, 0.1, 1.0, 0.5]})
    counted = difficulty.histogram(frame, bins=2)
    assert counted["images"].tolist() == [2, 1, 0, 1]
    assert counted["class"].tolist() == ["a", "a", "b", "b"]
    assert counted["left"].tolist() == [0.0, 0.5, 0.0, 0.5]


def test_a_window_cuts_each_class_at_scores_of_its_own() -> None:
    frame = pd.DataFrame({"class": ["a"] * 4 + ["b"] * 2, "score": [4.0, 1.0, 3.0, 2.0, 20.0, 10.0]})
    cut = difficulty.limits(frame, 0.25, 0.75).to_dict("records")
    assert cut == [{"class": "a", "low": 2.0, "high": 3.0}, {"class": "b", "low": 20.0, "high": 20.0}]


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.01), (0.99, 1.0), (0.3, 0.62)])
def test_a_window_cuts_where_the_scheduler_does(low: float, high: float) -> None:
    torch = pytest.importorskip("torch")
    from ddcore.ops import schedule

    scores, labels = torch.arange(13.0), torch.tensor([0] * 9 + [1] * 4)
    place = schedule.places(scores, labels, torch.Generator())
    used = schedule.in_use(place, labels, low, high)
    cut = difficulty.limits(pd.DataFrame({"class": labels.numpy(), "score": scores.numpy()}), low, high)
    for label, one in enumerate(cut.to_dict("records")):
        mine = scores[used[labels[used] == label]]
        assert (mine.min().item(), mine.max().item()) == (one["low"], one["high"])

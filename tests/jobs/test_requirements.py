"""What a question takes beside itself: the runs before it, and room on the disk."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from brought import added, folders

from ddcore import home as places
from ddcore import jobs
from ddcore.data import own
from ddcore.errors import DataMissing
from ddcore.experiments import KINDS, Spec, spec
from ddcore.jobs.job import mark_queued
from ddcore.jobs.requirements import check_disk, disk, unfinished
from ddcore.runs import Store
from ddcore.runs.files import FolderUnusable
from tests.report.conftest import TINY_PAD
from tests.runs import shelf

EACH = 2 * 4 * 4 * 1386  # bytes: experts, rows, float32, parameters of the tiny network


def pad(**values: Any) -> Spec:
    return spec("distill", "pad", {**TINY_PAD, **values})


def experts(**values: Any) -> Spec:
    return KINDS["distill"].needs("pad", pad(**values).config)[0]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Any:
    """free(n): so many bytes are free on the disk from now on."""

    def say(number: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=number))

    return say


def test_what_is_needed_comes_first_and_once_and_what_is_done_not_at_all(home: Path) -> None:
    store = Store()
    asked = [pad(), pad(num_iters=5)]
    kinds = [one.kind for one in unfinished(asked, store.records()).values()]
    assert kinds == ["scores", "experts", "distill", "distill"]
    shelf.finished(store, experts())
    assert [one.kind for one in unfinished(asked, store.records()).values()] == ["distill", "distill"]


def test_a_disk_that_is_too_small_is_refused_with_the_numbers_before_anything_is_queued(home: Path, free: Any) -> None:
    free(3_200_000_000)
    asked = pad(experts=1000, train_epochs=1000)
    needed = f"{1000 * 1001 * 4 * 1386 / 1e9:.1f} GB"
    with pytest.raises(FolderUnusable, match=f"needs {needed}, 3.2 GB are free in {home}/runs; .*half precision"):
        jobs.submit(asked)
    assert Store().records() == []
    assert jobs.list_jobs() == []


def test_trajectories_that_are_there_need_no_room(home: Path, free: Any) -> None:
    store = Store()
    free(EACH - 1)
    with pytest.raises(FolderUnusable):
        check_disk(store, [pad()])
    shelf.finished(store, experts())
    check_disk(store, [pad()])
    assert disk([pad()], store.records()) == 0


def test_what_lies_on_the_disk_of_a_run_that_was_begun_needs_no_more_room(home: Path, free: Any) -> None:
    store = Store()
    record = store.create(experts())
    np.save(record.folder / "trajectories.npy", np.ones((2, 4, 1386), np.float32))
    free(0)
    check_disk(store, [pad()])


def test_runs_under_way_have_their_room_kept(home: Path, free: Any) -> None:
    store = Store()
    mark_queued(store.create(experts()).folder)
    free(2 * EACH - 1)
    check_disk(store, [pad()])  # of the same experts
    with pytest.raises(FolderUnusable, match=r"beside .* that runs under way will write"):
        check_disk(store, [pad(seed=1)])
    free(2 * EACH)
    check_disk(store, [pad(seed=1)])


def test_two_questions_that_share_their_experts_need_them_once(home: Path, free: Any) -> None:
    free(EACH)
    check_disk(Store(), [pad(), pad(num_iters=5)])
    assert experts().key == experts(num_iters=5).key
    with pytest.raises(FolderUnusable):
        check_disk(Store(), [pad(), pad(seed=1)])


def test_questions_that_write_little_never_look_at_the_disk(home: Path, free: Any) -> None:
    free(0)
    check_disk(Store(), [shelf.question()])


def test_a_question_about_a_removed_data_set_is_refused_before_it_is_queued_and_known_answers_are_not(home):
    added(folders(4, 2), places.data_root())
    asked = spec("describe", "describe", {"dataset": "pets"})
    done = jobs.run_inline(asked)
    own.remove("pets", places.data_root(), keep_facts=True)
    assert jobs.submit(asked) == done
    with pytest.raises(DataMissing, match="pets was removed; add it again"):
        jobs.submit(spec("describe", "describe", {"dataset": "pets", "seed": 1}))
    assert [record.id for record in Store().records()] == [done]

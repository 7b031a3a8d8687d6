"""A run that lets others go first again and again ends with the bits of one that was never broken off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from ddcore import jobs
from ddcore.experiments import KINDS, Spec, spec
from ddcore.jobs.queue import Queue
from ddcore.jobs.worker import execute
from ddcore.runs import Store
from ddcore.runs.recorder import FolderRecorder
from ddcore.runs.state import sessions

TINY = {"dataset": "digits", "device": "cpu"}
NETWORK = {**TINY, "network": "convnet3", "width": 4}
DM = {**TINY, "ipc": 1, "width": 4, "num_iters": 14, "batch_real": 16}
PAD = {
    **TINY, "ipc": 1, "width": 4, "train_images": 300, "agents": 2, "score_epochs": 4, "experts": 4, "train_epochs": 3,
    "batch_train": 50, "add_end_epoch": 2, "student_steps": 4, "expert_epochs": 1, "first_max_start_epoch": 1,
    "max_start_epoch": 2, "expansion_iters": 4, "num_iters": 8,
}
SEARCH = {
    **TINY, "space": "course", "subset": "width=16 units=64 depth=2,3", "steps": 6, "nets": 2, "lr": 0.05,
    "batch_size": 700, "truth": "none", "truth_sample": None, "proxies": "random,early", "ipc": 2,
}


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others wait all the time, and no run has any time before it lets them go first."""
    def slice_over(recorder: FolderRecorder) -> bool:
        first, recorder._worked_since = recorder._worked_since is None, 0.0
        return not first

    monkeypatch.setattr(FolderRecorder, "slice_over", slice_over)


def computed(one: Spec, store: Store) -> tuple[str, int]:
    """(id of the run of a question in this store, how often it stepped aside)."""
    for need in one.needs:
        computed(need, store)
    record, times = store.create(one), 0
    while (state := execute(store, store.record(record.id))) == "queued":
        times += 1
        assert store.record(record.id).state == "queued"
        (ticket,) = [ticket for ticket in Queue(store.root.parent / "jobs").waiting() if ticket.run_id == record.id]
        Queue(store.root.parent / "jobs").remove(ticket)
        assert times < 200, "it gets on each time"
    assert state == "done", store.error(record.id)
    return record.id, times


def told(store: Store, run_id: str, *left_out: str) -> list[dict[str, Any]]:
    """What a run told, without its sessions and times."""
    events = [e for e in store.events(run_id)[0] if e["event"] not in ("resumed", *left_out)]
    return [{k: v for k, v in e.items() if k != "seconds"} for e in events]


def kept(store: Store, run_id: str) -> dict[str, dict[str, bytes]]:
    """Every bit of what a run kept: file → array → bytes."""
    folder = store.record(run_id).folder
    files = [*folder.glob("*.safetensors"), *folder.glob("snapshots/*.safetensors"), *folder.glob("*.npy")]
    return {str(path.relative_to(folder)): {name: array.tobytes() for name, array in arrays(path).items()}
            for path in files if path.name != "checkpoint.safetensors"}


def arrays(path: Path) -> dict[str, np.ndarray]:
    return {"": np.load(path)} if path.suffix == ".npy" else load_file(path)


def answer(store: Store, run_id: str) -> dict[str, Any]:
    """What a run measured, without its times."""
    return _timeless(store.record(run_id).summary.to_json())


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if not k.startswith("seconds")}
    return [_timeless(v) for v in value] if isinstance(value, list) else value


def distilled(store: Store) -> str:
    return jobs.run_inline(spec("distill", "random", {**TINY, "ipc": 2}), store)


def question(kind: str, name: str, values: dict[str, Any], store: Store) -> Spec:
    return spec(kind, name, {**values, "run": distilled(store)} if kind == "evaluate" else values)


def stages(last: Spec) -> list[Spec]:
    """A question and all that it needs, first things first."""
    return [*(one for need in KINDS[last.kind].needs(last.name, last.config) for one in stages(need)), last]


CASES = [  # kind, name, values, how often it steps aside at least
    ("distill", "dm", DM, 5),
    ("evaluate", "evaluate", {**NETWORK, "nets": 2, "protocol": "course"}, 5),
    ("baseline", "baseline", {**NETWORK, "epochs": 7, "batch_size": 256}, 5),
    ("lens", "lens", {**NETWORK, "steps": 60}, 5),
]


@pytest.mark.parametrize(("kind", "name", "values", "least"), [
    pytest.param(*case, marks=[] if case[0] == "distill" else [pytest.mark.slow], id=case[0]) for case in CASES])
def test_a_run_that_steps_aside_again_and_again_has_the_bits_of_one_that_does_not(
    kind: str, name: str, values: dict[str, Any], least: int, home: Path, request: pytest.FixtureRequest
) -> None:
    store, elsewhere = Store(), Store(home / "other" / "runs")
    whole, times = computed(question(kind, name, values, elsewhere), elsewhere)
    assert times == 0
    one = question(kind, name, values, store)
    request.getfixturevalue("always")
    run_id, times = computed(one, store)
    assert (run_id, times >= least) == (whole, True), times
    assert kept(store, run_id) == kept(elsewhere, run_id)
    assert told(store, run_id) == told(elsewhere, run_id)
    assert answer(store, run_id) == answer(elsewhere, run_id)
    status = jobs.status(run_id)
    assert f"{status.total} of {status.total}" not in store.log(run_id), "at its end it goes to its end"
    assert sessions(store.record(run_id).folder) == 1
    assert store.record(run_id).info["sessions"] == 1


@pytest.mark.slow  # four kinds of runs, each of them started anew many times
def test_each_stage_of_pad_steps_aside_to_the_same_bits(home: Path, request: pytest.FixtureRequest) -> None:
    store, elsewhere = Store(), Store(home / "other" / "runs")
    asked = stages(spec("distill", "pad", PAD))
    for one in asked:
        computed(one, elsewhere)
    request.getfixturevalue("always")
    for one in asked:
        run_id, times = computed(one, store)
        assert times >= 5, one.kind
        assert kept(store, run_id) == kept(elsewhere, run_id), one.kind
        assert told(store, run_id) == told(elsewhere, run_id), one.kind


@pytest.mark.slow  # a search that is begun anew for each of its trainings
@pytest.mark.parametrize(
    ("kind", "more"), [("search", {}), ("search", {"strategy": "tpe", "trials": 4}), ("truth", {})])
def test_a_search_that_steps_aside_after_each_training_finds_the_same(
    kind: str, more: dict[str, Any], home: Path, request: pytest.FixtureRequest
) -> None:
    store, elsewhere = Store(), Store(home / "other" / "runs")
    values = {**SEARCH, **more}
    if kind == "truth":
        values = {n: v for n, v in values.items() if not n.startswith("truth") and n not in ("proxies", "ipc")}
    one = spec(kind, kind, values)
    whole, _ = computed(one, elsewhere)
    request.getfixturevalue("always")
    run_id, times = computed(one, store)
    assert (run_id, times >= 2) == (whole, True), times
    assert answer(store, run_id) == answer(elsewhere, run_id)


def test_what_cannot_go_on_from_where_it_stood_is_never_set_aside(
    home: Path, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("always")
    assert computed(spec("describe", "describe", {"dataset": "digits"}), Store())[1] == 0
    assert computed(spec("distill", "random", {**TINY, "ipc": 1}), Store())[1] == 0

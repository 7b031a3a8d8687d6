"""Files that changed at rest are told and never computed with."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from shelf import finished, question, sealed, unsealed

from ddcore.errors import DDCoreError, RunBroken
from ddcore.experiments import spec
from ddcore.runs import Store, whole
from ddcore.runs.checkpoint import FILE, Checkpoint
from ddcore.runs.packing import pack
from ddcore.runs.parent import finished as parent
from ddcore.runs.recorder import FolderRecorder


def flip(path: Path, at: int = -1) -> None:
    """Turn one bit over."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["images.safetensors", "initial.safetensors", "snapshots/2.safetensors",
                                  "pictures/final.png", "events.jsonl", "spec.json", FILE])
def test_a_flipped_bit_is_found_in_every_kept_file_and_nothing_is_packed_with_it(name: str, store: Store) -> None:
    run = finished(store, question())
    assert whole.problems(run) == []
    flip(run.folder / name)
    (found,) = whole.problems(run)
    assert found.startswith(f"{name} is damaged")
    with pytest.raises(DDCoreError, match=f"^run {run.id} cannot be packed: {name} is damaged"):
        pack(store, run.id, io.BytesIO(), heavy=True)


def test_what_is_built_on_a_run_refuses_damaged_images(store: Store) -> None:
    run = finished(store, question())
    for name, read in (("snapshots/2", lambda: parent(store, run.id).snapshot(2)),
                       ("images", lambda: parent(store, run.id).images())):
        read()
        flip(run.folder / f"{name}.safetensors")
        with pytest.raises(RunBroken, match=f"run {run.id} cannot be used: {name}.safetensors is damaged"):
            read()


def test_mapped_arrays_are_checked_before_they_are_computed_with(store: Store) -> None:
    run = finished(store, question())
    np.save(run.folder / "rows.npy", np.arange(6.0))
    run = sealed(run)
    assert parent(store, run.id).mapped("rows")[5] == 5.0
    flip(run.folder / "rows.npy")
    with pytest.raises(RunBroken, match=r"rows\.npy is damaged"):
        parent(store, run.id).mapped("rows")


def test_a_damaged_checkpoint_is_told_and_not_gone_on_from(store: Store) -> None:
    recorder = FolderRecorder(store, store.create(question()).id)
    recorder.checkpoint({}, {"step": 7})
    place = recorder.folder / FILE
    place.write_bytes(place.read_bytes().replace(b'step\\": 7', b'step\\": 9'))
    with pytest.raises(RunBroken, match="is damaged: it is not what was written"):
        Checkpoint.read(recorder.folder)
    assert FolderRecorder(store, recorder.record.id).resume_point() is None
    assert "Begins anew: checkpoint.safetensors is damaged" in store.log(recorder.record.id)


def test_a_longer_run_begins_anew_where_the_shorter_one_is_damaged(store: Store) -> None:
    shorter, longer = (spec("distill", "dm", {"dataset": "digits", "ipc": 1, "num_iters": n}) for n in (4, 8))
    record = finished(store, shorter)
    asked = store.create(longer)
    assert FolderRecorder(store, asked.id).resume_point() is not None
    for name in ("snapshots/1.safetensors", "events.jsonl", FILE):
        kept = (record.folder / name).read_bytes()
        flip(record.folder / name)
        assert FolderRecorder(store, asked.id).resume_point() is None, name
        assert f"Begins anew, not where run {record.id} ended: {name} is damaged" in store.log(asked.id)
        (record.folder / name).write_bytes(kept)


def test_a_checkpoint_of_an_earlier_version_tells_no_hash_and_is_gone_on_from(store: Store) -> None:
    from safetensors.numpy import save

    recorder = FolderRecorder(store, store.create(question()).id)
    head = {"meta": '{"step": 3}', "seconds": "1.5", "events": "0", "origin": "null"}
    (recorder.folder / FILE).write_bytes(save({}, metadata=head))
    assert FolderRecorder(store, recorder.record.id).resume_point() == ({}, {"step": 3})


def four_steps(store: Store) -> FolderRecorder:
    """A run under way with four events and a checkpoint behind them."""
    recorder = FolderRecorder(store, store.create(question()).id)
    for step in range(4):
        recorder.event("step", step=step)
    recorder.checkpoint({}, {})
    return recorder


def test_events_that_were_lost_under_way_are_told_in_the_log_and_in_the_answer(store: Store) -> None:
    recorder = four_steps(store)
    events = recorder.folder / "events.jsonl"
    written = events.stat().st_size
    events.write_bytes(events.read_bytes()[: written // 2])
    again = FolderRecorder(store, recorder.record.id)
    again.checkpoint({}, {})
    last = FolderRecorder(store, recorder.record.id)
    last.finish(finished(store, question(seed=3)).summary, {})
    run = store.record(recorder.record.id)
    assert run.info["lost_events"] == written - written // 2
    assert "of what was recorded are lost: curves have a gap" in store.log(run.id)
    assert whole.lost(run) == [f"{written - written // 2} bytes of events.jsonl were lost while it was computed: its "
                               "curves have a gap"]


def test_a_session_after_lost_events_that_is_killed_leaves_none_of_its_own(store: Store) -> None:
    recorder = four_steps(store)
    events = recorder.folder / "events.jsonl"
    written, line = events.stat().st_size, events.stat().st_size // 4
    events.write_bytes(events.read_bytes()[: 2 * line + 5])
    for _ in "killed", "killed again", "to the next checkpoint":
        again = FolderRecorder(store, recorder.record.id)
        again.event("step", step=4)
    again.checkpoint({}, {})
    assert [event["step"] for event in store.events(recorder.record.id)[0]] == [0, 1, 4]
    last = FolderRecorder(store, recorder.record.id)
    last.finish(finished(store, question(seed=3)).summary, {})
    assert store.record(recorder.record.id).info["lost_events"] == written - 2 * line


def test_events_that_were_lost_afterwards_are_told_by_their_length(store: Store) -> None:
    run = finished(store, question())
    assert whole.lost(run) == []
    events = run.folder / "events.jsonl"
    events.write_bytes(events.read_bytes()[:42])
    assert whole.lost(run) == ["events.jsonl has 42 bytes, 84 were written: what it shows has gaps"]


def test_a_run_of_an_earlier_version_has_no_hashes_and_is_used_as_it_is(store: Store) -> None:
    run = unsealed(finished(store, question()))
    flip(run.folder / "images.safetensors")
    assert (whole.has_hashes(run), whole.problems(run)) == (False, [])
    parent(store, run.id).images()


def test_all_sessions_of_a_run_tell_how_they_computed(store: Store) -> None:
    from ddcore.experiments.distill import DistillSummary
    from ddcore.summary import Arithmetic

    one = store.create(question())
    first = FolderRecorder(store, one.id)
    first.uses(lambda: {"exact": False, "compiled": False, "half": True})
    first.checkpoint({}, {"step": 8})
    second = FolderRecorder(store, one.id)
    second.uses(lambda: {"exact": False, "compiled": False, "half": False})
    second.finish(DistillSummary(steps=8, arithmetic=Arithmetic()), {})
    assert store.record(one.id).summary.arithmetic == Arithmetic(half=True)


def test_where_earlier_sessions_computed_is_told_beside_the_last(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = store.create(question())
    gpu = {"code": {"commit": "a"}, "libraries": {"torch": "1"}, "device": {"type": "cuda", "name": "A GPU"}}
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("ddcore.runs.provenance.session", lambda: gpu)
        FolderRecorder(store, one.id).checkpoint({}, {})
    FolderRecorder(store, one.id).finish(finished(store, question(seed=3)).summary, {})
    info = store.record(one.id).info
    assert info["earlier"] == [gpu]
    assert info["device"]["type"] == "cpu"
    assert "earlier" not in store.record(finished(store, question(seed=3)).id).info

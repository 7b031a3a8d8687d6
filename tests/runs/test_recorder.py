"""The recorder: what a run says reaches the folder, and nothing is told twice."""

from __future__ import annotations

import dataclasses
import json
import math
import time

import numpy as np
import pytest
from shelf import finished, image_set, question

from ddcore.errors import Cancelled, DDCoreError, RunNotFound
from ddcore.experiments import Spec, spec
from ddcore.experiments.distill import DistillSummary
from ddcore.jobs.job import request_cancel
from ddcore.runs import Store, provenance
from ddcore.runs.checkpoint import Checkpoint
from ddcore.runs.recorder import FolderRecorder
from ddcore.summary import Summary

torch = pytest.importorskip("torch")


@pytest.fixture
def recorder(store: Store) -> FolderRecorder:
    return FolderRecorder(store, store.create(question()).id)


def again(recorder: FolderRecorder) -> FolderRecorder:
    """The recorder of the next session of the same run."""
    return FolderRecorder(recorder.store, recorder.record.id)


def test_events_hold_plain_json_whatever_they_are_given(recorder: FolderRecorder):
    recorder.event("step", loss=torch.tensor(0.5), bad=math.nan, worse=[math.inf], n=np.int64(3), values=np.zeros(2))
    line = (recorder.folder / "events.jsonl").read_text()
    assert json.loads(line, parse_constant=pytest.fail) == {
        "event": "step", "loss": 0.5, "bad": None, "worse": [None], "n": 3, "values": [0, 0],
    }
    with pytest.raises(TypeError, match="object"):
        recorder.event("step", what=object())


def test_progress_is_written_rarely_but_never_forgets_the_end(
    recorder: FolderRecorder, monkeypatch: pytest.MonkeyPatch
):
    written = []
    monkeypatch.setattr(recorder, "_write_progress", lambda now: written.append(recorder._last))
    for done in range(1001):
        recorder.progress(done, 1000, "work")
    assert 2 <= len(written) < 100
    assert written[-1] == (1000, 1000, "work")


def test_the_time_left_leaves_out_the_first_step_which_also_loads_and_compiles(
    recorder: FolderRecorder, monkeypatch: pytest.MonkeyPatch
):
    left, began = [], time.monotonic()
    now = began
    monkeypatch.setattr("ddcore.runs.recorder.time.monotonic", lambda: now)
    for seconds, done in ((0, 0), (60, 1), (61, 2), (62, 3), (63, 4)):
        now = began + seconds
        recorder.progress(done, 100, "Distilling")
        left.append(json.loads((recorder.folder / "progress.json").read_text())["eta"])
    assert left == [None, None, 98.0, 97.0, 96.0]


def test_a_cancel_is_noticed_at_the_next_safe_point(recorder: FolderRecorder):
    recorder.check_cancelled()
    request_cancel(recorder.folder, grace=1)
    with pytest.raises(Cancelled):
        recorder.check_cancelled()


def test_images_come_back_as_they_were_saved_and_snapshots_in_half_precision(recorder: FolderRecorder):
    images = torch.randn(10, 1, 8, 8)
    original = image_set()
    one = type(original)(images.bfloat16(), torch.arange(10), original.classes, original.mean, original.std)
    recorder.save_images("initial", one)
    soft = torch.randn(10, 10)
    recorder.snapshot(5, dataclasses.replace(one, images=images, label_logits=soft, lr=0.25))
    stored = recorder.store.images(recorder.record.id, "initial")
    assert (stored.images == images.bfloat16().float().numpy()).all()
    assert (recorder.store.snapshot(recorder.record.id, 5).images == images.half().float().numpy()).all()
    kept = recorder.store.snapshot(recorder.record.id, 5)
    assert (kept.label_logits == soft.numpy()).all()
    assert kept.lr == 0.25
    assert stored.label_logits is None
    assert recorder.store.snapshots(recorder.record.id) == [0, 5]


def test_a_checkpoint_gives_back_every_bit_of_every_kind_of_tensor(recorder: FolderRecorder):
    weights = torch.randn(4, 6)
    tensors = {
        "view": weights.t()[1:],
        "same": weights,
        "also the same": weights,
        "nan": torch.tensor([math.nan, -0.0, math.inf]),
        "scalar": torch.tensor(3, dtype=torch.int64),
        "bool": torch.tensor([True, False]),
        "half": torch.randn(3).bfloat16(),
        "bytes": torch.arange(5, dtype=torch.uint8),
    }
    recorder.checkpoint(tensors, {"step": 7, "text": "λ", "none": None, "nan": math.nan})
    loaded, meta = again(recorder).resume_point()
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name].nan_to_num(5), tensor.nan_to_num(5))
    assert (meta["step"], meta["text"], meta["none"]) == (7, "λ", None)


def test_a_longer_run_takes_over_events_snapshots_result_and_time_of_the_shorter_one(store: Store):
    def long(iterations: int) -> Spec:
        return spec("distill", "datadam", {"dataset": "digits", "ipc": 1, "num_inits": iterations})

    shorter = finished(store, long(4), steps=4)
    longer = FolderRecorder(store, store.create(long(9)).id)
    assert longer.resume_point() == ({}, {"step": 4})
    longer.save_images("initial", image_set(0.0))
    assert store.snapshots(longer.record.id) == [0, 1, 2, 4]
    assert (store.snapshot(longer.record.id, 4).images == store.images(shorter.id).images).all()
    assert store.events(longer.record.id)[0] == store.events(shorter.id)[0]
    longer.checkpoint({}, {"step": 5})
    final = again(longer)
    final.finish(Summary(), {})
    assert store.record(longer.record.id).info["continued_from"] == shorter.id, "also after another session"


def test_the_next_session_forgets_what_was_told_after_the_checkpoint(recorder: FolderRecorder):
    recorder.event("step", step=1)
    recorder.checkpoint({}, {"step": 1})
    recorder.event("step", step=2)
    later = again(recorder)
    assert later.resume_point() == ({}, {"step": 1})
    later.event("step", step=2)
    assert [e["step"] for e in recorder.store.events(recorder.record.id)[0]] == [1, 2]


def test_without_a_checkpoint_the_next_session_begins_a_new_history(recorder: FolderRecorder):
    recorder.event("step", step=1)
    later = again(recorder)
    assert later.resume_point() is None
    assert recorder.store.events(recorder.record.id) == ([], 0)


def test_a_damaged_checkpoint_means_a_start_from_the_beginning(recorder: FolderRecorder):
    recorder.event("step", step=1)
    recorder.checkpoint({}, {"step": 1})
    path = recorder.folder / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:20])
    later = again(recorder)
    assert later.resume_point() is None
    assert "Begins anew: checkpoint.safetensors is damaged" in recorder.store.log(recorder.record.id)
    assert recorder.store.events(recorder.record.id)[0] == []


def test_a_checkpoint_that_is_refused_leaves_nothing_of_its_session(recorder: FolderRecorder):
    recorder._began -= 1000
    recorder.event("step", step=1)
    recorder.snapshot(1, image_set())
    recorder.checkpoint({}, {"step": 1, "long": False})
    later = again(recorder)
    assert later.resume_point(lambda meta: "" if meta["long"] else "it is short") is None
    later.finish(Summary(), {})
    store, run_id = recorder.store, recorder.record.id
    assert store.events(run_id) == ([], 0)
    assert store.snapshots(run_id) == []
    assert store.record(run_id).info["times"]["seconds"] < 1000
    assert "Begins anew: it is short." in store.log(run_id)
    assert Checkpoint.read(recorder.folder) is None


def test_a_session_without_a_checkpoint_keeps_no_snapshot_of_the_one_before(recorder: FolderRecorder):
    recorder.snapshot(5, image_set())
    again(recorder)
    assert recorder.store.snapshots(recorder.record.id) == []


def test_a_crash_while_a_checkpoint_is_written_keeps_the_one_before(
    recorder: FolderRecorder, monkeypatch: pytest.MonkeyPatch
):
    recorder.checkpoint({}, {"step": 1})
    (recorder.folder / ".checkpoint.safetensors.99999999.1.tmp").write_bytes(b"half")  # as a killed process leaves it
    assert again(recorder).resume_point() == ({}, {"step": 1})
    assert not list(recorder.folder.glob("*.tmp"))
    assert not list(recorder.folder.glob(".*.tmp"))


def test_time_is_summed_over_sessions_and_counts_lost_work_once(recorder: FolderRecorder):
    recorder._began -= 100
    recorder.checkpoint({}, {})
    recorder._began -= 1000  # work after the checkpoint, which a kill then destroys
    later = again(recorder)
    later._began -= 10
    assert 110 <= later.seconds() < 112


def test_a_finished_run_is_a_parent_and_an_unfinished_one_is_not(store: Store, recorder: FolderRecorder):
    parent = finished(store, question(seed=8), pixel_change=0.5)
    seen = recorder.parent(parent.id)
    assert (seen.id, seen.kind, seen.name) == (parent.id, "distill", "random")
    assert seen.summary == DistillSummary(steps=4, pixel_change=0.5)
    images = seen.images()
    assert images.images.dtype == torch.float32
    assert images.labels.dtype == torch.int64
    assert images.images.mean() == 9
    with pytest.raises(RunNotFound, match="nothing can build on it yet"):
        recorder.parent(recorder.record.id)
    with pytest.raises(RunNotFound):
        recorder.parent("f" * 16)


def test_names_of_files_are_checked(recorder: FolderRecorder):
    with pytest.raises(DDCoreError, match="a name may have"):
        recorder.save_picture("../x", b"")
    with pytest.raises(DDCoreError, match="a name may have"):
        recorder.save_images("a b", image_set())


def test_run_json_says_where_the_result_came_from(store: Store):
    info = finished(store, question()).info
    assert info["outcome"] == "done"
    assert info["libraries"]["torch"] == torch.__version__.partition("+")[0] or info["libraries"]["torch"]
    assert info["device"].keys() == {"type", "name"}
    assert info["code"]["version"]
    assert info["peak_memory_bytes"] > 1e6
    assert info["times"].keys() == {"submitted", "started", "finished", "seconds"}
    assert info["seed"] == 0
    assert info["continued_from"] is None


def test_a_result_of_the_cpu_says_how_many_threads_it_took(monkeypatch: pytest.MonkeyPatch):
    if torch.cuda.is_initialized():
        pytest.skip("this process has computed on a GPU")
    for count, words in ((1, ", 1 thread"), (3, ", 3 threads")):
        monkeypatch.setattr(torch, "get_num_threads", lambda count=count: count)
        assert provenance.device()["name"].endswith(words)


def test_the_head_of_a_checkpoint_needs_no_tensors(recorder: FolderRecorder):
    recorder.checkpoint({"x": torch.zeros(3)}, {"step": 2})
    assert Checkpoint.read(recorder.folder).meta == {"step": 2}

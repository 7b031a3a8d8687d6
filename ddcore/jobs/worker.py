"""The worker: computes one run in a process of its own. `python -m ddcore.jobs.worker RUN [SLOT]`."""

from __future__ import annotations

import faulthandler
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from ddcore import home
from ddcore.errors import Cancelled, DDCoreError, JobFailed, StepsAside, Waits
from ddcore.experiments import KINDS, Spec
from ddcore.jobs.asking import await_runs, step_aside
from ddcore.jobs.job import cancel_reason, mark_ended, mark_running
from ddcore.jobs.runner import ALREADY_RUNNING
from ddcore.runs.record import RunRecord
from ddcore.runs.recorder import FolderRecorder
from ddcore.runs.store import Store

Await = Callable[[Store, RunRecord, Iterable[Spec]], None]


def main(run_id: str, slot: str) -> int:
    """Compute the run; 0 when it is done or was cancelled, else an exit code."""
    store = Store()
    record = store.record(run_id)
    if record.state in ("done", "cancelled"):  # before its worker came up
        return 0
    if record.state == "broken":
        raise JobFailed(f"run {record.id} cannot be computed: {record.problem}")
    try:
        # Held to the end of the process: however many workers are started, one computes.
        with FileLock(record.folder / ".worker.lock", timeout=0):
            return 1 if execute(store, record, slot) == "failed" else 0
    except Timeout:
        return ALREADY_RUNNING


def execute(store: Store, record: RunRecord, slot: str = "inline", await_runs: Await = await_runs) -> str:
    """Compute a run in this process, from its checkpoint if it has one; the state it ended in, "queued" where it waits
    for runs that it asked for, or lets others go first. await_runs: what asks for them.

    Every error ends here, in error.txt: nobody is above a worker to read it.
    """
    if store.record(record.id).state == "done":
        return "done"
    job = mark_running(record.folder, slot)
    try:
        recorder = FolderRecorder(store, record.id)
        recorder.check_cancelled()
        question = record.question()
        if (now := question.key) != record.id:
            raise JobFailed(
                f"the same parameters would now be run {now}: the code or the data set has changed since this run "
                "was submitted, so it cannot go on under its old name; submit it anew"
            )
        try:
            summary = KINDS[record.kind].run(record.name, question.config, recorder)
        except Waits as waits:
            await_runs(store, record, waits.specs)
            return "queued"
        except StepsAside:
            step_aside(store, record)
            return "queued"
        recorder.finish(summary, job)
    except Cancelled:
        mark_ended(record.folder, "cancelled", cancel_reason(record.folder))
        return "cancelled"
    except BaseException as error:
        _failed(record.folder, error)
        if not isinstance(error, Exception):
            raise
        return "failed"
    mark_ended(record.folder, "done")
    return "done"


def _failed(folder: Path, error: BaseException) -> None:
    """Write down why it failed; on a full disk in the room of what nobody needs any longer, for the reason is short."""
    try:
        mark_ended(folder, "failed", _sentence(error), traceback.format_exc())
    except OSError:
        for name in ("error.txt", "progress.json"):
            (folder / name).unlink(missing_ok=True)
        mark_ended(folder, "failed", _sentence(error))


def _sentence(error: BaseException) -> str:
    """The error in one sentence: our own speak for themselves, others need their name."""
    text = str(error)
    return text if text and isinstance(error, DDCoreError) else f"{type(error).__name__}: {text}".removesuffix(": ")


if __name__ == "__main__":
    faulthandler.enable()  # a crash inside a library leaves its trace in the log
    # The next long run finds its machine code; torch's own cache of graphs would be pickles.
    os.environ |= {"TORCHINDUCTOR_FX_GRAPH_CACHE": "0", "TORCHINDUCTOR_AUTOGRAD_CACHE": "0"}
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(home.home() / "compiled"))
    sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "none"))

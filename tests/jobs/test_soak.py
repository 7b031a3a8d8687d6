"""A soak: for ten minutes workers, runners and the server are killed or stopped every few seconds, and nothing is lost.

`DDCORE_SOAK` is how many seconds it lasts, `DDCORE_SOAK_SEED` its seed; what was done when is printed where it fails.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from filelock import FileLock
from safetensors.numpy import load_file
from toyjobs import until

from ddcore import home as places
from ddcore import jobs
from ddcore.experiments import Spec, spec
from ddcore.jobs.queue import Queue
from ddcore.runs import Store, packing
from ddcore.runs.state import ACTIVE, CANCEL_FLAG, sessions

SECONDS = float(os.environ.get("DDCORE_SOAK") or 600)
SEED = int(os.environ.get("DDCORE_SOAK_SEED") or time.time_ns() % 1_000_000)
KILLS = SECONDS / 4
EVERY = 2.8  # seconds from one kill or stop to the next, on average: 150 kills in ten minutes, and some to spare
DRY_SECONDS = 600  # within which, left alone, everything ends
WAITING = 6  # runs that wait before no more are asked for
WORKER, RUNNER, SERVER = "ddcore.jobs.worker", "ddcore.jobs.runner", "server"
SERVE = [sys.executable, "-m", "ddcore", "serve"]
APP = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", "--server.port=0",
       "--server.fileWatcherType=none"]
UNDISTURBED = """
import json, sys
from ddcore import jobs
from ddcore.experiments import spec
for kind, name, values in json.load(sys.stdin):
    jobs.run_inline(spec(kind, name, values))
"""
SMALL = {"dataset": "digits", "ipc": 1, "width": 4, "device": "cpu"}
DATADAM = {**SMALL, "num_inits": 6, "num_iters": 1, "net_steps": 0}
PAD = {**SMALL, "train_images": 300, "agents": 1, "score_epochs": 12, "experts": 2, "train_epochs": 4,
       "batch_train": 50, "add_end_epoch": 2, "student_steps": 2, "expert_epochs": 1, "first_max_start_epoch": 2,
       "max_start_epoch": 3, "expansion_iters": 5, "num_iters": 8}
JUDGED = {"protocol": "course", "nets": 1}


def questions() -> Iterator[Spec]:
    """A mixed queue without end."""
    for seed in range(10_000):
        yield spec("describe", "describe", {"dataset": "digits", "seed": seed})
        yield (dm := spec("distill", "dm", {**SMALL, "num_iters": 6, "batch_real": 16, "seed": seed}))
        yield (judged := spec("evaluate", "evaluate", {"run": dm.key, "device": "cpu", **JUDGED}))
        yield spec("distill", "datadam", {**DATADAM, "seed": seed})
        yield spec("describe", "describe", {"dataset": "digits", "seed": 10_000 + seed})
        yield spec("evaluate", "evaluate", {**judged.config.values(), "images": "initial"})
        if seed % 4 == 1:
            yield spec("distill", "pad", {**PAD, "seed": seed})
        if seed % 4 == 3:
            yield spec("sweep", "datadam", {**DATADAM, **JUDGED, "vary": "lambda_task=0,1", "seed": seed})


class Soak:
    """What is asked, killed and seen."""

    def __init__(self, home: Path, seed: int) -> None:
        self.home, self.chance, self.began = home, random.Random(seed), time.monotonic()
        self.asked, self.answers, self.kills = dict[str, Spec](), dict[str, bytes](), Counter[str]()
        self.more, self.server, self.back = questions(), None, 0.0
        self.stopped = list[threading.Timer]()

    def tell(self, what: str) -> None:
        print(f"{time.monotonic() - self.began:7.2f}  {what}", flush=True)

    def serve(self) -> None:
        """Start the server again, some time after it was killed."""
        if self.server is not None and self.server.poll() is None:
            self.back = time.monotonic() + self.chance.uniform(0, 4)
        elif time.monotonic() > self.back:
            command = APP if self.chance.random() < 0.2 else SERVE
            self.server = subprocess.Popen(command, cwd=places.PROJECT, start_new_session=True,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.tell(f"{'app' if command is APP else 'serve'} {self.server.pid} starts")

    def processes(self, what: str) -> list[psutil.Process]:
        """Those of this home."""
        if what == SERVER:
            live = self.server is not None and self.server.poll() is None
            return [psutil.Process(self.server.pid)] if self.server and live else []
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                ours = what in process.cmdline() and process.environ().get("DDCORE_HOME") == str(self.home)
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def strike(self) -> bool:
        """Kill or stop some process; whether there was one."""
        what = self.chance.choices((WORKER, RUNNER, SERVER), (5, 3, 2))[0]
        if not (victims := self.processes(what)):
            return False
        victim = self.chance.choice(victims)
        with suppress(psutil.Error):
            words = " ".join(victim.cmdline()[-2:])
            if self.chance.random() < 0.15:
                seconds = self.chance.uniform(0.5, 6)
                victim.send_signal(signal.SIGSTOP)
                self.stopped.append(timer := threading.Timer(seconds, _signal, (victim, signal.SIGCONT)))
                timer.start()
                self.tell(f"{what} {victim.pid} is stopped for {seconds:.1f} s: {words}")
            else:
                victim.kill()
                self.kills[what] += 1
                self.tell(f"{what} {victim.pid} is killed: {words}")
            return True
        return False

    def errand(self) -> None:
        """What a person does."""
        store, states = Store(), self.states()
        leaves = [run_id for run_id in self.answers if self.asked[run_id].kind in ("describe", "evaluate")]
        match self.chance.choices(("ask", "cancel", "resume", "trash", "pack"), (10, 1, 2, 1, 1))[0]:
            case "ask" if len(Queue().waiting()) < WAITING:
                one = next(self.more)
                self.asked[jobs.submit(one)] = one
                self.tell(f"asked for {one.key}, {one.kind} {one.name}")
            case "cancel" if active := [run_id for run_id, state in states.items() if state in ACTIVE]:
                self.tell(f"cancel {(run_id := self.chance.choice(active))}")
                jobs.cancel(run_id, grace=self.chance.uniform(0.1, 3))
            case "resume" if ended := [run_id for run_id, state in states.items() if state == "cancelled"]:
                self.tell(f"resume {(run_id := self.chance.choice(ended))}")
                jobs.resume(run_id)
            case "trash" if leaves:
                self.tell(f"trash and restore {(run_id := self.chance.choice(leaves))}")
                store.trash(run_id)
                time.sleep(0.1)
                store.restore(run_id)
            case "pack" if leaves:
                self.tell(f"pack {(run_id := self.chance.choice(leaves))}")
                packing.pack(store, run_id, self.home.parent / "one.ddrun", heavy=True)

    def states(self) -> dict[str, str]:
        store = Store()
        return {run_id: store.state(run_id) for run_id in self.asked if store.exists(run_id)}

    def see(self) -> None:
        """Keep what each run answered when it was done."""
        for run_id, state in self.states().items():
            if state == "done" and run_id not in self.answers:
                self.answers[run_id] = (Store().record(run_id).folder / "run.json").read_bytes()
            assert state not in ("failed", "broken"), f"{run_id} {state}: {Store().record(run_id).problem}"

    def disturb(self) -> None:
        """Ask, kill, start again, for SECONDS, and until there were KILLS."""
        end, due, errand = time.monotonic() + SECONDS, 0.0, 0.0
        while (now := time.monotonic()) < end or self.kills.total() < KILLS:
            self.serve()
            if now > due and self.strike():
                due = max(due + self.chance.uniform(0, 2 * EVERY), now - 4 * EVERY)
            if now > errand:
                self.errand()
                errand = now + self.chance.uniform(0, 2)
            self.see()
            time.sleep(0.1)

    def run_dry(self) -> None:
        """Resume what was cancelled, and wait until all is done without asking how it goes."""
        for timer in self.stopped:
            timer.join()
        until(lambda: not any(state in ACTIVE and (Store().record(run_id).folder / CANCEL_FLAG).exists()
                              for run_id, state in self.states().items()), seconds=60)
        for run_id, state in self.states().items():
            if state == "cancelled":
                jobs.resume(run_id)
        self.back = 0.0
        self.serve()
        self.tell("left alone")
        left = time.monotonic()
        until(lambda: not self.serve() and not self.see() and set(self.states().values()) == {"done"}, DRY_SECONDS)
        self.tell(f"dry after {time.monotonic() - left:.0f} s")


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.Error):
        process.send_signal(number)


def timeless(value: Any) -> Any:
    """Without what tells how long something took."""
    if isinstance(value, dict):
        return {name: timeless(v) for name, v in value.items() if "second" not in name}
    return [timeless(one) for one in value] if isinstance(value, list) else value


def told(store: Store, run_id: str) -> dict[str, Any]:
    """All that a run found, bit by bit."""
    record = store.record(run_id)
    read: dict[str, Callable[[Path], Any]] = {
        ".safetensors": lambda path: {name: array.tobytes() for name, array in load_file(path).items()},
        ".npy": lambda path: np.load(path).tobytes(), ".png": Path.read_bytes,
    }
    return {
        "state": record.state, "summary": timeless(record.summary.to_json()),
        "events": [timeless(e) for e in store.events(run_id)[0] if e["event"] != "resumed"],
        "files": {str(path.relative_to(record.folder)): read[path.suffix](path) for path in record.folder.rglob("*.*")
                  if path.suffix in read and path.name != "checkpoint.safetensors"},
    }


@pytest.fixture
def soak(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Soak]:
    """What still runs at the end is killed."""
    for name, value in (("CUDA_VISIBLE_DEVICES", ""), ("DDCORE_RESUMES", "1000"), ("OMP_NUM_THREADS", "1")):
        monkeypatch.setenv(name, value)
    one = Soak(home, SEED)
    yield one
    for what in (SERVER, RUNNER, WORKER):
        for process in one.processes(what):
            process.kill()


@pytest.mark.slow  # ten minutes of kills, and the same again in peace
@pytest.mark.timeout(SECONDS + DRY_SECONDS + 900)
def test_whatever_is_killed_nothing_is_lost_nothing_hangs_and_every_bit_is_the_same(
    soak: Soak, tmp_path: Path
) -> None:
    print(f"DDCORE_SOAK_SEED={SEED} DDCORE_SOAK={SECONDS:.0f}")
    soak.disturb()
    soak.run_dry()
    until(lambda: not soak.processes(WORKER) and not soak.processes(RUNNER), seconds=30)
    again = sum(sessions(Store().record(run_id).folder) - 1 for run_id in soak.asked)
    soak.tell(f"{dict(soak.kills)}, {len(soak.asked)} runs, {again} of their sessions were broken off")

    for run_id, answer in soak.answers.items():
        assert (Store().record(run_id).folder / "run.json").read_bytes() == answer, run_id
    check = subprocess.run([sys.executable, "-m", "ddcore", "check", "--all"], cwd=places.PROJECT, capture_output=True)
    assert check.returncode == 0, check.stderr
    assert Queue().idle()
    assert Queue().interrupted() == {}
    assert [*soak.home.rglob("*.tmp")] == []
    for lock in soak.home.rglob("*.lock"):
        with FileLock(lock, timeout=0):
            pass

    asked = json.dumps([[one.kind, one.name, one.config.values()] for one in soak.asked.values()])
    elsewhere = tmp_path / "undisturbed"
    subprocess.run([sys.executable, "-c", UNDISTURBED], cwd=places.PROJECT, check=True, input=asked.encode(),
                   env={**os.environ, "DDCORE_HOME": str(elsewhere)})
    soaked, peaceful = Store(), Store(elsewhere / "runs")
    every = {record.id for record in peaceful.records()}
    assert {record.id for record in soaked.records()} == every
    for run_id in sorted(every):
        assert told(soaked, run_id) == told(peaceful, run_id), run_id
    for record in peaceful.records():
        assert record.state == "done"

"""A kind of run for tests: counts, and misbehaves on request. Registered through DDCORE_PLUGINS; no torch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import ClassVar, Literal

from ddcore import home
from ddcore.errors import ConfigError
from ddcore.experiments import Kind, Parent, Recorder, Spec, spec
from ddcore.params import Config, Param
from ddcore.summary import Count, Flag, Summary


class ToyConfig(Config):
    """How far to count, how slowly, and what to do wrong."""

    length_param: ClassVar[str] = "steps"

    steps: int = Param(3, label="Steps", help="How far to count.", ge=1)
    pause: float = Param(0.0, label="Pause", help="Seconds between steps.", ge=0, in_key=False)
    seed: int = Param(0, label="Seed", help="Where to start from.", ge=0)
    manner: Literal["good", "fail", "stuck", "crash", "gated"] = Param("good", label="Manner", help="How it behaves.")
    parent: str = Param("", label="Parents", help="Runs to build on, with commas between them.")
    asks: int = Param(0, label="Asks for", help="How many runs to ask for; the total is of those that are done.", ge=0)
    failing: int = Param(0, label="Failing", help="The seed of one of them that fails.", ge=0)
    device: Literal["auto", "cpu"] = Param("auto", label="Device", help="Where.", in_key=False)


class ToySummary(Summary):
    """The sum, and where it was computed."""

    total: Count
    pid: Count
    torch: Flag
    gpus: str | None = None


def run(name: str, config: ToyConfig, recorder: Recorder) -> ToySummary:
    """Add up hashes of the steps: the same sum however often the count was broken off."""
    if config.manner == "fail":
        raise ConfigError(["it cannot be done"])
    if config.asks:
        return _asking(config, recorder)
    if config.manner == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if config.manner == "stuck":
        _stuck(recorder)
    while config.manner == "gated" and not (home.home() / "gate").exists():
        recorder.check_cancelled()
        time.sleep(0.02)
    step, total = 0, config.seed + sum(_total(recorder.parent(run_id)) for run_id in parents(config))
    if (point := recorder.resume_point()) is not None:
        step, total = point[1]["step"], point[1]["total"]
        recorder.note(f"from {step}")
    while step < config.steps:
        recorder.check_cancelled()
        time.sleep(config.pause)
        step += 1
        total = (total * 31 + step) % 1_000_003
        recorder.event("step", step=step, total=total)
        recorder.progress(step, config.steps, "Counting")
        recorder.checkpoint({}, {"step": step, "total": total})
        if step < config.steps:
            recorder.give_way()
        recorder.event("after", step=step)
    return ToySummary(steps=step, total=total, pid=os.getpid(), torch="torch" in sys.modules,
                      gpus=os.environ.get("CUDA_VISIBLE_DEVICES"))


def asked(config: ToyConfig) -> list[Spec]:
    """The runs that a run asks for."""
    return [spec("toy", "toy", {"steps": config.steps, "pause": config.pause, "seed": seed,
                                "manner": "fail" if seed == config.failing else config.manner})
            for seed in range(1, config.asks + 1)]


def _asking(config: ToyConfig, recorder: Recorder) -> ToySummary:
    """Ask for runs, give the slot back, and add up what is done when all have ended."""
    recorder.event("asking")
    ends = {one: recorder.ended(one) for one in asked(config)}
    if missing := [one for one, end in ends.items() if end is None]:
        recorder.wait_for(missing)
    totals = [end.summary.total for end in ends.values() if end and isinstance(end.summary, ToySummary)]
    return ToySummary(steps=len(totals), total=sum(totals), pid=os.getpid(), torch="torch" in sys.modules)


def _total(parent: Parent) -> int:
    assert isinstance(parent.summary, ToySummary)
    return parent.summary.total


def parents(config: ToyConfig) -> tuple[str, ...]:
    """Ids of the runs to build on."""
    return tuple(filter(None, config.parent.split(",")))


def _stuck(recorder: Recorder) -> None:
    """Never look at the cancel flag again, and have a child that would outlive us."""
    child = subprocess.Popen(["sleep", "60"])
    recorder.event("child", pid=child.pid)
    time.sleep(60)


KIND = Kind(
    name="toy",
    title="Toy",
    config=lambda name: ToyConfig,
    summary=ToySummary,
    run=run,
    version=lambda name: int(os.environ.get("TOY_VERSION", "1")),
    parents=parents, aside=os.environ.get("TOY_ASIDE") == "1",
)

"""A course before a deadline, simulated: who waits how long, first come first served and in turns.

    python -m benchmarks.fairness [--seeds 50]

One slot, 30 students, the last 48 hours before a deadline. Each of 29 students asks for Poisson(4) runs, and at least
one; how long before the deadline is exponential with a mean of 12 hours, of what lies within the 48. One student asks
for 50 runs at once, 12 hours before it. A run computes log-normally long, median 10 minutes, σ = 1, from 1 minute to 3
hours. Each session of a worker begins with 20 seconds of start, and can be broken off every 10 seconds after it.

The order is that of the queue itself (ddcore.jobs.turns) with its ledger's half-life of 24 hours; slices are of 10
minutes. Only the clock is simulated: nothing is computed, so figures do not depend on the machine. After the deadline
nobody asks for more, and what waits is computed.

Of each simulated course: the longest wait of a run until it first starts, of all and of the 29 students; how long each
student's first run waits; the slowdown of runs, (end - asked) / (start + computing), and Jain's index of each student's
mean over the 30 students; Jain's index of the seconds that students had the slot between the 50 runs and the deadline;
the share of runs that end before the deadline; the share of the slot's time that starting took. Jain's index is
(Σx)² / (n Σx²): 1 if all have the same, 1/n if one has all.
Writes benchmarks/results/fairness.json.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.machine import keep
from ddcore.hosting.ledger import Session, faded
from ddcore.jobs.turns import is_next, order

STUDENTS, MANY = 30, 50
HOUR = 3600.0
DEADLINE, BURST = 48 * HOUR, 36 * HOUR
START, SAFE = 20.0, 10.0  # seconds of a worker's start, and between two points where it can be broken off
HALF_LIFE = 24.0  # hours
ROWS = {  # figure → words, digits, factor
    "first run, median": ("wait of a student's first run, median, minutes", 1, 1),
    "first run, p95": ("wait of a student's first run, p95, minutes", 0, 1),
    "longest wait, the 29": ("longest wait of a run of the 29 students, hours", 1, 1 / 60),
    "longest wait": ("longest wait of any run, hours", 1, 1 / 60),
    "done by the deadline, the 29": ("runs of the 29 students that end before the deadline, %", 0, 100),
    "done by the deadline": ("runs of all that end before the deadline, %", 0, 100),
    "slowdown, median": ("slowdown of a run, median", 1, 1),
    "Jain of seconds": ("Jain's index of seconds between the 50 runs and the deadline", 2, 1),
    "Jain of slowdown": ("Jain's index of students' mean slowdowns", 2, 1),
    "sessions of a run": ("sessions of a run", 2, 1),
    "share of starting": ("share of the slot's time that workers' starts take, %", 1, 100),
}
POLICIES = {  # whether people take turns, seconds of a slice
    "first come, first served": (False, 0.0), "in turns": (True, 0.0), "in turns, slices of 10 minutes": (True, 600.0),
}


@dataclass
class Run:
    """asked, started, ended: seconds since the beginning; left: of `length`, seconds that are still to compute; number:
    in which order runs were asked for."""

    student: str
    asked: float
    length: float
    left: float
    number: int = 0
    started: float | None = None
    ended: float = 0.0

    @property
    def wait(self) -> float:
        assert self.started is not None
        return self.started - self.asked

    @property
    def slowdown(self) -> float:
        return (self.ended - self.asked) / (START + self.length)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50, help="how many courses [50]")
    asked = parser.parse_args()
    told = {}
    for name, (fair, slice_seconds) in POLICIES.items():
        told[name] = summary([measured(*simulated(course(seed), fair, slice_seconds)) for seed in range(asked.seeds)])
    print("\n".join(table(told)))
    print(keep("fairness", {"seeds": asked.seeds, "students": STUDENTS, "policies": told}))


def table(told: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    """The figures as lines of Markdown: medians over the courses, and between which values nine of ten lie."""
    lines = [f"| {' | '.join(['', *told])} |", "|---" * (1 + len(told)) + "|"]
    for what, (words, digits, factor) in ROWS.items():
        cells = ["{median} ({low} to {high})".format(
            **{bound: f"{factor * value:,.{digits}f}" for bound, value in of[what].items()}) for of in told.values()]
        lines.append(f"| {' | '.join([words, *cells])} |")
    return lines


def course(seed: int) -> list[Run]:
    """What is asked for in one course, first come first."""
    draws = random.Random(seed)
    runs = [_run(draws, "student 0", BURST) for _ in range(MANY)]
    for student in range(1, STUDENTS):
        for _ in range(max(1, _poisson(draws, 4.0))):
            while (before := draws.expovariate(1 / (12 * HOUR))) > DEADLINE:
                pass
            runs.append(_run(draws, f"student {student}", DEADLINE - before))
    runs.sort(key=lambda run: run.asked)
    return [replace(run, number=number) for number, run in enumerate(runs)]


def simulated(runs: list[Run], fair: bool, slice_seconds: float) -> tuple[list[Run], list[Session]]:
    """(the runs, with when they started and ended; the sessions of workers) of one course."""
    now, waiting, coming, sessions = 0.0, list[Run](), list(runs), list[Session]()
    while waiting or coming:
        now = max(now, coming[0].asked) if not waiting else now
        _arrive(waiting, coming, now)
        people = [(run.student,) for run in waiting]
        run = waiting.pop(order(people, faded(sessions, HALF_LIFE, now))[0] if fair else 0)
        run.started = now if run.started is None else run.started
        began, now, worked = now, now + START, 0.0
        while run.left > 0:
            step = min(SAFE, run.left)
            run.left, now, worked = run.left - step, now + step, worked + step
            _arrive(waiting, coming, now)
            over = run.left and slice_seconds and worked >= slice_seconds
            if over and _gives_way(run, waiting, sessions, began, now):
                break
        sessions.append(Session(str(len(sessions)), "", "cpu", now, {run.student: now - began}))
        if run.left:
            waiting.insert(_earlier(run, waiting), run)
        run.ended = now
    return runs, sessions


def _gives_way(run: Run, waiting: list[Run], sessions: list[Session], began: float, now: float) -> bool:
    if all(other.student == run.student for other in waiting):
        return False
    used = faded([*sessions, Session("now", "", "cpu", now, {run.student: now - began})], HALF_LIFE, now)
    return not is_next((run.student,), _earlier(run, waiting), [(one.student,) for one in waiting], used)


def _earlier(run: Run, waiting: list[Run]) -> int:
    return sum(one.number < run.number for one in waiting)


def _arrive(waiting: list[Run], coming: list[Run], now: float) -> None:
    while coming and coming[0].asked <= now:
        waiting.append(coming.pop(0))


def measured(runs: list[Run], sessions: list[Session]) -> dict[str, float]:
    """The figures of one course; times in minutes."""
    by_student: dict[str, list[Run]] = {}
    for run in runs:
        by_student.setdefault(run.student, []).append(run)
    first = sorted(min(each, key=lambda run: run.asked).wait / 60 for each in by_student.values())
    others = [run for run in runs if run.student != "student 0"]
    had = dict.fromkeys(by_student, 0.0)
    for one in sessions:
        for student, seconds in one.seconds.items():
            had[student] += max(0.0, min(one.when, DEADLINE) - max(one.when - seconds, BURST))
    slot = sum(one.length for one in sessions)
    return {
        "longest wait": max(run.wait for run in runs) / 60,
        "longest wait, the 29": max(run.wait for run in others) / 60,
        "first run, median": statistics.median(first), "first run, p95": first[math.ceil(0.95 * len(first)) - 1],
        "slowdown, median": statistics.median(run.slowdown for run in runs),
        "Jain of slowdown": jain([statistics.mean(run.slowdown for run in each) for each in by_student.values()]),
        "Jain of seconds": jain(list(had.values())),
        "done by the deadline": statistics.mean(run.ended <= DEADLINE for run in runs),
        "done by the deadline, the 29": statistics.mean(run.ended <= DEADLINE for run in others),
        "share of starting": START * len(sessions) / slot, "sessions of a run": len(sessions) / len(runs),
        "last end": max(run.ended for run in runs) / 60,
    }


def summary(courses: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Each figure over all courses: its median, and between which it lies in nine of ten."""
    told = {}
    for what in courses[0]:
        values = sorted(one[what] for one in courses)
        low, high = (values[round(share * (len(values) - 1))] for share in (0.05, 0.95))
        told[what] = {"median": round(statistics.median(values), 4), "low": round(low, 4), "high": round(high, 4)}
    return told


def jain(values: Sequence[float]) -> float:
    """Jain's index of fairness, from 1/n to 1."""
    return sum(values) ** 2 / (len(values) * sum(value * value for value in values))


def _run(draws: random.Random, student: str, asked: float) -> Run:
    length = min(max(draws.lognormvariate(math.log(600.0), 1.0), 60.0), 3 * HOUR)
    return Run(student, asked, length, length)


def _poisson(draws: random.Random, mean: float) -> int:
    """A draw (Knuth, The Art of Computer Programming 2, 3.4.1)."""
    left, number = math.exp(-mean), 0
    product = draws.random()
    while product > left:
        product *= draws.random()
        number += 1
    return number


if __name__ == "__main__":
    main()

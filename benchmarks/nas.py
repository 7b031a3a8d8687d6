"""Architecture search: how much faster a space is trained in stacks, and how well small sets rank it.

    python -m benchmarks.nas stacked --dataset mnist --device cpu
    python -m benchmarks.nas stacked --dataset digits --device cpu --steps 5 --pairs 1     (to try it)
    python -m benchmarks.nas answer --dataset mnist --preset quick --distil dm datadam
    python -m benchmarks.nas answer --dataset mnist --preset course --distil dm datadam    (wants a CUDA GPU)

stacked trains every network of the space on the same images, with the functions that a search uses: those of one shape
in one vectorised pass, and each network of each seed in a pass of its own, in turn; only the training is timed. `ratio`
is one by one over stacked, median of the rounds. Whether both ways rank the networks alike stands beside: the rank
correlation of their validation accuracies (rounding may turn single images).

answer distils sets with the quick presets (course: the methods' own presets for a GPU) and has the command line rank
the space on them, on random real images and by early stopping, in a home of its own. Writes
benchmarks/results/nas_<what>_<dataset>_<device>.json, with fewer than three pairs trial_….json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from typing import TYPE_CHECKING, Any

from benchmarks import paired
from benchmarks.accuracy import command
from benchmarks.machine import described, keep

if TYPE_CHECKING:
    from ddcore.experiments.trial import TrialSummary

JUDGED = 500  # validation images by which both ways are held to each other
DISTILLED = {"quick": {}, "course": {"dm": "paper", "datadam": "course"}}  # preset of a search → presets of its sets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = parser.add_subparsers(dest="what", required=True)
    stacks = ways.add_parser("stacked", help="time stacked training against one network after another")
    stacks.add_argument("--dataset", default="mnist")
    stacks.add_argument("--space", default="course")
    stacks.add_argument("--steps", type=int, default=10, help="of each training [10]")
    stacks.add_argument("--nets", type=int, default=3, help="seeds of each network [3]")
    stacks.add_argument("--pairs", type=int, default=3, help="how often each way is timed [3]")
    stacks.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    answers = ways.add_parser("answer", help="rank a space on small sets, compared with the whole data")
    answers.add_argument("--dataset", default="mnist")
    answers.add_argument("--preset", default="quick", choices=sorted(DISTILLED))
    answers.add_argument("--distil", nargs="*", default=[], help="methods whose sets are proxies too")
    answers.add_argument("--home", help="keep the runs here, so that a long benchmark that was stopped goes on")
    asked, more = parser.parse_known_args()
    if asked.what == "answer":
        answer(asked, more)
    else:
        parser.parse_args()
        stacked(parser, asked)


def stacked(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> None:
    """Train the space in both ways, in turn."""
    import torch

    from ddcore.data.resident import Resident
    from ddcore.experiments import trial
    from ddcore.experiments.search import SearchConfig

    where = paired.placed(parser, asked)
    values = {"dataset": asked.dataset, "space": asked.space, "steps": asked.steps, "nets": asked.nets, "lr": 0.05,
              "batch_size": 50, "device": where.type}
    config = SearchConfig.build(values)
    trials = [config.trial(one) for one in config.members()]
    groups = trial.groups(trials, torch.device("cuda"))  # by shape, on whatever device
    data = trial.TrialData(config, Quiet())  # type: ignore[arg-type]
    judge = data.val  # a part of it: judging is not timed
    data.val = Resident(judge.images[:JUDGED], judge.labels[:JUDGED], judge.classes, judge.mean, judge.std)
    seconds: dict[str, list[float]] = {"stacked": [], "one by one": []}
    for _ in range(asked.pairs):
        one_go = [one for group in groups for one in trial.train_group(group, data, stacked=True)]
        singly = [one for group in groups for each in group for one in trial.train_group([each], data, stacked=False)]
        for name, summaries in (("stacked", one_go), ("one by one", singly)):
            seconds[name].append(sum(one.seconds_train or 0 for one in summaries))
    result = {
        "device": where.type, "dataset": asked.dataset, "space": asked.space, "networks": len(trials),
        "groups": len(groups), "steps": asked.steps, "seeds": asked.nets, "batch_size": config.batch_size,
        "ratio": statistics.median(b / a for a, b in zip(*seconds.values(), strict=True)),
        "seconds": {name: statistics.median(rounds) for name, rounds in seconds.items()}, "rounds": seconds,
        "n": asked.pairs, **alike(one_go, singly),
    }
    print(json.dumps(result))
    kind = "nas" if asked.pairs >= paired.LEAST_PAIRS else "trial_nas"
    print(keep(f"{kind}_stacked_{asked.dataset}_{where.type}", result))


def alike(some: list[TrialSummary], others: list[TrialSummary]) -> dict[str, float]:
    """How far the mean accuracies of the same networks are apart, and the rank correlation of both."""
    from scipy.stats import spearmanr

    pairs = [(a.accuracy.mean, b.accuracy.mean) for a, b in zip(some, others, strict=True)]
    ranks = float(spearmanr(*zip(*pairs, strict=True)).statistic)
    return {"accuracies_apart": max(abs(a - b) for a, b in pairs), "rank_correlation": ranks}


class Quiet:
    """A recorder that keeps nothing: trials are computed anew in every round."""

    def progress(self, done: int, total: int, phase: str = "") -> None: ...

    def note(self, text: str) -> None: ...

    def check_cancelled(self) -> None: ...

    def slice_over(self) -> bool:
        return False

    def checkpoint(self, tensors: Any, meta: Any) -> None: ...

    def answered(self, question: Any) -> None: ...


def answer(asked: argparse.Namespace, more: list[str]) -> None:
    """Distil, rank, and hold the ranking against the truth, through the command line."""
    with tempfile.TemporaryDirectory() as empty:
        home = os.path.abspath(asked.home or empty)
        sets = []
        for method in asked.distil:
            preset = DISTILLED[asked.preset].get(method, "quick")
            sets.append(command(home, "run", method, "--preset", preset, "--dataset", asked.dataset, "--wait"))
        proxies = ",".join(["random", "early", *(one["run"] for one in sets)])
        found = command(home, "nas", "--dataset", asked.dataset, "--preset", asked.preset, "--proxies", proxies, *more,
                        "--wait")
    device = "cuda" if described()["gpu"] else "cpu"
    print(json.dumps(found))
    print(keep(f"nas_{asked.preset}_{asked.dataset}_{device}", {"device": device, "sets": sets, "answer": found}))


if __name__ == "__main__":
    main()

"""A distilled set and its controls under one protocol: what exists, what is missing, and how to compute it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ddcore.evaluation import plans
from ddcore.evaluation.plans import Plan, Question, undertrained
from ddcore.experiments import Spec
from ddcore.experiments.evaluate import EvaluateConfig
from ddcore.lazy import pd
from ddcore.report import names, tables, text
from ddcore.runs.sharing import repeats
from ddcore.runs.store import RunRecord, Store, begun
from ddcore.settings import NETWORK_OPTIONS, network_title
from ddcore.summary import BESIDE, Scores, Summary

FINAL = "The images this run made."
_USUAL = {"images": "images", "step": None, "split": "test", "labels": "learnt", "augment": None}
RANDOM = "As many real training images per class, drawn at random."


@dataclass(frozen=True)
class Result:
    """One line of the comparison.

    role: final, initial, initial_hard, random_real, full or that of a method's variation; specs: what to submit, in
    order, to get it; record: the run that answers it, in whatever state, or an imported one as long as it was never
    asked for here, None without either;
    scores: once it is computed, of full data what `full_data` tells.
    """

    role: str
    title: str
    help: str
    specs: tuple[Spec, ...]
    record: RunRecord | None
    scores: Scores | None

    @property
    def active(self) -> bool:
        """Whether it is being computed, or waits for its turn."""
        return self.record is not None and self.record.active

    @property
    def done(self) -> bool:
        """Whether its run is finished."""
        return self.record is not None and self.record.state == "done" and not self.imported

    @property
    def imported(self) -> bool:
        """Whether what is known of it was computed elsewhere: shown, and no answer."""
        return self.record is not None and self.record.imported is not None

    @property
    def missing(self) -> bool:
        """Whether it is neither known nor under way: never asked for, or ended early."""
        return (self.scores is None or self.imported) and not self.active and not self.done


def results(store: Store, run: RunRecord, question: Question) -> list[Result]:
    """The distilled set first, then its controls: initial images, variations, random real images, full data."""
    plan = plans.plan(run, question)
    title = "Distilled images" if plan.initial else "Chosen real images"
    lines = [result(store, "final", title, FINAL, plan.final), *_initial(store, plan)]
    lines += [result(store, one.role, one.title, one.help, one.distil, one.evaluation) for one in plan.variations]
    lines.append(result(store, "random_real", "Random real images", RANDOM, plan.random, plan.random_real))
    warning = undertrained(plan.full_passes)
    what = "The same network and training setting on all training images"
    what += f". {warning}" if warning else ": the ceiling."
    lines.append(result(store, "full", "Full training data", what, plan.full, scores=plans.full_data(plan, store)))
    return lines


def distinct(rows: list[Result]) -> list[Result]:
    """Without a line that asks what another one asked before: random real images are their own control."""
    return [row for i, row in enumerate(rows) if all(row.specs[-1] != other.specs[-1] for other in rows[:i])]


def _initial(store: Store, plan: Plan) -> list[Result]:
    """What the set was before its first step, if it had one; with and without its soft labels, where it has any."""
    if not plan.initial:
        return []
    what = "What the images were before the first step"
    if not plan.initial_hard:
        return [result(store, "initial", "Initial images, undistilled", f"{what}.", plan.initial)]
    soft, hard = "with the soft labels that they started with", "with their class labels alone"
    return [result(store, "initial", "Initial images, soft labels", f"{what}, {soft}.", plan.initial),
            result(store, "initial_hard", "Initial images, class labels", f"{what}, {hard}.", plan.initial_hard)]


def result(store: Store, role: str, title: str, help: str, *specs: Spec, scores: Scores | None = None) -> Result:
    """What is known of the last of these specs; scores: where they are more than what that run says."""
    record = store.record(specs[-1].key) if store.exists(specs[-1].key) else store.imported(specs[-1])
    called = title + (names.mark(record) if record else "")
    return Result(role, called, help, specs, record, scores or (record.summary.scores if record else None))


def with_fewer(store: Store, line: Result) -> RunRecord | None:
    """The finished run of most networks, fewer than this line asks for, from which its own goes on."""
    question = line.specs[-1]
    return begun(question, store.records(question.kind))


def last_evaluation(store: Store, run: RunRecord, *, done: bool = False) -> RunRecord | None:
    """The newest evaluation of this run's result on the test images, in whatever state or among those done."""
    return next(iter(evaluations(store, run, done=done)), None)


def evaluations(store: Store, run: RunRecord, *, done: bool = False) -> list[RunRecord]:
    """The evaluations of this run's result on the test images, newest first, imported ones behind those from here;
    done: only finished ones.

    Those of snapshots, on the validation split or with another augmentation answer questions beside the main one.
    """
    found = [r for r in store.records("evaluate")
             if r.config.get("run") == run.id and of_the_result(r) and (r.state == "done" or not done)]
    return sorted(found, key=lambda r: r.imported is not None)


def of_the_result(evaluation: RunRecord) -> bool:
    """Whether an evaluation asks the main question: how good are the images that a run made, on the test images?"""
    return _USUAL.items() <= {**_USUAL, **evaluation.config}.items()  # older ones lack some of these parameters


def question_of(evaluation: RunRecord) -> Question:
    """What this evaluation asked, so that a page can show its numbers again beside the controls."""
    config = evaluation.config
    names = ("protocol", "nets", "batch_size", "augment", "split", "labels", "seed")
    network = {name: config.get(name) for name in ("network", *NETWORK_OPTIONS)}
    return Question(**{name: config[name] for name in names if name in config}, network=network)


def setting(rows: list[Result]) -> str:
    """ "ConvNet-3, width 32 · protocol course, batch 10": what was trained, and how, the same for every line."""
    config = rows[0].specs[-1].config
    assert isinstance(config, EvaluateConfig)
    return f"{network_title(config.values())} · protocol {config.protocol_label()}"


def table(rows: list[Result]) -> pd.DataFrame:
    """One row a line: name, accuracy, balanced_accuracy, auc (texts), mean, std (percent), images, steps, seconds of
    training one network, state."""
    summaries = [row.record.summary if row.record else Summary() for row in rows]
    return pd.DataFrame([{"name": row.title, **accuracies(row.scores), "images": summary.images, "steps": summary.steps,
                          "seconds": summary.seconds_train, "state": state(row)}
                         for row, summary in zip(rows, summaries, strict=True)])


def accuracies(scores: Scores | None) -> dict[str, Any]:
    """Columns for one result: accuracy, balanced_accuracy, auc (texts, the latter without n), mean, std (percent)."""
    accuracy = scores.accuracy if scores else None
    others = {name: text.spread(scores.get(name) if scores else None) for name in BESIDE}
    return {"accuracy": text.accuracy(accuracy), **others, **tables.spread(accuracy)}


def beside(rows: Iterable[Result]) -> tuple[str, ...]:
    """Which of "balanced_accuracy" and "auc" to show beside these accuracies; () until one is computed."""
    return next((tables.beside(summary) for summary in _summaries(rows)), ())


def majority(rows: Iterable[Result]) -> float | None:
    """Accuracy in percent of always answering the most frequent class of what judges, once one line is computed."""
    return next((100 * s.majority for s in _summaries(rows) if s.majority is not None), None)


def notes(rows: Iterable[Result]) -> list[str]:
    """What must be known of these numbers, each sentence once."""
    return list(dict.fromkeys(note for summary in _summaries(rows) for note in summary.notes))


def no_ceiling(rows: Iterable[Result]) -> str:
    """That the full data among these lines is no ceiling, where it is computed and that is so; else ""."""
    return next((undertrained(row.scores.passes) for row in rows if row.role == "full" and row.scores), "")


def _summaries(rows: Iterable[Result]) -> Iterator[Summary]:
    return (row.record.summary for row in rows if row.scores and row.record and row.record.state == "done")


def speed_up(rows: list[Result]) -> tuple[float, float] | None:
    """(seconds of training one network on the small set, on the full set) once both are known.

    None where both learn as many steps of as many images, so that only what else the machine did tells them apart.
    """
    final = next((r for r in rows if r.role == "final" and r.record), None)
    if final and _same_work(final):
        return None
    seconds = {r.role: r.scores.seconds_train or (r.record.summary.seconds_train if r.record else None)
               for r in rows if r.scores}
    small, full = seconds.get("final"), seconds.get("full")
    return (small, full) if small and full else None


def _same_work(final: Result) -> bool:
    """Whether a network learns this set as long as the full data: told in steps, in batches that the set fills."""
    config = final.specs[-1].config
    assert isinstance(config, EvaluateConfig)
    training, images = config.training(), final.record.summary.images if final.record else None
    return training.steps is not None and (images or 0) >= training.batch_size


@dataclass(frozen=True)
class SeedRow:
    """One distillation seed: its run, the set's result and that of its own random real images."""

    seed: int
    run: RunRecord
    final: Result
    random_real: Result


@dataclass(frozen=True)
class Seeds:
    """A set distilled from several seeds.

    scores: over all networks of all seeds evaluated so far, random_real likewise; None while none is.
    """

    scores: Scores | None
    random_real: Scores | None
    rows: tuple[SeedRow, ...]


def siblings(store: Store, run: RunRecord) -> list[RunRecord]:
    """The finished runs that differ from this one in the seed alone, itself included, by seed."""
    return sorted(alike(store, run, "seed"), key=lambda record: record.config["seed"])


def alike(store: Store, run: RunRecord, *varied: str) -> list[RunRecord]:
    """The finished runs of the same method and data that differ from this one in `varied` alone, itself included; none
    that repeats another one."""
    question = run.without(*varied)
    runs = [r for r in store.records(run.kind)
            if r.id == run.id or (r.state == "done" and r.without(*varied) == question)]
    again = repeats(runs)
    left_out = {*again, again.get(run.id)} - {run.id}
    return [r for r in runs if r.id not in left_out]


def over_seeds(store: Store, run: RunRecord, question: Question) -> Seeds | None:
    """The same question put to every seed of this run; None where it was distilled from one seed only."""
    runs = siblings(store, run)
    if len(runs) < 2:
        return None
    rows = tuple(_seed_row(store, sibling, question) for sibling in runs)
    final, random = (row.final.scores for row in rows), (row.random_real.scores for row in rows)
    return Seeds(plans.pooled(final), plans.pooled(random), rows)


def _seed_row(store: Store, run: RunRecord, question: Question) -> SeedRow:
    seed, plan = run.config["seed"], plans.plan(run, question)
    final = result(store, f"final {seed}", f"Seed {seed}: distilled images", FINAL, plan.final)
    title = f"Seed {seed}: random real images"
    return SeedRow(seed, run, final, result(store, f"random_real {seed}", title, RANDOM, plan.random, plan.random_real))


def seeds_table(seeds: Seeds) -> pd.DataFrame:
    """One row a seed: seed, run (id), accuracy, balanced_accuracy, auc, random_real (texts), mean, std (percent),
    state."""
    return pd.DataFrame([{"seed": row.seed, "run": row.run.id, **accuracies(row.final.scores),
                          "random_real": accuracies(row.random_real.scores)["accuracy"], "state": state(row.final)}
                         for row in seeds.rows])


def state(result: Result) -> str:
    """ "done", "running", …, or "not computed" where it was never asked for here."""
    if result.imported:
        return "imported"
    return result.record.state if result.record else "not computed"

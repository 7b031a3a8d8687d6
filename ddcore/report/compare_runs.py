"""Chosen runs side by side: what speaks for each, beside its controls, and what it cost."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from ddcore import counts
from ddcore.data import DATASETS
from ddcore.errors import DDCoreError, RunNotFound
from ddcore.evaluation.plans import pooled, undertrained
from ddcore.experiments.baseline import BaselineSummary
from ddcore.experiments.distill import DistillSummary
from ddcore.lazy import pd
from ddcore.methods import METHODS
from ddcore.networks import NETWORKS
from ddcore.report import differences, figures, names, results, tables
from ddcore.runs.sharing import repeats
from ddcore.runs.store import RunRecord, Store
from ddcore.settings import network_title
from ddcore.summary import Accuracy, Scores, Summary

MOST = 24  # runs compared at once: more cannot be told apart in a chart, and a table of all runs is at hand
FLOAT_BYTES = 4  # a set is kept in float32
LONGEST_LABEL = 34  # letters of a label up to which it tells how a run departs from its preset
MORE = re.compile(r"(^|· )\d+ more( ·|$)")  # in an automatic name: departures for which there was no room
OWN = "own setting"
VIOLET, BROWN = "#7B3FE4", "#8B5A2B"  # told from all others by colour-blind eyes too, and seen on white and on black
RUN_COLOURS = (*(colour for colour in figures.COLOURS if colour != figures.MAJORITY), VIOLET, BROWN)


@dataclass(frozen=True)
class Compared:
    """One chosen run.

    label: short and unlike the others', for legends; it may hold anybody's words. colour: in every chart. evaluation:
    the finished run whose scores these are, the run itself where it tests a network. controls: role (initial,
    initial_hard, random_real, full, …) → scores, of those known. seconds_parents: None where one of them is gone.
    seeds: where several seeds are taken together, the mean accuracy of each. repeats: whether another one that was
    chosen asks the very same, so that where numbers are pooled these do not count.
    """

    record: RunRecord
    label: str
    colour: str
    evaluation: RunRecord | None
    scores: Scores | None
    controls: Mapping[str, Scores]
    seconds_parents: float | None
    seeds: tuple[float, ...] = ()
    repeats: bool = False

    def score(self, name: str) -> Accuracy | None:
        """Its accuracy, balanced_accuracy or auc."""
        return self.scores.get(name) if self.scores else None

    @property
    def accuracy(self) -> Accuracy | None:
        return self.score("accuracy")

    @property
    def accuracies(self) -> tuple[float, ...]:
        """Of each network."""
        return self.accuracy.each if self.accuracy else ()


def compared(store: Store, records: Sequence[RunRecord], setting: str | None = None) -> list[Compared]:
    """The chosen runs with what is known of them; setting: one of `settings`, else each run's newest evaluation."""
    evaluations = [next((e for e in _evaluations(store, record) if setting in (None, setting_of(e))), None)
                   for record in records]
    sets = {run_id: store.record(run_id) for record in records
            if (run_id := str(record.config.get("run"))) and store.exists(run_id)}
    again = repeats([record for record, one in zip(records, evaluations, strict=True) if one], sets)
    return [
        Compared(
            record=record, label=marked(label, record, evaluation), colour=RUN_COLOURS[i % len(RUN_COLOURS)],
            evaluation=evaluation, scores=evaluation.summary.scores if evaluation else None,
            controls=_controls(store, record, evaluation), seconds_parents=_seconds_parents(store, record),
            repeats=record.id in again,
        )
        for i, (record, label, evaluation) in enumerate(zip(records, labels(records), evaluations, strict=True))
    ]


def by_question(store: Store, runs: Sequence[Compared]) -> list[list[Compared]]:
    """The runs in groups that differ in their seeds alone, each in the place of its first."""
    tested = {str(run.record.config["run"]) for run in runs if run.record.config.get("run")}
    sets = {run_id: differences.question(store.record(run_id)) for run_id in tested if store.exists(run_id)}
    groups: dict[str, list[Compared]] = {}
    for run in runs:
        groups.setdefault(differences.question(run.record, sets), []).append(run)
    return list(groups.values())


def seeds_together(store: Store, runs: Sequence[Compared]) -> list[Compared]:
    """One for all seeds of a question: accuracies of all networks of those that were judged like the first judged.

    Times and peak memory are means over the seeds; the rest is the first seed's.
    """
    groups = by_question(store, [run for run in runs if not run.repeats])
    called = labels([group[0].record for group in groups])
    return [_over_seeds(name, group) if len(group) > 1 else replace(group[0], label=_called(name, group[0]))
            for name, group in zip(called, groups, strict=True)]


def _over_seeds(name: str, seeds: Sequence[Compared]) -> Compared:
    judged_on = next((measured_on(seed) for seed in seeds if seed.evaluation), None)
    judged = [seed for seed in seeds if seed.evaluation and measured_on(seed) == judged_on] or list(seeds)
    number = f"{len(seeds)} seeds" if len(judged) == len(seeds) else f"{len(judged)} of {len(seeds)} seeds judged"
    controls: dict[str, list[Scores]] = {}
    for seed in judged:
        for role, scores in seed.controls.items():
            controls.setdefault(role, []).append(scores)
    return replace(
        judged[0], label=_called(f"{names.of_seeds(name)} · {number}", *judged),
        record=_mean_record([seed.record for seed in seeds]),
        evaluation=_mean_evaluation([seed.evaluation for seed in judged if seed.evaluation]),
        seconds_parents=_mean([seed.seconds_parents for seed in seeds]),
        seeds=tuple(statistics.mean(seed.accuracies) for seed in judged if seed.accuracies),
        scores=pooled(seed.scores for seed in judged),
        # The full data's networks are the same for every seed of the set.
        controls={role: each[0] if role == "full" else pooled(each) or each[0] for role, each in controls.items()},
    )


def _called(label: str, *runs: Compared) -> str:
    return marked(label, *chain.from_iterable((run.record, run.evaluation) for run in runs))


def marked(label: str, *records: RunRecord | None) -> str:
    """The label, with the mark of imported runs where one of those whose numbers stand under it is one."""
    came = any(record is not None and record.imported is not None for record in records)
    return f"{label}{names.IMPORTED}" if came and names.IMPORTED not in label else label


def _mean_record(records: Sequence[RunRecord]) -> RunRecord:
    """The first record with the mean time and peak memory of all."""
    first = records[0]
    times = {**(first.info.get("times") or {}), "seconds": _mean([seconds(record) for record in records])}
    memory = _mean([record.info.get("peak_memory_bytes") for record in records])
    return replace(first, info={**first.info, "times": times, "peak_memory_bytes": memory})


def _mean_evaluation(evaluations: Sequence[RunRecord]) -> RunRecord | None:
    """The first evaluation with the mean time of training one network of all; None where there is none."""
    if not evaluations:
        return None
    first, seconds_train = evaluations[0], _mean([one.summary.seconds_train for one in evaluations])
    return replace(first, summary=first.summary.model_copy(update={"seconds_train": seconds_train}))


def _mean(values: Sequence[float | None]) -> float | None:
    """None where one is not known."""
    known = [value for value in values if value is not None]
    return statistics.mean(known) if known and len(known) == len(values) else None


def settings(store: Store, records: Iterable[RunRecord]) -> list[str]:
    """The settings under which chosen runs were tested, that of most runs first, of several the one last asked for."""
    each = [list(_evaluations(store, record)) for record in records]
    runs = Counter(chain.from_iterable(set(map(setting_of, evaluations)) for evaluations in each))
    by_age = sorted(chain.from_iterable(each), key=lambda evaluation: evaluation.created)
    asked = {setting_of(evaluation): evaluation.created for evaluation in by_age}
    return sorted(runs, key=lambda setting: (-runs[setting], -asked[setting]))


def setting_of(evaluation: RunRecord) -> str:
    """ "ConvNet-3, width 64 · protocol course": on which network and how the accuracy of this run was measured.

    Where that was on the validation split, it says so: such an accuracy is for choosing, and compares with no other.
    """
    accuracy = evaluation.summary.accuracy
    protocol = (accuracy and accuracy.protocol) or OWN
    on_validation = "val" in (evaluation.config.get("split"), accuracy and accuracy.split)
    split = " · validation split" if on_validation else ""
    return f"{network_title(evaluation.config)} · protocol {protocol}{split}"


def measured_on(run: Compared) -> str | None:
    """Data set, side of its images and setting of an accuracy: only equal ones compare. None where there is none."""
    if run.evaluation is None:
        return None
    config = run.evaluation.config
    return f"{config.get('dataset')}, {config.get('resolution')} px · {setting_of(run.evaluation)}"


def labels(records: Sequence[RunRecord]) -> list[str]:
    """A short name for each run that no other of them has: its title without what all share.

    Where these are long or leave something out, only what they are, and of equal ones the parameters that tell them
    apart.
    """
    short = _unshared([tables.title(record) for record in records])
    if any(len(label) > LONGEST_LABEL or MORE.search(label) for label in short):
        short = _unshared([names.heading(record) for record in records])
    for places in _repeated(short):
        words = names.apart([records[place] for place in places])
        for place in places:
            short[place] = " · ".join([short[place], *words[records[place].id]])
    for places in _repeated(short):
        for place in places:
            short[place] += f" · {records[place].id[:6]}"
    return short


def _unshared(titles: Sequence[str]) -> list[str]:
    """These titles without the parts that all have; all with their first where one would have nothing else."""
    parts = [title.split(" · ") for title in titles]
    shared = set.intersection(*map(set, parts)) if len(parts) > 1 else set()
    own = [[part for part in title if part not in shared] for title in parts]
    if not all(own):
        own = [[title[0], *(part for part in title[1:] if part not in shared)] for title in parts]
    return [" · ".join(title) for title in own]


def _repeated(labels: Sequence[str]) -> list[list[int]]:
    """The places of each label that stands at several."""
    return [[place for place, other in enumerate(labels) if other == label]
            for label, number in Counter(labels).items() if number > 1]


def _evaluations(store: Store, record: RunRecord) -> list[RunRecord]:
    """The finished runs that tested this one, newest first; the run itself where it tests a network."""
    if record.summary.accuracy:
        return [record]
    return results.evaluations(store, record, done=True)


def _controls(store: Store, record: RunRecord, evaluation: RunRecord | None) -> dict[str, Scores]:
    """What stands beside a set's accuracy in the same setting; nothing for a data set that is not here."""
    if evaluation is None or evaluation.id == record.id:
        return {}
    try:
        rows = results.results(store, record, results.question_of(evaluation))
    except DDCoreError:
        return {}
    return {row.role: row.scores for row in rows if row.scores and row.role != "final"}


def _seconds_parents(store: Store, record: RunRecord) -> float | None:
    """Seconds that all runs took on which this one builds, however far back; None where one of them is gone."""
    total: float = 0
    seen, ids = set[str](), list(record.info.get("parents") or ())
    while ids:
        if (run_id := ids.pop()) in seen:
            continue
        seen.add(run_id)
        try:
            parent = store.record(run_id)
        except RunNotFound:
            return None
        if (taken := seconds(parent)) is None:
            return None
        total += taken
        ids += parent.info.get("parents") or ()
    return total


def seconds(record: RunRecord) -> float | None:
    """Wall time of a finished run, of all its sessions."""
    return (record.info.get("times") or {}).get("seconds") if record.state == "done" else None


NUMBERS = (
    "label", "run", "kind", "method", "dataset", "ipc", "network", "protocol", "mean", "std", "n", "balanced", "auc",
    "gain", "initial", "initial_hard", "random_real", "full", "majority", "macs", "flops", "flops_training",
    "seconds_train", "seconds_train_full", "seconds_distill", "seconds_parents", "seconds_all", "peak_memory_bytes",
    "stored_floats", "stored_bytes", "group",
)


def numbers(runs: Iterable[Compared]) -> pd.DataFrame:
    """One row a run, its columns NUMBERS; accuracies in percent, None where not known.

    macs: of one image forward through the evaluation network, else that distilled on, flops twice that; flops_training:
    of training one such network on the set, forward and backward at three times a forward. seconds_train: of one
    network on the small set, seconds_train_full: on the whole; seconds_distill: of the run, seconds_parents: of all
    that it builds on, 0 where that is nothing, seconds_all: both. gain: points over random real images. group: what the
    accuracy was measured on, None without one.
    """
    return pd.DataFrame([_numbers(run) for run in runs], columns=list(NUMBERS))


def _numbers(run: Compared) -> dict[str, Any]:
    record, evaluation, accuracy, controls = run.record, run.evaluation, run.accuracy, run.controls
    summary, full = evaluation.summary if evaluation else Summary(), controls.get("full")
    on_all_data, distilled = isinstance(record.summary, BaselineSummary), isinstance(record.summary, DistillSummary)
    macs, floats, distilling = _macs(evaluation or record), stored_floats(run), seconds(record) if distilled else None
    random_real = controls["random_real"].accuracy if "random_real" in controls else None
    return {
        "label": run.label, "run": record.id, "kind": record.kind, "method": method(record),
        "dataset": record.config.get("dataset"), "ipc": ipc(record),
        "network": network_title(evaluation.config) if evaluation else None,
        "protocol": accuracy and accuracy.protocol, **tables.spread(accuracy), "n": accuracy and accuracy.n,
        "gain": 100 * (accuracy.mean - random_real.mean) if accuracy and random_real else None,
        "balanced": _percent(run.score("balanced_accuracy")), "auc": _percent(run.score("auc")),
        **{role: _percent(controls[role].accuracy if role in controls else None)
           for role in ("initial", "initial_hard", "random_real", "full")},
        "majority": None if summary.majority is None else 100 * summary.majority,
        "macs": macs, "flops": macs and 2 * macs, "flops_training": evaluation and training_flops(evaluation),
        "seconds_train": None if on_all_data else summary.seconds_train,
        "seconds_train_full": summary.seconds_train if on_all_data else full and full.seconds_train,
        "seconds_distill": distilling, "seconds_parents": run.seconds_parents,
        "seconds_all": None if distilling is None or run.seconds_parents is None else distilling + run.seconds_parents,
        "peak_memory_bytes": record.info.get("peak_memory_bytes"),
        "stored_floats": floats, "stored_bytes": floats and FLOAT_BYTES * floats, "group": measured_on(run),
    }


def no_ceiling(runs: Iterable[Compared]) -> list[str]:
    """For each setting in which full data stands there and is no ceiling, a sentence that says so."""
    return list(dict.fromkeys(
        f"{measured_on(run)}: {warning}" for run in runs if run.evaluation and (warning := undertrained(_passes(run)))
    ))


def _passes(run: Compared) -> float | None:
    """How often the full-data network beside this run saw the training images, or that which it trained itself."""
    summary, batch = run.record.summary, run.record.config.get("batch_size")
    if not isinstance(summary, BaselineSummary):
        return run.controls["full"].passes if "full" in run.controls else None
    if not (batch and summary.images and summary.steps):
        return None
    return counts.passes(summary.images, batch, summary.steps)


def method(record: RunRecord) -> str:
    """What made a set, by the name that it has with its parameters, as DATM of PAD; of an evaluation the method whose
    set it tested; of other kinds their own title."""
    declared = record.declared
    if declared and declared.makes_images and declared.label:
        return declared.label(record.name, record.config, record.summary)
    name = record.summary.source.method if record.summary.source else record.name
    return METHODS[name].title if name and name in METHODS else tables.kind(record.kind)


def stored_floats(run: Compared) -> int | None:
    """How many numbers the set takes; None where nobody counted."""
    return run.record.summary.stored_floats or (run.evaluation and run.evaluation.summary.stored_floats) or None


def ipc(record: RunRecord) -> int | None:
    return record.config.get("ipc") or (record.summary.source.ipc if record.summary.source else None)


def _percent(accuracy: Accuracy | None) -> float | None:
    return tables.spread(accuracy)["mean"]


def _macs(record: RunRecord) -> int | None:
    """Of the network that was tested, else of that distilled on; None where its size is not known here."""
    if record.summary.macs:
        return record.summary.macs
    config = record.config
    name, dataset = str(config.get("network")), str(config.get("dataset"))
    if name not in NETWORKS or dataset not in DATASETS:
        return None
    facts = DATASETS[dataset]
    options = {option: value for option in NETWORKS[name].options if (value := config.get(option)) is not None}
    return counts.macs(name, facts.shape(config.get("resolution") or facts.resolution), len(facts.classes), options)


def training_flops(evaluation: RunRecord) -> float | None:
    """FLOPs of training one of its networks, forward and backward at three times a forward; None where not known."""
    summary = evaluation.summary
    macs, batch = _macs(evaluation), summary.batch_size or evaluation.config.get("batch_size")
    if not macs or not batch or not summary.steps:
        return None
    images = summary.images or batch
    return 6.0 * macs * summary.steps * images / -(-images // batch)  # the last batch of an epoch may be smaller

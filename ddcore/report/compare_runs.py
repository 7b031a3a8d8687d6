"""Chosen runs side by side: what speaks for each, beside its controls, and what it cost."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from ddcore.report import differences, figures, results, tables, text
from ddcore.runs.store import RunRecord, Store
from ddcore.settings import network_title
from ddcore.summary import Accuracy, Scores, Summary

MOST = 24  # runs compared at once: more cannot be told apart in a chart, and a table of all runs is at hand
MOST_NAMED = 3  # parameters in a label
FLOAT_BYTES = 4  # a set is kept in float32
OWN = "own setting"
RUN_COLOURS = tuple(colour for colour in figures.COLOURS if colour != figures.MAJORITY)  # that one means something


@dataclass(frozen=True)
class Compared:
    """One chosen run.

    label: short and unlike the others', for legends; it may hold anybody's words. colour: in every chart. evaluation:
    the finished run whose scores these are, the run itself where it tests a network. controls: role (initial,
    initial_hard, random_real, full, …) → scores, of those known. seconds_parents: None where one of them is gone.
    seeds: where several seeds are taken together, the mean accuracy of each.
    """

    record: RunRecord
    label: str
    colour: str
    evaluation: RunRecord | None
    scores: Scores | None
    controls: Mapping[str, Scores]
    seconds_parents: float | None
    seeds: tuple[float, ...] = ()

    @property
    def accuracy(self) -> Accuracy | None:
        return self.scores.accuracy if self.scores else None

    @property
    def accuracies(self) -> tuple[float, ...]:
        """Of each network."""
        return self.accuracy.each if self.accuracy else ()


def compared(store: Store, records: Sequence[RunRecord], setting: str | None = None) -> list[Compared]:
    """The chosen runs with what is known of them; setting: one of `settings`, else each run's newest evaluation."""
    found = [_evaluation(store, record, setting) for record in records]
    return [
        Compared(
            record=record, label=label, colour=RUN_COLOURS[i % len(RUN_COLOURS)], evaluation=evaluation,
            scores=evaluation.summary.scores if evaluation else None,
            controls=_controls(store, record, evaluation),
            seconds_parents=_seconds_parents(store, record),
        )
        for i, (record, label, evaluation) in enumerate(zip(records, labels(records), found, strict=True))
    ]


def by_question(store: Store, found: Sequence[Compared]) -> list[list[Compared]]:
    """The runs in groups that differ in their seeds alone, each in the place of its first."""
    sets = {r.id: differences.question(r) for r in _tested(store, found)}
    groups: dict[str, list[Compared]] = {}
    for one in found:
        groups.setdefault(differences.question(one.record, sets), []).append(one)
    return list(groups.values())


def _tested(store: Store, found: Sequence[Compared]) -> list[RunRecord]:
    """The runs whose images some of these tested, as far as they are here."""
    ids = {str(one.record.config.get("run")) for one in found if one.record.config.get("run")}
    return [store.record(run_id) for run_id in ids if store.exists(run_id)]


def seeds_together(store: Store, found: Sequence[Compared]) -> list[Compared]:
    """One for all seeds of a question: accuracies of all networks of those that were judged like the first judged.

    Times and peak memory are means over the seeds; the rest is the first seed's.
    """
    groups = by_question(store, found)
    names = labels([group[0].record for group in groups])
    return [
        _over_seeds(name, group) if len(group) > 1 else replace(group[0], label=name)
        for name, group in zip(names, groups, strict=True)
    ]


def _over_seeds(name: str, seeds: Sequence[Compared]) -> Compared:
    judged_on = next((measured_on(one) for one in seeds if one.evaluation), None)
    group = [one for one in seeds if one.evaluation and measured_on(one) == judged_on] or list(seeds)
    judges = [one.evaluation for one in group if one.evaluation]
    number = f"{len(seeds)} seeds" if len(group) == len(seeds) else f"{len(group)} of {len(seeds)} seeds judged"
    roles = dict.fromkeys(role for one in group for role in one.controls)
    known = {role: [one.controls[role] for one in group if role in one.controls] for role in roles}
    return replace(
        group[0], label=f"{name} · {number}", record=_mean_record([one.record for one in seeds]),
        evaluation=_mean_judge(judges) if judges else None,
        seconds_parents=_mean([one.seconds_parents for one in seeds]),
        seeds=tuple(statistics.mean(one.accuracies) for one in group if one.accuracies),
        scores=pooled(one.scores for one in group),
        # The full data's networks are the same for every seed of the set.
        controls={role: each[0] if role == "full" else pooled(each) or each[0] for role, each in known.items()},
    )


def _mean_record(records: Sequence[RunRecord]) -> RunRecord:
    """The first record with the mean time and peak memory of all."""
    first = records[0]
    times = {**(first.info.get("times") or {}), "seconds": _mean([seconds(record) for record in records])}
    memory = _mean([record.info.get("peak_memory_bytes") for record in records])
    return replace(first, info={**first.info, "times": times, "peak_memory_bytes": memory})


def _mean_judge(judges: Sequence[RunRecord]) -> RunRecord:
    """The first evaluation with the mean time of training one network of all."""
    train = _mean([judge.summary.seconds_train for judge in judges])
    return replace(judges[0], summary=judges[0].summary.model_copy(update={"seconds_train": train}))


def _mean(values: Sequence[float | None]) -> float | None:
    """None where one is not known."""
    known = [value for value in values if value is not None]
    return statistics.mean(known) if known and len(known) == len(values) else None


def settings(store: Store, records: Iterable[RunRecord]) -> tuple[list[str], bool]:
    """The settings under which chosen runs were tested, that of most runs first; whether all judged runs have that."""
    each = [set(map(setting_of, _evaluations(store, record))) for record in records]
    counted = Counter(setting for one in each for setting in one)
    found = [setting for setting, _ in sorted(counted.items(), key=lambda one: (-one[1], one[0]))]
    return found, all(found[0] in one for one in each if one)


def setting_of(evaluation: RunRecord) -> str:
    """ "ConvNet-3, width 64 · protocol course": on which network and how the accuracy of this run was measured.

    Where that was on the validation split, it says so: such an accuracy is for choosing, and compares with no other.
    """
    accuracy = evaluation.summary.accuracy
    protocol = (accuracy and accuracy.protocol) or OWN
    on_validation = "val" in (evaluation.config.get("split"), accuracy and accuracy.split)
    split = " · validation split" if on_validation else ""
    return f"{network_title(evaluation.config)} · protocol {protocol}{split}"


def measured_on(one: Compared) -> str | None:
    """Data set, side of its images and setting of an accuracy: only equal ones compare. None where there is none."""
    if one.evaluation is None:
        return None
    config = one.evaluation.config
    return f"{config.get('dataset')}, {config.get('resolution')} px · {setting_of(one.evaluation)}"


def labels(records: Sequence[RunRecord]) -> list[str]:
    """A short name for each run that no other of them has: its title without what all share, then what differs.

    Only runs whose titles are the same are told apart by parameters, the seed first, at most MOST_NAMED of them.
    """
    titles = [tables.title(record).split(" · ") for record in records]
    shared = set.intersection(*map(set, titles)) if len(records) > 1 else set()
    short = [" · ".join(part for part in title if part not in shared) or title[0] for title in titles]
    for twice in _same(short):
        for place, words in zip(twice, _apart([records[place] for place in twice]), strict=True):
            short[place] += words
    for twice in _same(short):
        for place in twice:
            short[place] += f" · {records[place].id[:6]}"
    return short


def _same(labels: Sequence[str]) -> list[list[int]]:
    """The places of each label that stands at several."""
    places: dict[str, list[int]] = {}
    for place, label in enumerate(labels):
        places.setdefault(label, []).append(place)
    return [one for one in places.values() if len(one) > 1]


def _apart(records: Sequence[RunRecord]) -> list[str]:
    """What to put behind a title that these runs share, so that it tells them apart."""
    differing = differences.differing(records)
    words = [""] * len(records)
    for name in sorted(differing, key=lambda name: name != "seed")[:MOST_NAMED]:
        words = [f"{word} · {name} {text.value(value)}" for word, value in zip(words, differing[name], strict=True)]
        if len(set(words)) == len(words):
            break
    return words


def _evaluations(store: Store, record: RunRecord) -> list[RunRecord]:
    """The finished runs that tested this one, newest first; the run itself where it tests a network."""
    if record.summary.accuracy:
        return [record]
    return results.evaluations(store, record, done=True)


def _evaluation(store: Store, record: RunRecord, setting: str | None) -> RunRecord | None:
    return next((e for e in _evaluations(store, record) if setting in (None, setting_of(e))), None)


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
    seen: dict[str, float | None] = {}
    asked = list(record.info.get("parents") or ())
    while asked:
        run_id = asked.pop()
        if run_id in seen:
            continue
        try:
            parent = store.record(run_id)
        except RunNotFound:
            return None
        seen[run_id] = seconds(parent)
        asked += parent.info.get("parents") or ()
    known = [value for value in seen.values() if value is not None]
    return sum(known) if len(known) == len(seen) else None


def seconds(record: RunRecord) -> float | None:
    """Wall time of a finished run, of all its sessions."""
    return (record.info.get("times") or {}).get("seconds") if record.state == "done" else None


NUMBERS = (
    "label", "run", "kind", "method", "dataset", "ipc", "network", "protocol", "mean", "std", "n", "balanced", "auc",
    "initial", "initial_hard", "random_real", "full", "majority", "macs", "flops", "flops_training", "seconds_train",
    "seconds_train_full", "seconds_distill", "seconds_parents", "peak_memory_bytes", "stored_floats", "stored_bytes",
    "group",
)


def numbers(found: Iterable[Compared]) -> pd.DataFrame:
    """One row a run, its columns NUMBERS; accuracies in percent, None where not known.

    macs: of one image forward through the evaluation network, else that distilled on, flops twice that; flops_training:
    of training one such network on the set, forward and backward at three times a forward. seconds_train: of one
    network on the small set, seconds_train_full: on the whole; seconds_distill: of the run, seconds_parents: of all
    that it builds on, 0 where that is nothing. group: what the accuracy was measured on, None without one.
    """
    return pd.DataFrame([_numbers(one) for one in found], columns=list(NUMBERS))


def _numbers(one: Compared) -> dict[str, Any]:
    record, judge = one.record, one.evaluation
    summary, full = judge.summary if judge else Summary(), one.controls.get("full")
    whole = isinstance(record.summary, BaselineSummary)
    macs, floats, made = _macs(judge or record), stored_floats(one), isinstance(record.summary, DistillSummary)
    return {
        "label": one.label, "run": record.id, "kind": record.kind, "method": method(record),
        "dataset": record.config.get("dataset"), "ipc": ipc(record),
        "network": network_title(judge.config) if judge else None,
        "protocol": one.accuracy and one.accuracy.protocol,
        **tables.spread(one.accuracy), "n": one.accuracy and one.accuracy.n,
        "balanced": _percent(one.scores.balanced_accuracy if one.scores else None),
        "auc": _percent(one.scores.auc if one.scores else None),
        **{role: _percent(one.controls[role].accuracy if role in one.controls else None)
           for role in ("initial", "initial_hard", "random_real", "full")},
        "majority": None if summary.majority is None else 100 * summary.majority,
        "macs": macs, "flops": macs and 2 * macs, "flops_training": _training_flops(macs, judge),
        "seconds_train": None if whole else summary.seconds_train,
        "seconds_train_full": summary.seconds_train if whole else full and full.seconds_train,
        "seconds_distill": seconds(record) if made else None,
        "seconds_parents": one.seconds_parents,
        "peak_memory_bytes": record.info.get("peak_memory_bytes"),
        "stored_floats": floats, "stored_bytes": floats and FLOAT_BYTES * floats,
        "group": measured_on(one),
    }


def no_ceiling(found: Iterable[Compared]) -> list[str]:
    """For each setting in which full data stands there and is no ceiling, a sentence that says so."""
    said = [f"{measured_on(one)}: {sentence}" for one in found if (sentence := undertrained(_passes(one)))]
    return list(dict.fromkeys(said))


def _passes(one: Compared) -> float | None:
    """How often the full-data network beside this run saw the training images, or that which it trained itself."""
    summary, batch = one.record.summary, one.record.config.get("batch_size")
    if not isinstance(summary, BaselineSummary):
        return one.controls["full"].passes if "full" in one.controls else None
    if not (batch and summary.images and summary.steps):
        return None
    return summary.steps / counts.steps_per_epoch(summary.images, batch)


def method(record: RunRecord) -> str:
    """The method that made a set, of an evaluation the one whose set it tested; of other kinds their own title."""
    name = record.summary.source.method if record.summary.source else record.name
    return METHODS[name].title if name and name in METHODS else tables.kind(record.kind)


def stored_floats(one: Compared) -> int | None:
    """How many numbers the set takes."""
    told = (one.record, one.evaluation or one.record)
    return next((floats for record in told if (floats := record.summary.stored_floats)), None)


def ipc(record: RunRecord) -> int | None:
    return record.config.get("ipc") or (record.summary.source.ipc if record.summary.source else None)


def _percent(value: Accuracy | None) -> float | None:
    return 100 * value.mean if value else None


def _macs(judge: RunRecord) -> int | None:
    """Of the network that was tested, else of that distilled on; None where its size is not known here."""
    if judge.summary.macs:
        return judge.summary.macs
    name, dataset = judge.config.get("network"), judge.config.get("dataset")
    if name not in NETWORKS or dataset not in DATASETS:
        return None
    facts = DATASETS[str(dataset)]
    options = {option: judge.config.get(option) for option in NETWORKS[str(name)].options}
    shape = facts.shape(judge.config.get("resolution") or facts.resolution)
    return counts.macs(str(name), shape, len(facts.classes), {o: v for o, v in options.items() if v is not None})


def _training_flops(macs: int | None, judge: RunRecord | None) -> float | None:
    summary = judge.summary if judge else Summary()
    batch = summary.batch_size or (judge.config.get("batch_size") if judge else None)
    if not macs or not batch or not summary.steps:
        return None
    images = summary.images or batch
    return 6.0 * macs * summary.steps * images / -(-images // batch)  # the last batch of an epoch may be smaller

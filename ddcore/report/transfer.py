"""Other networks: a set distilled on one network, tried on those of the line-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ddcore import counts
from ddcore.data import DATASETS
from ddcore.evaluation.plans import Question, evaluation
from ddcore.lazy import pd
from ddcore.networks import LINEUP, NETWORKS, Variant
from ddcore.report import tables, text
from ddcore.report.results import Result, accuracies, alike, result, state
from ddcore.runs.store import RunRecord, Store
from ddcore.settings import NETWORK_PARAMS, network_title
from ddcore.summary import Scores


@dataclass(frozen=True)
class Cell:
    """One network tried. result: None where it cannot be built, and problem says why.

    source: whether the set was distilled on it; drop: accuracy on the source network minus that on this one
    (fraction, negative where this one is better), None until both are known; parameters, macs: of the network.
    """

    variant: Variant
    title: str
    result: Result | None
    problem: str
    source: bool
    drop: float | None
    macs: int | None
    parameters: int | None

    @property
    def scores(self) -> Scores | None:
        """Once they are computed."""
        return self.result.scores if self.result else None


def row(store: Store, run: RunRecord, question: Question) -> list[Cell]:
    """The line-up for one distilled set, the network that it was distilled on first.

    A coreset that saw no network is held against the one that the field uses for its data set.
    """
    facts = DATASETS[run.config["dataset"]]
    shape, classes = facts.shape(run.config["resolution"]), len(facts.classes)
    own = _source(run.config)
    variants = [own, *(variant for variant in LINEUP if variant.values != own.values)]
    tried = [None if variant.problems(shape) else _result(store, run, question, variant) for variant in variants]
    source = _mean(tried[0])
    cells = []
    for variant, answer in zip(variants, tried, strict=True):
        mean, network = _mean(answer), (variant.network, shape, classes, variant.options)
        cells.append(Cell(
            variant=variant, title=network_title(variant.values), result=answer,
            problem="; ".join(variant.problems(shape)), source=variant is own and bool(run.config.get("network")),
            drop=None if source is None or mean is None else source - mean,
            macs=counts.macs(*network) if answer else None, parameters=counts.parameters(*network) if answer else None,
        ))
    return cells


def table(cells: Sequence[Cell]) -> pd.DataFrame:
    """One row a network: network, parameters, macs, flops, accuracy, balanced_accuracy, auc (texts), mean, std, drop
    (points), state."""
    rows = [
        {"network": cell.title + (" (made on)" if cell.source else ""), "parameters": cell.parameters,
         "macs": cell.macs, "flops": cell.macs and 2 * cell.macs, **accuracies(cell.scores),
         "drop": None if cell.drop is None else 100 * cell.drop,
         "state": cell.problem or (state(cell.result) if cell.result else text.NONE)}
        for cell in cells
    ]
    return pd.DataFrame(rows, columns=["network", "parameters", "macs", "flops", "accuracy", "balanced_accuracy", "auc",
                                       "mean", "std", "drop", "state"])


def rows(store: Store, run: RunRecord, question: Question) -> dict[str, list[Cell]]:
    """The line-up for this set and for those that differ from it in the network alone: network distilled on → cells.

    This run's first. A method that distils on no network has one row.
    """
    alone = not run.config.get("network")
    runs = [run] if alone else sorted(alike(store, run, *NETWORK_PARAMS), key=lambda record: record.id != run.id)
    return {
        network_title(record.config) if record.config.get("network") else tables.title(record):
        row(store, record, question) for record in runs
    }


def matrix(rows: Mapping[str, Sequence[Cell]]) -> pd.DataFrame:
    """Distilled on × evaluated on, in percent, from `rows`.

    Index: the networks distilled on; columns: those evaluated on; NaN where not computed.
    """
    means = {source: {cell.title: 100 * mean for cell in cells if (mean := _mean(cell.result)) is not None}
             for source, cells in rows.items()}
    computed = {title for of_source in means.values() for title in of_source}
    order = dict.fromkeys([*(network_title(variant.values) for variant in LINEUP), *means])
    return pd.DataFrame.from_dict(means, orient="index").reindex(
        index=list(means), columns=[title for title in order if title in computed]
    )


def _source(config: Mapping[str, Any]) -> Variant:
    name = config.get("network") or DATASETS[config["dataset"]].network
    options = {option: config.get(option) for option in NETWORKS[name].options}
    return Variant(name, {option: value for option, value in options.items() if value is not None})


def _result(store: Store, run: RunRecord, question: Question, variant: Variant) -> Result:
    title, spec = network_title(variant.values), evaluation(run, replace(question, network=variant.values))
    return result(store, title, title, f"The same images and protocol on {title}.", spec)


def _mean(result: Result | None) -> float | None:
    return result.scores.accuracy.mean if result and result.scores else None

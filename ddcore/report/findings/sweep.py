"""What a sweep found out."""

from __future__ import annotations

from collections.abc import Iterator

from ddcore.experiments import spec
from ddcore.experiments.sweep import SweepConfig
from ddcore.lazy import go
from ddcore.report import effect_figures, sizes, sweep_figures, sweeps, tables
from ddcore.report.export.drawn import draw
from ddcore.report.export.plots import Plot
from ddcore.report.findings import Finding, Tabled, Whole
from ddcore.report.nas import figures as nas_figures
from ddcore.report.sweeps import Answer
from ddcore.runs.store import RunRecord, Store

PIXELS = 90  # of a chart on a page that are an inch on paper


def words(answer: Answer) -> str:
    """The table, the controls and what can be said, for a terminal."""
    controls = [f"  {name}: {told}" for name, told in answer.controls_told().items()]
    left = [f"  left out: {place} ({why})" for place, why in answer.config.grid.impossible.items()]
    warned = [f"  warning: {told}" for told in answer.warned]
    return "\n".join([sweeps.table(answer).to_string(index=False), *warned, *controls, *left, answer.sentence])


def answer(store: Store, record: RunRecord) -> Answer:
    """What a sweep says by now. Raises DDCoreError for one of a version that had other parameters."""
    config = spec("sweep", record.name, record.config).config
    assert isinstance(config, SweepConfig)
    return sweeps.answer(config, store)


def runs(store: Store, record: RunRecord) -> tuple[str, ...]:
    """The sets of all cells that were begun."""
    cells = (cell for point in answer(store, record).points for cell in point.cells)
    return tuple(dict.fromkeys(cell.run for cell in cells if store.exists(cell.run)))


def whole(store: Store, record: RunRecord) -> Whole:
    """For a report: its table and figures, and what can be said."""
    found, name, title = answer(store, record), f"sweep-{record.id}", tables.title(record)
    of_sizes = sizes.of(found, store)
    controls = [f"{control}: {told}." for control, told in found.controls_told().items()]
    left = [f"Left out: {place.words} ({why.words})." for place, why in found.config.grid.impossible.items()]
    return Whole(
        title, (found.sentence, *(of_sizes.sentences if of_sizes else ()), *found.warned, *controls, *left),
        {name: Tabled(f"{title}: every value.", sweeps.paper(found), sweeps.numbers(found))},
        tuple(_plot(f"{name}-{what}", words, title, figure) for what, words, figure in _figures(found, of_sizes)),
    )


def _plot(name: str, what: str, title: str, figure: go.Figure) -> Plot:
    return Plot(name, what, title, figure.layout.height / PIXELS, lambda axes: draw(axes, figure), lambda: figure)


def _figures(found: Answer, of_sizes: sizes.Sizes | None) -> Iterator[tuple[str, str, go.Figure]]:
    """(name, what it shows, the figure) of the answer's pictures, as far as there is something to see."""
    along = " and ".join(found.titles)
    if not any(point.accuracy for point in found.points):
        return
    if of_sizes:
        yield "ipc", "Accuracy over images per class", sweep_figures.against_size(found, of_sizes)
    elif len(found.config.axes) == 1:
        yield "effect", f"Accuracy over {along}", effect_figures.effect(found)
    elif len(found.config.axes) == 2:
        yield "heat", f"Accuracy over {along}", effect_figures.heat(found)
    else:
        yield "parallel", f"Accuracy over {along}", nas_figures.parallel(found.frame, found.titles)
    if len(found.config.axes) > 1 and len(found.importance):
        yield "importance", "How much of the variance of accuracy each axis explains", nas_figures.importance(
            found.importance)


FINDING = Finding(
    "sweep", runs=runs, whole=whole, words=lambda store, record: words(answer(store, record)),
    to_json=lambda store, record: sweeps.to_json(answer(store, record)),
    sentence=lambda store, record: answer(store, record).sentence,
)

"""The zip of a report: the same runs give the same bytes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ddcore.errors import DDCoreError
from ddcore.lazy import lazy, pd
from ddcore.report import compare_runs
from ddcore.report.compare_runs import Compared
from ddcore.report.export import commands, pivot, readme, summary, table
from ddcore.report.export.caveats import aside, origin
from ddcore.report.export.escape import one_line
from ddcore.report.export.pivot import Choice, Pivot
from ddcore.report.export.table import Table
from ddcore.report.findings import FINDINGS, Tabled, Whole, compared_by
from ddcore.run_id import RUN_ID
from ddcore.runs.store import RunRecord, Store

if TYPE_CHECKING:
    from ddcore.ops import pictures
    from ddcore.report.export import plots
    from ddcore.report.export.plots import Plot
else:
    pictures, plots = lazy("ddcore.ops.pictures"), lazy("ddcore.report.export.plots")

LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the time of every file in the zip: the earliest that zip can say
SHOWN = 50  # images of each class in a picture; all are in the safetensors


@dataclass(frozen=True)
class Bundle:
    """A report. files: name → content, no name holds anybody's words; problems: what could not be written, and why."""

    files: Mapping[str, bytes]
    problems: tuple[str, ...]

    def zipped(self) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in self.files.items():
                entry = zipfile.ZipInfo(name, LONG_AGO)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.create_system, entry.external_attr = 3, (0o755 if name.endswith(".sh") else 0o644) << 16
                archive.writestr(entry, content)
        return buffer.getvalue()


def bundle(store: Store, runs: Sequence[Compared], choice: Choice) -> Bundle:
    """Figures, tables, images, parameters and commands of these runs. What fails is told, and the rest is written.

    What put others of them together has tables, figures and sentences of its own, and is no row beside them.
    """
    problems = list[str]()
    wholes = dict(_wholes(store, runs, problems))
    rows = [run for run in runs if run.record.id not in wholes]
    recipe = commands.commands(store, runs)
    numbers, shown = compare_runs.numbers(rows), pivot.pivot(rows, choice)
    by_name, captions = tables(rows, numbers, shown), dict[str, str]()
    files = dict(_figures(_plots(store, rows, numbers, wholes.values()), captions, problems))
    files |= _tables(rows, numbers, shown, by_name)
    for name, tabled in (pair for whole in wholes.values() for pair in whole.tables.items()):
        files |= dict(_tabled(name, tabled))
    for run in runs:
        try:
            files |= dict(_images(store, run))
        except (DDCoreError, OSError) as error:
            problems.append(f"images of {run.label} (run {run.record.id}): {error}")
        if RUN_ID.fullmatch(run.record.id):  # a broken folder may be called anything, and recorded nothing
            files[f"configs/{run.record.id}.json"] = _recorded(run)
    found = list(wholes.values())
    words = readme.readme(runs, ["README.md", "commands.sh", "report.tex", *files], by_name, recipe, problems, found)
    top = {"README.md": words, "commands.sh": commands.script(recipe),
           "report.tex": readme.document(rows, by_name, captions, found)}
    return Bundle({name: content.encode() for name, content in top.items()} | files, tuple(problems))


def whole(store: Store, run_id: str) -> Bundle:
    """The report on one run, with those that it compares."""
    return bundle(store, compare_runs.compared(store, gathered(store, [store.record(run_id)])), Choice())


def gathered(store: Store, records: Iterable[RunRecord]) -> list[RunRecord]:
    """These runs, each once, and behind each the runs that it compares."""
    both = (one for record in records for one in (record, *map(store.record, compared_by(store, record))))
    return list({record.id: record for record in both}.values())


def _wholes(store: Store, runs: Sequence[Compared], problems: list[str]) -> Iterator[tuple[str, Whole]]:
    """What those found out that put others together, by their ids."""
    for run in runs:
        whole = FINDINGS[run.record.kind].whole if run.record.kind in FINDINGS else None
        if whole and run.record.state != "broken":
            try:
                yield run.record.id, whole(store, run.record)
            except DDCoreError as error:  # of a version that had other parameters, or its data is not here
                problems.append(f"the answer of {run.label} (run {run.record.id}): {error}")


def _plots(store: Store, runs: Sequence[Compared], numbers: pd.DataFrame, found: Iterable[Whole]) -> Iterator[Plot]:
    for whole in found:
        yield from whole.plots
    yield from plots.plots(store, runs, numbers)


def _figures(drawn: Iterable[Plot], captions: dict[str, str], problems: list[str]) -> Iterator[tuple[str, bytes]]:
    """All that can be drawn; fills in the captions of these, and why others could not."""
    try:
        for plot in drawn:
            try:
                by_ending = {**plots.paper(plot), "html": plots.page(plot)}
            except Exception as error:  # whatever a drawing may raise, the numbers are not lost for it
                problems.append(f"figure {plot.name}: {_sentence(error)}")
                continue
            captions[plot.name] = f"{plot.what}: {plot.title}"
            yield from ((f"figures/{plot.name}.{ending}", content) for ending, content in by_ending.items())
    except Exception as error:
        problems.append(f"further figures: {_sentence(error)}")
    if captions:
        yield f"figures/{plots.PLOTLY}", plots.script()


def _sentence(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}")


def completed(store: Store, runs: Sequence[Compared]) -> list[Compared]:
    """These runs, each with its newest evaluation where it has none in the chosen setting: none is left out for that.

    Tables tell settings apart, so that no two numbers stand together that do not compare.
    """
    newest = compare_runs.compared(store, [run.record for run in runs])
    return [run if run.accuracy else other for run, other in zip(runs, newest, strict=True)]


def tables(runs: Sequence[Compared], numbers: pd.DataFrame, shown: Pivot) -> dict[str, Table]:
    """All tables of a report, by name."""
    return {"numbers": summary.numbers(runs, numbers), "cost": summary.cost(runs, numbers), "pivot": pivot.table(shown),
            "parameters": summary.parameters(runs), "environment": summary.environment(runs)}


def _tables(
    runs: Sequence[Compared], numbers: pd.DataFrame, shown: Pivot, by_name: Mapping[str, Table]
) -> dict[str, bytes]:
    """Each that has rows in three languages; as CSV with plain numbers where it has any."""
    frame = numbers.assign(measured=[aside(run.evaluation) for run in runs], imported=[_came(run) for run in runs])
    plain = {"numbers": (list(map(str, frame.columns)), frame.values.tolist()), "pivot": pivot.numbers(shown)}
    files = {}
    for name, one in by_name.items():
        if one.rows:
            files[f"tables/{name}.tex"] = table.latex(one)
            files[f"tables/{name}.md"] = table.markdown(one)
            if name != "cost":  # its numbers are in that of numbers
                files[f"tables/{name}.csv"] = table.csv(*plain.get(name, (one.headings, one.rows)))
    return {name: content.encode() for name, content in files.items()}


def _tabled(name: str, tabled: Tabled) -> Iterator[tuple[str, bytes]]:
    frame = tabled.numbers.astype(object).where(tabled.numbers.notna(), None)
    yield f"tables/{name}.tex", table.latex(tabled.table).encode()
    yield f"tables/{name}.md", table.markdown(tabled.table).encode()
    yield f"tables/{name}.csv", table.csv(list(map(str, frame.columns)), frame.values.tolist()).encode()


def _came(run: Compared) -> str:
    """Where the numbers of a run are from, where they are not from here."""
    judge = run.evaluation
    return origin(run.record) or (origin(judge) if judge else "")


def _images(store: Store, run: Compared) -> Iterator[tuple[str, bytes]]:
    """The set of a run as a picture and as it is; nothing of runs that make none, or have not yet."""
    record = run.record
    if not record.makes_images or record.state != "done":
        return
    images, folder = store.images(record.id), f"images/{record.id}"
    names = [one_line(name) for name in images.classes]
    yield f"{folder}/grid.png", pictures.grid(images.images, images.labels, names, images.mean, images.std, SHOWN)
    yield f"{folder}/images.safetensors", (record.folder / "images.safetensors").read_bytes()


def _recorded(run: Compared) -> bytes:
    """What a run recorded of itself, with what people gave it and what judged it."""
    record = run.record
    info = {**record.stored(), "state": record.state, "problem": record.problem, "user": record.user,
            "imported": record.imported, "judged_by": run.evaluation and run.evaluation.stored()}
    return (json.dumps(info, indent=2, sort_keys=True) + "\n").encode()

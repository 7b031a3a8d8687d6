"""The zip of a report: the same runs give the same bytes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ddcore.errors import DDCoreError
from ddcore.lazy import lazy, pd
from ddcore.report import compare_runs
from ddcore.report.compare_runs import Compared
from ddcore.report.export import commands, pivot, readme, summary, table
from ddcore.report.export.caveats import aside
from ddcore.report.export.escape import one_line
from ddcore.report.export.pivot import Choice, Pivot
from ddcore.report.export.table import Table
from ddcore.runs.packing import imported
from ddcore.runs.record import RUN_ID
from ddcore.runs.store import Store

if TYPE_CHECKING:
    from ddcore.ops import pictures
    from ddcore.report.export import plots
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


def bundle(store: Store, found: Sequence[Compared], choice: Choice) -> Bundle:
    """Figures, tables, images, parameters and commands of these runs. What fails is told, and the rest is written."""
    asked, problems = commands.commands(store, found), list[str]()
    numbers, made = compare_runs.numbers(found), pivot.pivot(found, choice)
    shown = tables(found, numbers, made)
    captions: dict[str, str] = {}
    written = dict(_figures(store, found, numbers, captions, problems))
    written |= _tables(found, numbers, made, shown)
    for one in found:
        try:
            written |= dict(_images(store, one))
        except (DDCoreError, OSError) as error:
            problems.append(f"images of {one.label} (run {one.record.id}): {error}")
        if RUN_ID.fullmatch(one.record.id):  # a broken folder may be called anything, and recorded nothing
            written[f"configs/{one.record.id}.json"] = _recorded(one)
    script = commands.script(asked)
    words = readme.readme(found, ["README.md", "commands.sh", "report.tex", *written], shown, asked, problems)
    document = readme.document(found, shown, captions)
    top = {"README.md": words, "commands.sh": script, "report.tex": document}
    return Bundle({name: content.encode() for name, content in top.items()} | written, tuple(problems))


def _figures(
    store: Store, found: Sequence[Compared], numbers: pd.DataFrame, captions: dict[str, str], problems: list[str]
) -> Iterator[tuple[str, bytes]]:
    """All that can be drawn; fills in the captions of these, and why others could not."""
    try:
        for plot in plots.plots(store, found, numbers):
            try:
                drawn = {**plots.paper(plot), "html": plots.page(plot)}
            except Exception as error:  # whatever a drawing may raise, the numbers are not lost for it
                problems.append(f"figure {plot.name}: {_said(error)}")
                continue
            captions[plot.name] = f"{plot.what}: {plot.title}"
            yield from ((f"figures/{plot.name}.{ending}", content) for ending, content in drawn.items())
    except Exception as error:
        problems.append(f"further figures: {_said(error)}")
    if captions:
        yield f"figures/{plots.PLOTLY}", plots.script()


def _said(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}")


def completed(store: Store, found: Sequence[Compared]) -> list[Compared]:
    """These runs, each with its newest evaluation where it has none in the chosen setting: none is left out for that.

    Tables tell settings apart, so that no two numbers stand together that do not compare.
    """
    newest = compare_runs.compared(store, [one.record for one in found])
    return [one if one.accuracy else other for one, other in zip(found, newest, strict=True)]


def tables(found: Sequence[Compared], numbers: pd.DataFrame, made: Pivot) -> dict[str, Table]:
    """All tables of a report, by name."""
    return {
        "numbers": summary.numbers(found, numbers),
        "cost": summary.cost(found, numbers),
        "pivot": pivot.table(made),
        "parameters": summary.parameters(found),
        "environment": summary.environment(found),
    }


def _tables(
    found: Sequence[Compared], numbers: pd.DataFrame, made: Pivot, shown: Mapping[str, Table]
) -> dict[str, bytes]:
    """Each that has rows in three languages; as CSV with plain numbers where it has any."""
    frame = numbers.assign(measured=[aside(one.evaluation) for one in found])
    plain = {
        "numbers": ([str(name) for name in frame.columns], frame.values.tolist()),
        "pivot": pivot.numbers(made),
    }
    written = {}
    for name, one in shown.items():
        if not one.rows:
            continue
        written[f"tables/{name}.tex"] = table.latex(one)
        written[f"tables/{name}.md"] = table.markdown(one)
        if name != "cost":  # its numbers are in that of numbers
            written[f"tables/{name}.csv"] = table.csv(*plain.get(name, (one.headings, one.rows)))
    return {name: content.encode() for name, content in written.items()}


def _images(store: Store, one: Compared) -> Iterator[tuple[str, bytes]]:
    """The set of a run as a picture and as it is; nothing of runs that make none, or have not yet."""
    stored = one.record.folder / "images.safetensors"
    if not one.record.makes_images or one.record.state != "done":
        return
    images, folder = store.images(one.record.id), f"images/{one.record.id}"
    names = [one_line(name) for name in images.classes]
    picture = pictures.grid(images.images, images.labels, names, images.mean, images.std, SHOWN)
    yield f"{folder}/grid.png", picture
    yield f"{folder}/images.safetensors", stored.read_bytes()


def _recorded(one: Compared) -> bytes:
    """What a run recorded of itself, with what people gave it and what judged it."""
    told = {**one.record.info, "state": one.record.state, "problem": one.record.problem, "user": one.record.user,
            "imported": imported(one.record.folder), "judged_by": one.evaluation and one.evaluation.info}
    return (json.dumps(told, indent=2, sort_keys=True) + "\n").encode()

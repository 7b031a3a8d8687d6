"""A table of texts, and how LaTeX (booktabs), Markdown and CSV write it."""

from __future__ import annotations

import csv as files
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ddcore.report.export import escape

FITTING = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"


@dataclass(frozen=True)
class Table:
    """Anybody's words in rows and columns, not escaped.

    head: the lines of the header, outermost first, each with one text a column; names: how many columns on the left
    name a row; bold: (row, column) of what stands out; rule: the row above which a line is drawn; notes: below it.
    """

    head: tuple[tuple[str, ...], ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1
    bold: frozenset[tuple[int, int]] = frozenset()
    rule: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def headings(self) -> tuple[str, ...]:
        """One text a column: its lines of the header together."""
        return tuple(" · ".join(filter(None, lines)) for lines in zip(*self.head, strict=True))


def latex(table: Table) -> str:
    """A `tabular` with the rules of booktabs, made smaller where it is wider than the text; the notes below it."""
    columns = "l" * table.names + "r" * (len(table.head[-1]) - table.names)
    lines = [FITTING, rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *_latex_head(table), r"\midrule"]
    for r, row in enumerate(table.rows):
        if r == table.rule and r:
            lines.append(r"\midrule")
        cells = (escape.latex(cell) for cell in row)
        lines.append(_latex_row(rf"\textbf{{{c}}}" if (r, i) in table.bold else c for i, c in enumerate(cells)))
    lines += [r"\bottomrule", r"\end{tabular}}"]
    lines += [rf"\par\smallskip{{\footnotesize {escape.latex(note)}\par}}" for note in table.notes]
    return "\n".join(lines) + "\n"


def _latex_head(table: Table) -> Iterator[str]:
    """The header's lines; what is alike in neighbours spans them, with a thin line below."""
    for level in range(len(table.head)):
        spans = list(_spans(table.head, level))
        yield _latex_row(
            rf"\multicolumn{{{number}}}{{c}}{{{escape.latex(words)}}}" if number > 1 and words else
            " & ".join([escape.latex(words)] * number)
            for _, number, words in spans
        )
        if level + 1 < len(table.head):
            yield "".join(rf"\cmidrule(lr){{{first + 1}-{first + n}}}" for first, n, words in spans if words)


def _spans(head: Sequence[Sequence[str]], level: int) -> Iterator[tuple[int, int, str]]:
    """(first column, number of columns, text) of neighbours that are alike on this line and all above it."""
    columns = list(zip(*head[: level + 1], strict=True))
    for lines, alike in groupby(range(len(columns)), key=lambda i: columns[i]):
        places = list(alike)
        if level + 1 < len(head):
            yield places[0], len(places), lines[-1]
        else:
            yield from ((place, 1, lines[-1]) for place in places)


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def markdown(table: Table, plain: Callable[[str], str] = escape.markdown) -> str:
    """A table of GitHub's Markdown, its header in one line, and the notes below it; plain: escapes anybody's words."""
    sides = [":--" if i < table.names else "--:" for i in range(len(table.head[-1]))]
    lines = [_markdown_row(map(plain, table.headings)), _markdown_row(sides)]
    for r, row in enumerate(table.rows):
        cells = (plain(cell) for cell in row)
        lines.append(_markdown_row(f"**{c}**" if (r, i) in table.bold else c for i, c in enumerate(cells)))
    return "\n".join([*lines, *(f"\n{plain(note)}" for note in table.notes)]) + "\n"


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def csv(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """One line of headings, then a line a row; None is an empty cell, numbers stay numbers and all else is quoted."""
    file = io.StringIO()
    writer = files.writer(file, lineterminator="\n", quoting=files.QUOTE_NONNUMERIC)
    writer.writerow([escape.csv(heading) for heading in headings])
    writer.writerows([_csv_cell(value) for value in row] for row in rows)
    return file.getvalue()


def _csv_cell(value: object) -> object:
    if value is None or value != value:
        return ""
    return value if isinstance(value, int | float) else escape.csv(value)

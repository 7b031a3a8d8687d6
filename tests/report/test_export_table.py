"""A table in LaTeX, Markdown and CSV, and that LaTeX takes it."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from pathlib import Path

import pytest

from ddcore.report.export import table
from ddcore.report.export.table import Table

PIVOT = Table(
    head=(("", "mnist", "mnist", "digits"), ("Method", "IPC 1", "IPC 10", "IPC 1")),
    rows=(
        ("DM", "75.8 ± 1.0", "–", "70.0"), ("[a|b]", "74.0 ± 0.5", "90.1 ± 0.1", "71.0"), ("Random", "60", "80", "50"),
    ),
    bold=frozenset({(0, 1), (1, 2)}), rule=2, notes=("n = 3 & more.",),
)


def test_latex_spans_what_is_alike_prints_the_best_bold_and_parts_the_controls() -> None:
    lines = table.latex(PIVOT).splitlines()
    assert lines[1:] == [
        r"\begin{tabular}{lrrr}",
        r"\toprule",
        r" & \multicolumn{2}{c}{mnist} & digits \\",
        r"\cmidrule(lr){2-3}\cmidrule(lr){4-4}",
        r"Method & IPC 1 & IPC 10 & IPC 1 \\",
        r"\midrule",
        r"DM & \textbf{75.8 $\pm$ 1.0} & -- & 70.0 \\",
        r"{[}a\textbar{}b{]} & 74.0 $\pm$ 0.5 & \textbf{90.1 $\pm$ 0.1} & 71.0 \\",
        r"\midrule",
        r"Random & 60 & 80 & 50 \\",
        r"\bottomrule",
        r"\end{tabular}}",
        r"\par\smallskip{\footnotesize n = 3 \& more.\par}",
    ]


def test_what_is_alike_under_different_headings_stays_apart() -> None:
    head = (("", "a", "b"), ("", "x", "x"), ("M", "1", "2"))
    said = table.latex(Table(head, (("m", "1", "2"),)))
    assert r" & a & b \\" in said
    assert r" & x & x \\" in said
    assert r"\multicolumn" not in said


def test_markdown_has_one_line_of_headings_and_escapes_what_parts_cells() -> None:
    assert table.markdown(PIVOT).splitlines() == [
        "| Method | mnist · IPC 1 | mnist · IPC 10 | digits · IPC 1 |",
        "| :-- | --: | --: | --: |",
        "| DM | **75.8 ± 1.0** | – | 70.0 |",
        r"| \[a\|b\] | 74.0 ± 0.5 | **90.1 ± 0.1** | 71.0 |",
        "| Random | 60 | 80 | 50 |",
        "",
        r"n = 3 \& more.",
    ]


def test_csv_keeps_numbers_leaves_the_unknown_empty_and_reads_back() -> None:
    said = table.csv(["a, b", "c"], [["=x\ny", None], [0.1234567, float("nan")]])
    assert list(csv.reader(io.StringIO(said))) == [["a, b", "c"], ["'=x y", ""], ["0.1234567", ""]]
    assert said.splitlines()[1:] == ['"\'=x y",""', '0.1234567,""']


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex (Debian: texlive-latex-recommended)")
def test_latex_takes_the_table_whatever_words_it_holds(tmp_path: Path) -> None:
    words = [
        "".join(map(chr, range(32, 127))),
        "éßŁøčñ λμΩ ±×·†→√²≥",
        "中文 😀",
        "[x]",
        "*",
        r"\\",
        "%",
        "a & b",
        "^^M",
    ]
    (tmp_path / "odd.tex").write_text(
        table.latex(Table((("Words", "More"),), tuple((w, w) for w in words), notes=("[%",)))
    )
    document = r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}\input{odd}\end{document}"
    (tmp_path / "main.tex").write_text(document)
    compiled(tmp_path, "main.tex")


def compiled(folder: Path, name: str) -> None:
    """pdflatex makes a PDF of this file, or the test fails with its complaint; skipped where booktabs is missing."""
    if not subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True, check=False).stdout:
        pytest.skip("needs the LaTeX package booktabs (Debian: texlive-latex-recommended)")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", name]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert (folder / name).with_suffix(".pdf").read_bytes().startswith(b"%PDF")

"""The report's own words: README.md, and report.tex that puts tables and figures on paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ddcore.report import compare_runs, tables, text
from ddcore.report.compare_runs import Compared
from ddcore.report.export import table as tabular
from ddcore.report.export.caveats import aside, origin
from ddcore.report.export.commands import Command
from ddcore.report.export.escape import latex, markdown, one_line
from ddcore.report.export.pivot import why_not
from ddcore.report.export.table import Table

READ = (
    "An accuracy is a mean ± standard deviation over n networks trained from different random weights, each tested "
    "once, after its last step, on the official test images where no other is said. Numbers compare only under the "
    "same protocol on the same network."
)
MOST_FLOATS = 12  # that LaTeX is asked to place at a time: it gives up at some 50
WHAT = {
    "README.md": "this text: every run, and the commands that make it again",
    "commands.sh": "the same commands as a script",
    "report.tex": "tables and figures as a LaTeX document (`pdflatex report.tex`; needs booktabs and graphicx)",
    "tables/": "each as CSV (plain numbers), Markdown, and LaTeX (`\\input` it; needs booktabs and graphicx)",
    "figures/": "each as SVG, PDF and PNG, and as a page to look closer (HTML, works without network)",
    "images/": "of each set a picture for eyes, and the float images as safetensors (normalised, with mean and std)",
    "configs/": "of each run all that it recorded of itself: parameters, versions, times, results",
}


def readme(
    found: Sequence[Compared], names: Iterable[str], shown: Mapping[str, Table], asked: Sequence[Command],
    problems: Sequence[str],
) -> str:
    """The README. names: the files beside it; shown: tables by name; problems: what could not be written, and why."""
    kept = list(names)
    there = {name: words for name, words in WHAT.items() if any(file.startswith(name) for file in kept)}
    parts = [
        f"# Report on {_runs(len(found))}", READ,
        "## What is in it", "\n".join(f"- `{name}`: {words}." for name, words in there.items()),
        *(_bullets("Not in it", problems)),
        "## Results", *(tabular.markdown(shown[name]) for name in ("numbers", "pivot") if shown[name].rows),
        *map(markdown, compare_runs.no_ceiling(found)),
        "## Runs", *(_run(one) for one in found),
        "## Make it again", "In this order; what is known already is answered at once. Equal parameters, seed, device "
        "and versions give the same run with the same id, to the bit on a CPU.",
        *(_command(one) for one in asked),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _bullets(title: str, sentences: Sequence[str]) -> Iterator[str]:
    if sentences:
        yield f"## {title}"
        yield "\n".join(f"- {markdown(sentence)}" for sentence in sentences)


def _runs(number: int) -> str:
    return f"{number} runs" if number != 1 else "1 run"


def _run(one: Compared) -> str:
    facts = [f"- {name}: {markdown(said)}" for name, said in _facts(one) if said]
    return "\n".join([f"### {markdown(one.label)}", "", *facts])


def _facts(one: Compared) -> Iterator[tuple[str, str]]:
    """What must be known of a run to judge its number."""
    record, judge = one.record, one.evaluation
    yield "what", tables.title(record)
    yield "run", f"{record.id}, kind {record.kind}, {record.state}"
    yield "came", origin(record)
    yield "accuracy", _accuracy(one)
    if judge is not None:
        yield "judged by", ", ".join(filter(None, [f"run {judge.id}", compare_runs.setting_of(judge), origin(judge)]))
    yield "took", text.duration(compare_runs.seconds(record)) if record.state == "done" else ""
    yield "hardware", str((record.info.get("device") or {}).get("name") or "")
    yield "versions", ", ".join(f"{name} {version}" for name, version in (record.info.get("libraries") or {}).items())
    yield "code", str((record.info.get("code") or {}).get("commit") or "")
    yield "data", str((record.info.get("dataset") or {}).get("fingerprint") or "")
    for note in _notes(one):
        yield "to know", note
    yield "tags", ", ".join(record.user.get("tags") or ())
    yield "note", str(record.user.get("note") or "")


def _accuracy(one: Compared) -> str:
    if not one.accuracy:
        return why_not(one)
    return text.accuracy(one.accuracy) + (f", measured {said}" if (said := aside(one.evaluation)) else "")


def _notes(one: Compared) -> list[str]:
    return list(dict.fromkeys([*one.record.summary.notes, *(one.evaluation.summary.notes if one.evaluation else ())]))


def _command(one: Command) -> str:
    told = f"{markdown(one.why)}{f'. {markdown(one.note)}' if one.note else ''}"
    return f"{told}\n\n```sh\n{one.line}\n```" if one.line else told


def document(found: Sequence[Compared], shown: Mapping[str, Table], figures: Mapping[str, str]) -> str:
    """report.tex: all tables that have rows, and all figures (name → what it shows)."""
    captions = {
        "pivot": "The runs in one table.", "numbers": "Accuracy of each run beside its controls.",
        "cost": "What each run took.", "parameters": "Parameters in which the runs differ.",
        "environment": "What else differs between the runs.",
    }
    floats = [_table(name, words) for name, words in captions.items() if shown[name].rows]
    floats += [_figure(name, words) for name, words in figures.items()]
    for place in range(MOST_FLOATS, len(floats), MOST_FLOATS):
        floats[place] = "\\clearpage\n" + floats[place]
    missing = [f"{one.label} (run {one.record.id}): {why_not(one)}" for one in found if one.accuracy is None]
    told = [rf"\noindent Without an accuracy: {latex('; '.join(missing))}.", ""] if missing else []
    told += [line for sentence in compare_runs.no_ceiling(found) for line in (rf"\noindent {latex(sentence)}", "")]
    return "\n".join([
        r"\documentclass[a4paper]{article}", r"\usepackage[margin=2cm]{geometry}", r"\usepackage{booktabs}",
        r"\usepackage{graphicx}",
        r"\begin{document}", rf"\noindent {latex(READ)}", "", *told, *floats, r"\end{document}", "",
    ])


def _table(name: str, words: str) -> str:
    return "\n".join([r"\begin{table}[htbp]", r"\centering", rf"\caption{{{latex(words)}}}\smallskip",
                      rf"\input{{tables/{name}.tex}}", r"\end{table}", ""])


def _figure(name: str, words: str) -> str:
    return "\n".join([r"\begin{figure}[htbp]", r"\centering",
                      rf"\includegraphics[width=0.9\linewidth]{{figures/{name}.pdf}}",
                      rf"\caption{{{latex(one_line(words))}}}", r"\end{figure}", ""])

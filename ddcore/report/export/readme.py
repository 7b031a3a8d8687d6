"""The report's own words: README.md, and report.tex that puts tables and figures on paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ddcore.report import compare_runs, tables, text
from ddcore.report.compare_runs import Compared
from ddcore.report.export import table as tabular
from ddcore.report.export.caveats import aside, origin
from ddcore.report.export.commands import Command
from ddcore.report.export.escape import latex, markdown, one_line
from ddcore.report.export.pivot import why_not
from ddcore.report.export.table import Table
from ddcore.report.findings import Whole

READ = ("An accuracy is a mean ± standard deviation over n networks trained from different random weights, each tested "
        "once, after its last step, on the test images unless said otherwise. Numbers compare only under the "
        "same protocol on the same network.")
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
    runs: Sequence[Compared], files: Sequence[str], by_name: Mapping[str, Table], commands: Sequence[Command],
    problems: Sequence[str], found: Sequence[Whole] = (),
) -> str:
    """The README. files: beside it, by name; by_name: the tables; problems: what could not be written, and why; found:
    what put others of the runs together."""
    contents = [f"- `{name}`: {words}." for name, words in WHAT.items() if any(file.startswith(name) for file in files)]
    missing = ["## Not in it", "\n".join(f"- {markdown(problem)}" for problem in problems)] if problems else []
    parts = [
        f"# Report on {len(runs)} run{'s' if len(runs) != 1 else ''}", READ,
        "## What is in it", "\n".join(contents), *missing,
        *map(_whole, found),
        "## Results", *(tabular.markdown(by_name[name]) for name in ("numbers", "pivot") if by_name[name].rows),
        *map(markdown, compare_runs.no_ceiling(runs)),
        "## Runs", *map(_run, runs),
        "## Make it again", "In this order; what is known already is answered at once. Equal parameters, seed, device "
        "and versions give the same run with the same id, to the bit on a CPU.",
        *map(_command, commands),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _whole(whole: Whole) -> str:
    """The answer of a run that put others together: what can be said, and its tables."""
    said = [markdown(sentence) for sentence in whole.sentences]
    shown = [tabular.markdown(replace(one.table, notes=())) for one in whole.tables.values()]
    return "\n\n".join([f"## {markdown(whole.title)}", *said, *(one.strip("\n") for one in shown)])


def _run(run: Compared) -> str:
    facts = [f"- {name}: {markdown(fact)}" for name, fact in _facts(run) if fact]
    return "\n".join([f"### {markdown(run.label)}", "", *facts])


def _facts(run: Compared) -> Iterator[tuple[str, str]]:
    """What must be known of a run to judge its number."""
    record, judge = run.record, run.evaluation
    yield "what", tables.title(record)
    yield "run", f"{record.id}, kind {record.kind}, {record.state}"
    yield "came", origin(record)
    yield "accuracy", _accuracy(run)
    if judge is not None:
        yield "judged by", ", ".join(filter(None, [f"run {judge.id}", compare_runs.setting_of(judge), origin(judge)]))
    yield "took", text.duration(compare_runs.seconds(record)) if record.state == "done" else ""
    yield "hardware", str((record.info.get("device") or {}).get("name") or "")
    yield "versions", ", ".join(f"{name} {version}" for name, version in (record.info.get("libraries") or {}).items())
    yield "code", str((record.info.get("code") or {}).get("commit") or "")
    yield "data", str((record.info.get("dataset") or {}).get("fingerprint") or "")
    for note in dict.fromkeys([*record.summary.notes, *(judge.summary.notes if judge else ())]):
        yield "to know", note
    yield "tags", ", ".join(record.user.get("tags") or ())
    yield "note", str(record.user.get("note") or "")


def _accuracy(run: Compared) -> str:
    how = aside(run.evaluation)
    return text.accuracy(run.accuracy) + (f", measured {how}" if how else "") if run.accuracy else why_not(run)


def _command(command: Command) -> str:
    words = markdown(command.why) + (f". {markdown(command.note)}" if command.note else "")
    return f"{words}\n\n```sh\n{command.line}\n```" if command.line else words


def document(runs: Sequence[Compared], by_name: Mapping[str, Table], figures: Mapping[str, str],
             found: Sequence[Whole] = ()) -> str:
    """report.tex: all tables that have rows, and all figures (name → what it shows)."""
    captions = {"pivot": "The runs in one table.", "numbers": "Accuracy of each run and its controls.",
                "cost": "What each run took.", "parameters": "Parameters in which the runs differ.",
                "environment": "What else differs between the runs."}
    captions = {name: words for name, words in captions.items() if by_name[name].rows}
    captions |= {name: one_line(one.caption) for whole in found for name, one in whole.tables.items()}
    floats = [_float("table", rf"\caption{{{latex(words)}}}\smallskip", rf"\input{{tables/{name}.tex}}")
              for name, words in captions.items()]
    floats += [_float("figure", rf"\includegraphics[width=0.9\linewidth]{{figures/{name}.pdf}}",
                      rf"\caption{{{latex(one_line(words))}}}") for name, words in figures.items()]
    for place in range(MOST_FLOATS, len(floats), MOST_FLOATS):
        floats[place] = "\\clearpage\n" + floats[place]
    missing = [f"{run.label} (run {run.record.id}): {why_not(run)}" for run in runs if run.accuracy is None]
    sentences = [f"Without an accuracy: {'; '.join(missing)}."] if missing else []
    paragraphs = [line for sentence in [*sentences, *compare_runs.no_ceiling(runs)]
                  for line in (rf"\noindent {latex(sentence)}", "")]
    return "\n".join([
        r"\documentclass[a4paper]{article}", r"\usepackage[margin=2cm]{geometry}", r"\usepackage{booktabs}",
        r"\usepackage{graphicx}",
        r"\begin{document}", rf"\noindent {latex(READ)}", "", *paragraphs, *floats, r"\end{document}", "",
    ])


def _float(kind: str, *lines: str) -> str:
    return "\n".join([rf"\begin{{{kind}}}[htbp]", r"\centering", *lines, rf"\end{{{kind}}}", ""])

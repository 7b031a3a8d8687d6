"""What README.md, CONTRIBUTING.md, CHANGELOG.md and docs/ say is there: links, files, commands, presets, figures."""

from __future__ import annotations

import importlib.util
import re
import shlex
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import click
import pytest
from fenced import DOCS, FENCE, blocks

from benchmarks import make_demo, picture
from ddcore import cli
from ddcore.evaluation import plans
from ddcore.experiments import search
from ddcore.home import PROJECT, demo_root
from ddcore.methods import METHODS
from ddcore.report import text
from ddcore.runs.store import Store

README, CHANGELOG = PROJECT / "README.md", PROJECT / "CHANGELOG.md"
PAGES = (README, PROJECT / "CONTRIBUTING.md", CHANGELOG, *sorted(DOCS.glob("*.md")))
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PLACE = re.compile(r"`((?:ddcore|pages|tests|benchmarks|docs|\.ci)/[\w./-]*)`")
# What the reader of a worked example is told to make.
MADE = {"ddcore/methods/logits.py", "ddcore/data/shapes.py", "ddcore/experiments/brightness.py",
        "ddcore/report/hours.py", "pages/9_Hours.py"}
OWN = {"logits", "brightness"}  # commands of the examples: test_examples.py calls them


@cache
def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to the headings of a page."""
    prose = FENCE.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def broken(said: str, page: Path) -> list[str]:
    """The relative links in what a page says that lead nowhere."""
    wrong = []
    for link in LINK.findall(FENCE.sub("", said)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / unquote(path)).resolve() if path else page
        if not target.is_file() or PROJECT not in target.parents or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


@EVERY_PAGE
def test_every_link_and_every_anchor_leads_somewhere(page: Path) -> None:
    assert not broken(page.read_text("utf-8"), page)


def test_a_link_to_no_file_to_no_heading_or_out_of_the_project_is_broken() -> None:
    said = "[a](numbers.md#flops) [b](gone.md) [c](numbers.md#gone) [d](../../x) [e](https://x.org/y)\n"
    assert broken(said, DOCS / "index.md") == ["gone.md", "numbers.md#gone", "../../x"]


@EVERY_PAGE
def test_every_file_that_is_named_is_there(page: Path) -> None:
    places = set(PLACE.findall(page.read_text("utf-8"))) - MADE
    assert not [place for place in places if not (PROJECT / place).exists()]


@EVERY_PAGE
def test_every_command_that_is_printed_can_be_called_so(page: Path) -> None:
    for line in "\n".join(blocks(page, "sh")).splitlines():
        words = shlex.split(line, comments=True)
        if "-m" in words:
            module, *rest = words[words.index("-m") + 1 :]
            assert is_there(module), f"{line}: no module {module}"
            if module == "ddcore" and not OWN & {*rest}:
                parse(rest, line)


def is_there(module: str) -> bool:
    """Whether `python -m` would run it; looked up without importing what it lies in."""
    if "." in module:
        return (PROJECT / f"{module.replace('.', '/')}.py").is_file()
    return importlib.util.find_spec(module) is not None


def parse(words: list[str], line: str) -> None:
    """Hold a command line to the command and its flags; the values are not looked at."""
    command: click.Command = cli.cli
    while isinstance(command, click.Group):
        assert words[0] in command.commands, f"{line}: no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    command.make_parser(click.Context(command)).parse_args(words)


def test_the_readme_is_short_and_keeps_its_two_commands() -> None:
    readme = README.read_text("utf-8")
    assert len(readme) <= 9000
    for title in ("Start it", "Test it"):
        assert re.search(rf"^```sh\n# {title}\b.*\npython3 -m venv .*\n```$", readme, re.MULTILINE), title


def test_the_readme_says_what_the_shipped_runs_of_its_picture_reached() -> None:
    store = Store(demo=demo_root())
    readme = " ".join(README.read_text("utf-8").split())
    for name, record in picture.judged(store).items():
        assert text.spread(record.summary.accuracy) in readme, name
    assert text.duration(picture.distilled(store).summary.seconds) in readme
    for name in ("random", "datadam", "dm"):
        scores = plans.scores(store, plans.plan(make_demo.small_set(name), make_demo.asked("quick")).final)
        assert scores, name
        assert text.spread(scores.accuracy) in readme, name
    assert re.findall(r"n = (\d+)\)", readme) == ["5", "5"]


@pytest.mark.parametrize("protocol", make_demo.PROTOCOLS)
def test_the_page_of_measured_figures_says_what_the_shipped_sets_and_their_controls_reached(protocol: str) -> None:
    store, page = Store(demo=demo_root()), " ".join((DOCS / "measured.md").read_text("utf-8").split())
    for name in make_demo.SETS:
        plan = plans.plan(make_demo.small_set(name), make_demo.asked(protocol))
        controls = (plan.random_real, plan.initial, plan.initial_hard, *(one.evaluation for one in plan.variations))
        for scores in (plans.scores(store, one) for one in (plan.final, *controls) if one):
            assert scores, name
            assert text.spread(scores.accuracy) in page, name


def test_the_overview_leads_to_every_page() -> None:
    links = set(LINK.findall((DOCS / "index.md").read_text("utf-8")))
    assert {page.name for page in DOCS.glob("*.md")} - {"index.md"} <= links


def test_the_page_of_methods_names_every_method_and_preset() -> None:
    named = set(re.findall(r"`([\w-]+)`", (DOCS / "methods.md").read_text("utf-8")))
    assert {*METHODS, *(preset.name for method in METHODS.values() for preset in method.presets)} <= named
    numbers = set(re.findall(r"`([\w-]+)`", (DOCS / "numbers.md").read_text("utf-8")))
    assert {preset.name for preset in search.PRESETS} <= numbers

"""Data sets that a person brings: look at them, add them, remove them."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from tqdm import tqdm

from ddcore import home
from ddcore.cli.flags import JSON, as_json, count_runs, given, options, show
from ddcore.data import DATASETS, apart, own
from ddcore.data.adding import AddConfig
from ddcore.data.layout import ARRANGED, Doubtful
from ddcore.data.preview import Preview, suggested
from ddcore.errors import ConfigError, DataRefused, UnknownName
from ddcore.report.uses import forget, uses
from ddcore.runs.store import Store

SUGGESTED = ("side", "colour", "levels", "ground")
MOST = 10  # classes and sizes told of a preview; the rest are counted


@click.group("data", help="Bring your own data set: look at it, add it, remove it.")
def data() -> None: ...


LAYOUT = click.Option(
    ["--layout"], default="", metavar="READING",
    help="How folders are to be read, from the outermost on, where that is not certain: the words part, class and "
    "folder (it is neither) joined by /, such as part/class; or the table to use. A question names what it may be.",
)


def _add(path: Path, name: str, layout: str, as_json: bool, **parameters: Any) -> None:
    with _looked(path, layout) as (brought, preview):
        if not as_json:
            click.echo(_text(brought, preview, parameters["labels"] or "keep"))
        config = AddConfig.build({**suggested(brought.called, preview), **given(parameters), "name": name})
        with _progress("storing") as on_progress:
            added = apart.add(brought, config, home.data_root(), on_progress, lambda: uses(Store(), name).any)
    result = {
        "name": added.name, "classes": list(added.classes), "shape": list(added.shape()), "sizes": added.sizes,
        "network": added.network, "fingerprint": added.fingerprint(home.data_root(), added.resolution),
        "notes": list(added.notes), "config": config.values(), "preview": _json(brought, preview),
    }
    train, test = added.sizes or (0, 0)
    sides, notes = "×".join(map(str, added.shape())), "".join(f"\n  note: {note}" for note in added.notes)
    show(result, as_json, lambda: f"added {name}: {train:,} training and {test:,} test images of {sides}{notes}")


def _flags() -> list[click.Option]:
    """The flags of AddConfig; those that the images decide where they are not given say so."""
    flags = options(AddConfig, skip=["name"])
    for flag in flags:
        if flag.name in SUGGESTED:
            flag.help = f"{(flag.help or '').partition(' [default:')[0]} [default: what fits the images]"
    return flags


data.add_command(click.Command(
    "add", callback=_add,
    help="Make a data set of a folder or a zip: class folders, in train/ and test/ or not, or a CSV with the columns "
    "image and label; or of MedMNIST's .npz, or Hugging Face's .parquet files. What is found is printed; nothing is "
    "asked, and a problem that stops it refuses it.",
    params=[click.Argument(["path"], type=click.Path(path_type=Path)),
            click.Option(["--name"], required=True, help=AddConfig.param("name").help), LAYOUT, *_flags(), JSON],
))


@data.command(
    help="Look at a folder or a file as `add` would, or at a data set that is there. Exit status 1 where something "
    "stops it from being used."
)
@click.argument("path_or_name")
@click.option(*LAYOUT.opts, default="", metavar=LAYOUT.metavar, help=LAYOUT.help)
@as_json
def check(path_or_name: str, layout: str, as_json: bool) -> int:
    if path_or_name in DATASETS or (not os.path.exists(path_or_name) and own.NAME.fullmatch(path_or_name)):
        return _check_known(path_or_name, as_json)
    with _looked(Path(path_or_name), layout) as (brought, preview):
        show(_json(brought, preview), as_json, lambda: _text(brought, preview))
    return int(any(problem.stops for problem in preview.problems))


def _check_known(name: str, as_json: bool) -> int:
    """Whether a data set can be used; of an own one every stored value is looked at."""
    root = home.data_root()
    if name not in DATASETS and not own.exists(name, root):
        raise UnknownName("data set, file or folder", name, DATASETS)
    facts = dict(DATASETS).get(name)  # None: its folder is there and cannot be read
    problems = own.verify(name, root) if facts is None or (facts.own and not facts.removed) else []
    state, message = "broken", "; ".join(problems)
    if facts is not None and not problems:
        availability = facts.check(root)
        state, message = availability.state, f"{availability.message} {availability.caveat}".strip()
    notes = list(facts.notes) if facts is not None else []
    result = {"name": name, "state": state, "message": message, "notes": notes}
    show(result, as_json, lambda: "\n".join([f"{name}: {state}. {message}", *(f"  note: {note}" for note in notes)]))
    return int(state in ("missing", "broken"))


@data.command(help="Delete the images of an own data set. Its finished runs go on to be shown and compared.")
@click.argument("name")
@as_json
def remove(name: str, as_json: bool) -> None:
    if name in DATASETS.shipped:
        raise ConfigError([f"{name} comes with the app; only own data sets can be removed"])
    used = uses(Store(), name)
    if used.active:
        raise ConfigError([f"{count_runs(used.active)} on {name} still waiting or running; cancel or await them first"])
    own.remove(name, home.data_root(), keep_facts=used.any)
    if not used.any:
        forget(Store(), name)
    kept = f"; its facts are kept for {count_runs(used.finished + used.other)}" if used.any else ""
    result = {"name": name, "finished": used.finished, "other": used.other, "facts_kept": used.any}
    show(result, as_json, lambda: f"removed {name}{kept}")


@contextmanager
def _looked(path: Path, reading: str) -> Iterator[tuple[apart.Brought, Preview]]:
    """What lies there, every image decoded once; a doubt about its layout names the flags that end it."""
    with TemporaryDirectory() as folder:
        brought = apart.Brought(path, path.absolute().name, Path(folder, "notes.json"))
        try:
            with _progress("looking at images") as on_progress:
                apart.look(brought, reading, on_progress)
        except Doubtful as doubt:
            ways = [f"  --layout {shlex.quote(choice.key)}: {choice.text}" for choice in doubt.choices]
            raise DataRefused("\n".join([f"{doubt.text}. Say how it is to be read:", *ways])) from None
        yield brought, apart.noted(brought)


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar where standard error is a terminal, and nothing elsewhere."""
    with tqdm(desc=title, unit=" images", leave=False, disable=not sys.stderr.isatty(), file=sys.stderr) as bar:

        def on_progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield on_progress


def _json(brought: apart.Brought, preview: Preview) -> dict[str, Any]:
    return {
        "source": brought.called, "kind": brought.kind,
        "layout": preview.layout.kind, "reading": preview.layout.reading,
        "classes": list(preview.layout.classes), "voters": preview.layout.voters,
        "counts": {part: dict(counts) for part, counts in preview.counts.items()},
        "sizes": [{"width": w, "height": h, "images": n} for (w, h), n in preview.sizes.most_common()],
        "modes": dict(preview.modes), "unreadable": dict(preview.unreadable),
        "problems": [asdict(problem) for problem in preview.problems], "suggested": suggested(brought.called, preview),
    }


def _text(brought: apart.Brought, preview: Preview, labels: str = "keep") -> str:
    """The preview as lines for people; labels: what becomes of those that read the same."""
    layout, counted = preview.layout, preview.counted(labels)
    where, number = ARRANGED[layout.kind], len(next(iter(counted.values())))
    classes = f"{number:,} classes" if number != 1 else "1 class"
    votes = f", with the votes of {layout.voters} annotators" if layout.voters else ""
    lines = [f"{brought.called}: {preview.images:,} images of {classes}, {where}{votes}"]
    for part, counts in counted.items():
        lines.append(f"  {part:<6} {sum(counts.values()):,}: {_some([f'{c} {n:,}' for c, n in counts.items()])}")
    lines.append(f"  sizes  {_some([f'{w}×{h} ({n:,})' for (w, h), n in preview.sizes.most_common()])}")
    for problem in preview.problems:
        otherwise = f" (flag: --{problem.param} {problem.value})" if problem.value else ""
        lines.append(f"  {'stops' if problem.stops else 'note'}: {problem.text}{otherwise}")
    return "\n".join(lines)


def _some(words: list[str]) -> str:
    more = f" and {len(words) - MOST:,} more" if len(words) > MOST else ""
    return ", ".join(words[:MOST]) + more


COMMANDS: tuple[click.Command, ...] = (data,)

"""Commands that only look: list, runs, show, export, flops."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any

import click

from ddcore import jobs
from ddcore.cli.flags import JSON, as_json, caveats, check_target, given, percent, show
from ddcore.data import DATASETS
from ddcore.errors import ConfigError, DDCoreError
from ddcore.experiments import KINDS, search
from ddcore.methods import METHODS
from ddcore.networks import NETWORKS, network
from ddcore.params import Config
from ddcore.protocols import PROTOCOLS
from ddcore.report import tables, turns
from ddcore.report.findings import FINDINGS
from ddcore.runs import memo, whole
from ddcore.runs.files import FolderUnusable
from ddcore.runs.store import RunRecord, Store
from ddcore.settings import NETWORK_OPTIONS, NetworkConfig
from ddcore.spaces import SPACES
from ddcore.summary import BESIDE

LONGEST = 2000  # letters of a value that is shown to people
SMALLEST_SIDE = 8  # pixels: that of the smallest data set; the networks are made for it and up
WHAT = ("methods", "datasets", "networks", "spaces", "protocols", "presets")


@click.command("list", help="What there is: methods, data sets, networks, search spaces, protocols, presets.")
@click.argument("what", type=click.Choice(WHAT), required=False)
@as_json
def list_(what: str | None, as_json: bool) -> None:
    presets = [*((m.name, p) for m in METHODS.values() for p in m.presets), *(("nas", p) for p in search.PRESETS)]
    known: dict[str, list[dict[str, Any]]] = {
        "methods": [{"name": m.name, "title": m.title, "help": m.summary, "paper": m.paper,
                     "parameters": parameters(m.Config)} for m in METHODS.values()],
        "datasets": [{"name": d.name, "title": d.title, "classes": list(d.classes), "shape": list(d.shape()),
                      "resolutions": list(d.resolutions), "network": d.network, "help": d.source, "own": d.own}
                     for d in map(DATASETS.__getitem__, DATASETS.offered())],
        "networks": [{"name": n.name, "title": n.title, "options": dict(n.options)} for n in NETWORKS.values()],
        "spaces": [{"name": s.name, "title": s.title, "help": s.help, "network": s.network, "options": dict(s.options),
                    "networks": s.size} for s in SPACES.values()],
        "protocols": [{"name": p.name, "help": p.help, **p.training("none").values(),
                       "augment": "the data set's own" if p.augment else "none"} for p in PROTOCOLS.values()],
        "presets": [{"name": p.name, "method": method, "help": p.help, "values": dict(p.values),
                     "by_dataset": {name: p.special(name) for name in DATASETS.offered()}} for method, p in presets],
    }
    listed = {what: known[what]} if what else known
    show(listed, as_json, lambda: "\n".join(_listing(kind, rows) for kind, rows in listed.items()))


def parameters(config: type[Config]) -> list[dict[str, Any]]:
    """Every parameter of a Config as JSON."""
    return [
        {"name": p.name, "flag": p.flag, "label": p.title, "type": p.type, "default": p.default, "low": p.low,
         "high": p.high, "choices": p.choices and list(p.choices), "unit": p.unit, "help": p.help}
        for p in config.params()
    ]


def _listing(kind: str, rows: list[dict[str, Any]]) -> str:
    lines = [kind]
    for row in rows:
        name = f"{row['method']}/{row['name']}" if "method" in row else row["name"]
        lines.append(f"  {name:<16} {row.get('help') or row.get('title')}")
        if kind == "protocols":
            fields = ", ".join(f"{n} {v}" for n, v in row.items() if n not in ("name", "help") and v is not None)
            lines.append(f"  {'':<16} {fields}")
    return "\n".join(lines)


@click.command(help="Every saved run, newest first; trials of a search only with --kind trial.")
@click.option("--kind", type=click.Choice(list(KINDS)), help="Runs of this kind alone.")
@as_json
def runs(kind: str | None, as_json: bool) -> None:
    if trouble := Store().trouble():
        raise FolderUnusable(trouble)
    records = Store().records(kind)
    rows = [
        {"run": r.id, "kind": r.kind, "name": r.name, "status": r.state, "config": r.config, **_scores(r),
         "seconds": r.summary.seconds, "data_notes": list(tables.data_notes(r)), "tags": r.user["tags"],
         "title": tables.title(r), "demo": r.demo, "imported": r.imported, "problem": r.problem}
        for r in records
    ]
    lines = [*map(_run_line, records), *tables.footnotes(records)]
    show({"runs": rows}, as_json, lambda: "\n".join(lines) or "no runs yet")


def _scores(run: RunRecord) -> dict[str, Any]:
    scores = {name: getattr(run.summary, name) for name in ("accuracy", *BESIDE)}
    return {name: score and score.to_json() for name, score in scores.items()}


def _run_line(run: RunRecord) -> str:
    accuracy = percent(run.summary.scores, tables.beside(run.summary)) if run.summary.scores else ""
    if tables.beside(run.summary) and run.summary.majority is not None:
        accuracy += f", majority class {100 * run.summary.majority:.1f} %"
    tags = " ".join(f"#{tag}" for tag in run.user["tags"])
    return "  ".join(filter(None, [f"{run.id:<18} {run.kind:<10} {run.state:<12} {tables.title(run)}", accuracy, tags]))


@click.command("show", help="One run: its parameters, state, result, the reason if it failed; of a search or a sweep "
               "its answer by now.")
@click.argument("run_id", metavar="RUN")
@as_json
def show_run(run_id: str, as_json: bool) -> None:
    store = Store()
    record = store.record(run_id)
    status = jobs.status(record.id)
    found, words = _found(store, record)
    turn = turns.in_words(status)
    result = {
        "run": record.id, "kind": record.kind, "name": record.name, "title": tables.title(record),
        "status": status.state, "done": status.done, "total": status.total, "config": record.config,
        "summary": record.summary.to_json(), "user": record.user, "error": store.error(record.id),
        "problem": record.problem or status.message or None, "imported": record.imported, "info": record.stored(),
        **({"turn": turn} if turn else {}), **found,
    }
    caveats([*record.summary.notes, *whole.lost(record)])
    show(result, as_json, lambda: "\n".join(filter(None, [*_details(result, found), words()])))


def _found(store: Store, record: RunRecord) -> tuple[dict[str, Any], Callable[[], str]]:
    """What it found out, where its kind reads that from other runs: for scripts, and for people."""
    if record.kind not in FINDINGS:
        return {}, str
    why, finding = "nothing is known of what it found", FINDINGS[record.kind]
    try:
        if record.state != "broken":
            return finding.to_json(store, record), lambda: finding.words(store, record)
    except DDCoreError as error:  # of a version that had other parameters, or its data is not here
        why = f"what it found cannot be read here: {error}"
    return {}, lambda: f"  {why}"


def _details(result: Mapping[str, Any], found: Container[str]) -> list[str]:
    """found: what is told in words of its own behind them."""
    lines = [f"run {result['run']} ({result['kind']}, {result['name']}): {result['status']}", f"  {result['title']}"]
    if result["problem"]:
        lines.append(f"  {result['problem']}")
    lines += [f"  {name}: {', '.join(value) if isinstance(value, list) else value}"
              for name, value in result["user"].items() if value]
    if result["total"] and result["status"] == "running":
        lines.append(f"  {result['done']} of {result['total']}")
    if turn := result.get("turn"):
        lines.append(f"  {turn[0].upper()}{turn[1:]}.")
    if result["error"]:
        lines.append(f"  {result['error'].strip().splitlines()[-1]}")
    lines += [f"  {name} = {value}" for name, value in result["config"].items() if value is not None]
    return lines + [f"  {name}: {_short(value)}" for name, value in result["summary"].items() if name not in found]


def _short(value: Any) -> str:
    """A value of a summary, unless it is a whole table."""
    content = json.dumps(value)
    return content if len(content) <= LONGEST else f"{len(value)} entries; --json has them"


@click.command(
    help="Write a run's float images, labels, mean, std and class names to FILE.npz; soft labels and a learning rate "
    "too where they were learnt."
)
@click.argument("run_id", metavar="RUN")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@as_json
def export(run_id: str, file: Path, as_json: bool) -> None:
    from ddcore.report.export import sets

    check_target(file, ".npz")
    images = Store().images(run_id)
    file.write_bytes(sets.npz(images))
    result = {"run": run_id, "file": str(file), "images": list(images.images.shape)}
    show(result, as_json, lambda: f"{len(images.labels)} images to {file}")


@click.command(
    "flops",
    help="Multiply-adds (MACs) of one forward pass of one image, counted by fvcore. FLOPs are 2 × MACs.",
    params=[
        click.Argument(["name"], metavar="NETWORK"),
        click.Option(["--shape"], default="1x28x28", help="Image shape CxHxW. [default: 1x28x28]"),
        click.Option(["--classes"], type=click.IntRange(1), default=10, help="Number of classes. [default: 10]"),
        *(click.Option([p.flag, p.name], help=f"{p.label} of the network.", type=int if p.type == "int" else str)
          for p in map(NetworkConfig.param, NETWORK_OPTIONS)),
        JSON,
    ],
)
def flops(name: str, shape: str, classes: int, as_json: bool, **changes: Any) -> None:
    entry = network(name)
    if not (match := re.fullmatch(r"(\d+)x(\d+)x(\d+)", shape)):
        raise ConfigError([f"shape must be CxHxW such as 1x28x28, got {shape!r}"])
    c, h, w = (int(side) for side in match.groups())
    if min(c, h, w) < 1 or min(h, w) < SMALLEST_SIDE:
        raise ConfigError([f"shape must have a channel and sides of at least {SMALLEST_SIDE} pixels, got {shape!r}"])
    if problems := entry.problems((c, h, w), given(changes)):
        raise ConfigError(problems)
    counted = _counted(name, [c, h, w], classes, {**entry.options, **given(changes)})
    result = {"network": name, "shape": shape, "classes": classes, **counted}
    show(result, as_json, lambda: (
        f"{entry.title} on {shape}, {classes} classes: {counted['macs']:,} MACs, {counted['flops']:,} FLOPs, "
        f"{counted['parameters']:,} parameters\n{counted['convention']}"
    ))


@memo.memoise("1")
def _counted(name: str, shape: list[int], classes: int, options: dict[str, Any]) -> dict[str, Any]:
    """The count, from disk if it was made before: importing torch takes longer than counting."""
    from ddcore.ops.flops import count

    c, h, w = shape
    cost = count(name, (c, h, w), classes, options)
    return {**dataclasses.asdict(cost), "flops": cost.flops}


COMMANDS: tuple[click.Command, ...] = (list_, runs, show_run, export, flops)

"""Write the table of speeds in docs/measured.md from benchmarks/results/speed_*.json: `python -m benchmarks.table`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.machine import RESULTS
from ddcore.home import PROJECT
from ddcore.networks import NETWORKS
from ddcore.report import text

PAGE = PROJECT / "docs" / "measured.md"
BEGIN, END = "<!-- speed: made by `python -m benchmarks.table` -->", "<!-- /speed -->"
HEAD = (
    "| what | on | published way | ours | times as fast | over the bare convolutions | peak memory, theirs / ours |",
    "|---|---|---|---|---|---|---|",
)
TITLES = {"dm": "DM, one step", "datadam": "DataDAM, one step", "pad": "PAD, one iteration"}
SHAPES = {"mnist": "MNIST", "cifar10": "CIFAR-10", "mhist": "MHIST at 128 px"}
# What the page says of all rows, and how a row says that it is otherwise.
USUAL: dict[str, tuple[Any, Callable[[Any], str]]] = {
    "network": ("convnet3", lambda name: NETWORKS[name].title),
    "width": (128, "width {}".format),
    "batch_real": (256, "{} real images of each class".format),
}
ORDER = ("dm", "datadam", "pad", "small-set", "full-data")


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    if not kept():
        raise SystemExit(f"error: there is no speed_*.json in {RESULTS}; {PAGE.name} stays as it is")
    PAGE.write_text(written(PAGE.read_text("utf-8"), kept()), "utf-8")


def kept() -> list[dict[str, Any]]:
    """All results, GPUs last, in the order in which they are told."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("speed_*.json"))]
    return sorted(found, key=lambda one: (one["device"], ORDER.index(_what(one)), list(SHAPES).index(one["shape"])))


def written(page: str, results: Iterable[dict[str, Any]]) -> str:
    """The page with this table between its marks; ValueError where it has none."""
    before, begun, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (begun and ended):
        raise ValueError(f"{PAGE.name} has no place for the table of speeds: {BEGIN} … {END}")
    rows = [row(one) for one in results]
    table = "\n".join([*HEAD, *rows]) + "\n" if rows else ""
    return f"{before}{BEGIN}\n{table}{END}{after}"


def row(one: dict[str, Any]) -> str:
    """One result as a row."""
    memory = " / ".join(f"{one['peak_memory_bytes'][way] / 1e9:.2g}" for way in ("plain", "ours"))
    theirs, ours = _seconds(one)
    cells = (
        ", ".join([_title(one), *_otherwise(one), SHAPES[one["shape"]]]), _place(one), theirs,
        f"{ours}, {one['precision']} (n = {one['n']})",
        f"{one['ratio']:.1f}", f"{one['share_of_bare']:.2f}", f"{memory} GB",
    )
    return f"| {' | '.join(cells)} |"


def _what(one: dict[str, Any]) -> str:
    return str(one.get("method") or one["case"])


def _title(one: dict[str, Any]) -> str:
    if one.get("method") == "pad":
        return f"{TITLES['pad']} of {one['config']['student_steps']} student steps"
    if "method" in one:
        return TITLES[one["method"]]
    networks = "one network" if one["nets"] == 1 else f"{one['nets']} networks"
    timed = f"counted up from {one['timed']['epochs']} of the epochs on {one['timed']['images']:,} images"
    return f"{networks}, {one['epochs']:,} epochs on {one['images']:,} images, and the test ({timed})"


def _otherwise(one: dict[str, Any]) -> list[str]:
    """Where this row is not what the page says of all."""
    config = one.get("config") or {"network": one["network"], **one["network_options"]}
    return [said(config[name]) for name, (usual, said) in USUAL.items() if config.get(name, usual) != usual]


def _seconds(one: dict[str, Any]) -> tuple[str, str]:
    """Theirs and ours: of a step, or of the whole where that was counted up."""
    if "seconds" in one:
        return text.duration(one["seconds"]["plain"]), text.duration(one["seconds"]["ours"])
    return f"{one['seconds_per_step_plain']:.3g} s", f"{one['seconds_per_step']:.3g} s"


def _place(one: dict[str, Any]) -> str:
    machine = one["machine"]
    return str(machine["gpu"]) if one["device"] == "cuda" else f"{machine['threads']} CPU threads"


if __name__ == "__main__":
    main()

"""Published results, for reading ours against: a small file of figures, each with where it was read.

They are other people's numbers, made under their own protocols, and never enter a statistic of ours.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Published:
    """One published accuracy.

    mean, std: percent as printed (std None where none is); network: a name of ours; trained: how that network was
    trained, in words; source: where the number was read; verified: False for one that is recalled and was not read.
    """

    method: str
    dataset: str
    network: str
    ipc: int
    mean: float
    std: float | None
    trained: str
    source: str
    verified: bool
    note: str = ""

    @property
    def label(self) -> str:
        """ "DM (published)" or "KIP (recalled, unverified)"."""
        return f"{self.method} ({'published' if self.verified else 'recalled, unverified'})"


def published(dataset: str, network: str, ipc: int) -> list[Published]:
    """What was published for this data set, network and number of images per class, best first."""
    return sorted((p for p in everything() if (p.dataset, p.network, p.ipc) == (dataset, network, ipc)),
                  key=lambda p: -p.mean)


@cache
def everything() -> tuple[Published, ...]:
    """All rows of published.json."""
    file = json.loads((Path(__file__).parent / "published.json").read_text("utf-8"))
    return tuple(
        Published(row["method"], row["dataset"], row["network"], int(ipc), mean, std, row["trained"], row["source"],
                  row["verified"], row.get("note", ""))
        for row in file["results"] for ipc, (mean, std) in row["accuracy"].items()
    )

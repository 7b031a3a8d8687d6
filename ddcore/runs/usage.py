"""What takes how much of the disk: runs by kind, the trash, data that can be made again, memo, compiled code."""

from __future__ import annotations

from dataclasses import dataclass

from ddcore import home
from ddcore.data import own, prepared
from ddcore.disk import bytes_of, run_bytes
from ddcore.experiments import KINDS
from ddcore.runs.store import Store

__all__ = ["Used", "bytes_of", "run_bytes", "usage"]


@dataclass(frozen=True)
class Used:
    """One line of the account. what: "runs", "trash", "prepared", "own", "memo" or "compiled"; kind: of runs;
    number: of runs, None where they are not counted.
    """

    what: str
    bytes: int
    kind: str = ""
    number: int | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        if self.what != "runs":
            return TITLES[self.what]
        return KINDS[self.kind].title if self.kind in KINDS else self.kind


TITLES = {
    "trash": "Trash", "own": "Own data sets", "prepared": "Prepared data (made again when needed)",
    "memo": "What pages keep to open fast (made again when needed)",
    "compiled": "Compiled code (made again when needed)",
}


def usage(store: Store) -> list[Used]:
    """The bytes on disk, the largest kind of run first; what ships with the app is not counted.

    The trash is told with what is being deleted or brought, or was when a process died.
    """
    kinds = [Used("runs", sum(map(run_bytes, runs)), kind, len(runs)) for kind, runs in store.folders().items()]
    trashed = [folder for runs in store.folders(trash=True).values() for folder in runs]
    root = home.data_root()
    places = {"own": own.place(root), "prepared": prepared.folder(root), "memo": home.memo_root(),
              "compiled": home.home() / "compiled"}
    return [
        *sorted(kinds, key=lambda used: -used.bytes),
        Used("trash", sum(map(run_bytes, trashed)) + sum(map(bytes_of, store.leftovers())), number=len(trashed)),
        *(Used(what, bytes_of(place)) for what, place in places.items()),
    ]

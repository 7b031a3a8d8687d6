"""Which runs a data set is used by: what must end before it is removed, and what goes on to need its facts."""

from __future__ import annotations

from dataclasses import dataclass

from ddcore.runs.store import Store, parts


@dataclass(frozen=True)
class Uses:
    """Runs on a data set. active: waiting or running; finished: with a result; other: failed, stopped or in the
    trash."""

    active: int
    finished: int
    other: int

    @property
    def any(self) -> bool:
        return bool(self.active or self.finished or self.other)


def uses(store: Store, dataset: str) -> Uses:
    """The runs of this store whose config names the data set, those in the trash among them."""
    records = [*store.records(), *(record for kind in parts() for record in store.records(kind))]
    named = [record for record in records if record.config.get("dataset") == dataset]
    trashed = [record for record in store.trashed() if record.config.get("dataset") == dataset]
    active = sum(record.active for record in named)
    finished = sum(record.state == "done" for record in named)
    return Uses(active, finished, len(named) + len(trashed) - active - finished)

"""Which runs a data set is used by: what must end before it is removed, and what goes on to need its facts."""

from __future__ import annotations

from dataclasses import dataclass

from ddcore.hosting import owners, rights
from ddcore.hosting.people import MACHINE, acting_as
from ddcore.runs.store import RunRecord, Store, parts


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
    """The runs whose config names the data set, those in the trash among them, and everybody's private ones.

    Those that only tell of the data set do not count once they have ended.
    """
    store = store.whole()
    records = [*store.records(), *(record for kind in parts() for record in store.records(kind))]
    users = [record for record in records if record.config.get("dataset") == dataset
             and (record.active or not _of_data(record))]
    trashed = sum(record.config.get("dataset") == dataset and not _of_data(record) for record in store.trashed())
    active, finished = sum(r.active for r in users), sum(r.state == "done" for r in users)
    return Uses(active, finished, len(users) + trashed - active - finished)


def forget(store: Store, dataset: str) -> None:
    """Delete the runs that only tell of a data set: with it, where nothing else uses it, and whoever may remove it."""
    rights.require("remove-data", dataset, owners.owners(owners.data_set(dataset)))
    with acting_as(MACHINE):
        _forget(store, dataset)


def _forget(store: Store, dataset: str) -> None:
    for run_id in [r.id for r in store.records() if r.config.get("dataset") == dataset and _of_data(r) and not r.demo]:
        store.trash(run_id)
    for run_id in [r.id for r in store.trashed() if r.config.get("dataset") == dataset and _of_data(r)]:
        store.purge(run_id)


def _of_data(record: RunRecord) -> bool:
    return record.declared is not None and record.declared.of_data

"""What answering questions takes beside time: the runs that have to be computed first, and room on the disk."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ddcore import home
from ddcore.errors import DataBroken, DataMissing
from ddcore.runs.files import FolderUnusable, size
from ddcore.runs.thinned import lacks_arrays

if TYPE_CHECKING:
    from ddcore.experiments.base import Spec
    from ddcore.runs.store import RunRecord, Store


def unfinished(specs: Iterable[Spec], records: Iterable[RunRecord]) -> dict[str, Spec]:
    """Those of these specs, and of what they need, that no run has answered, by key; needs come first."""
    return _unfinished(specs, {record.id: record.folder for record in records if record.state == "done"})


def _unfinished(specs: Iterable[Spec], done: Mapping[str, Path]) -> dict[str, Spec]:
    left: dict[str, Spec] = {}
    for one in specs:
        if (run_id := id_of(one)) not in done or lacks_arrays(done[run_id]):
            left |= _unfinished(one.needs, done)
            left[run_id] = one
    return left


def id_of(one: Spec) -> str:
    """The id of the run that answers this; words that are no run's id where the data is not here to make one."""
    try:
        return one.key
    except (DataMissing, DataBroken):
        return f"{one.kind} {one.name} {one.config.values()}"


def disk(specs: Iterable[Spec], records: Iterable[RunRecord]) -> int:
    """Bytes that these and what they need will still write, as far as that is more than a few MB for each run."""
    by_id = {record.id: record for record in records}
    return _bytes(unfinished(specs, by_id.values()), by_id)


def check_disk(store: Store, specs: Iterable[Spec]) -> None:
    """Raise FolderUnusable, with the numbers, where the disk is too small for these and for all that is under way."""
    from ddcore.experiments import KINDS

    specs = list(specs)
    if not any(KINDS[one.kind].disk(one.name, one.config) for one in _unfinished(specs, {}).values()):
        return
    by_id = {record.id: record for record in store.records()}
    under_way = specs_of(record for record in by_id.values() if record.active)
    own, active = unfinished(specs, by_id.values()), unfinished(under_way, by_id.values())
    needed, others = _bytes(own, by_id), _bytes({k: v for k, v in active.items() if k not in own}, by_id)
    free = _free(store.root)
    if needed and needed + others > free:
        waiting = f" beside {size(others)} that runs under way will write" if others else ""
        raise FolderUnusable(
            f"the disk is too small: this needs {size(needed)}{waiting}, {size(free)} are free in {store.root}; "
            "it takes less with fewer experts, fewer epochs of an expert or half precision"
        )


def check_data(store: Store, specs: Iterable[Spec]) -> None:
    """Raise DataMissing for an open question about a data set that was removed: what is known of it can be shown."""
    from ddcore.data import DATASETS

    names = {one: str(getattr(one.config, "dataset", "")) for one in specs}
    gone = [one for one, name in names.items() if name in DATASETS and DATASETS[name].removed]
    # The store is read only where a data set is gone: submitting is quick otherwise.
    if gone and unfinished(gone, store.records()):
        raise DataMissing(DATASETS[names[gone[0]]].check(home.data_root()).message)


def specs_of(records: Iterable[RunRecord]) -> list[Spec]:
    """What these runs ask, without those of another version of the code or about data that are not known here."""
    from ddcore.errors import DDCoreError

    specs = []
    for record in records:
        with contextlib.suppress(DDCoreError):
            specs.append(record.question())
    return specs


def _bytes(specs: dict[str, Spec], records: dict[str, RunRecord]) -> int:
    """What these will write, less what mapped arrays of those that were begun take: where they are holes, nothing."""
    from ddcore.experiments import KINDS

    total = 0
    for run_id, one in specs.items():
        if needed := KINDS[one.kind].disk(one.name, one.config):
            arrays = records[run_id].folder.glob("*.npy") if run_id in records else ()
            total += max(0, needed - sum(file.stat().st_blocks * 512 for file in arrays))
    return total


def _free(folder: Path) -> int:
    """Bytes free where this folder is or will be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free

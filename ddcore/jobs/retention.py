"""What is deleted by itself after some days, where the settings say so: runs in the trash, and checkpoints and expert
trajectories of finished runs. The keeper does it, once an hour at most, and nothing that was not announced before.

<home>/jobs/retention.json says since when which rule holds. One that is new or was changed deletes nothing before it
was announced for as long as the settings say, however old what it deletes is.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ddcore import home
from ddcore.errors import ConfigError, DDCoreError, RunBroken
from ddcore.hosting import audit
from ddcore.hosting.people import Person
from ddcore.hosting.private import owner
from ddcore.hosting.settings import Retention, settings
from ddcore.jobs.queue import Queue
from ddcore.runs.files import read_json, write_json
from ddcore.runs.record import RunRecord
from ddcore.runs.store import TRASHED, Store
from ddcore.runs.thinned import deleted, heavy, thin

DAY = 86_400.0  # seconds
EVERY = 3600.0  # seconds from one look to the next
FRESH = 60.0  # seconds for which one look through all runs serves everybody
AT_ONCE = 2.0  # seconds that one look may delete for: the queue is looked after by the same process
RULES = ("trash", "checkpoints")
DEED = "retention"  # in the audit log


@dataclass(frozen=True)
class Due:
    """Something that is deleted. rule: "trash" or "checkpoints"; when: not before, in seconds since 1970."""

    rule: str
    folder: Path
    when: float


def due(store: Store, now: float | None = None) -> list[Due]:
    """Everything that the settings delete one day, soonest first."""
    now = time.time() if now is None else now
    if (kept := _retention()) is None:
        return []
    rules = _rules(kept, now)
    least = {rule: told["since"] + kept.announced * DAY for rule, told in rules.items()}
    begins = [*(_trash(store, now) if kept.trash else ()), *(_checkpoints(store) if kept.checkpoints else ())]
    found = [Due(rule, folder, max(begin + rules[rule]["days"] * DAY, least[rule])) for rule, folder, begin in begins]
    return sorted(found, key=lambda one: (one.when, one.rule, one.folder.name))


def announced(store: Store, now: float | None = None) -> list[str]:
    """What is deleted in the days that are announced, a sentence for each day and rule."""
    if (kept := _retention()) is None:
        return []
    if now is None:  # a page is drawn often, and to look through all runs takes a while
        return list(_announced(store.root, store.viewer(), kept, int(time.time() // FRESH)))
    soon = [one for one in due(store, now) if one.when - now <= kept.announced * DAY]
    days = Counter((date(max(one.when, now)), one.rule) for one in soon)
    return [_sentence(rule, number, day) for (day, rule), number in days.items()]


@lru_cache(maxsize=32)
def _announced(root: Path, viewer: Person, kept: Retention, moment: int) -> tuple[str, ...]:
    return tuple(announced(Store(root, person=viewer), moment * FRESH))


def look(store: Store, now: float | None = None) -> None:
    """Delete what is due. As the machine's own user; each deletion stands in the audit log."""
    now = time.time() if now is None else now
    if (kept := _retention()) is None:
        _path().unlink(missing_ok=True)  # switched on again, it is announced again
        return
    if 0 <= now - _looked() < EVERY:
        return
    rules = _rules(kept, now)
    if rules != _known():
        _path().parent.mkdir(parents=True, exist_ok=True)
        write_json(_path(), {"rules": rules})
        os.utime(_path(), (0, 0))
    _mark(store)
    over = [one for one in due(store, now) if one.when <= now]
    until = time.monotonic() + AT_ONCE  # behind the look through all runs, which may take as long
    for one in over:
        if one.rule == "trash" and time.monotonic() < until:
            with contextlib.suppress(DDCoreError, OSError):  # brought back meanwhile, or of a disk that is read-only
                store.purge(one.folder.name)
    _thin(store, [one.folder for one in over if one.rule == "checkpoints"], until)
    if time.monotonic() < until:  # else the rest at the next look
        os.utime(_path(), (now, now))


def _thin(store: Store, folders: Sequence[Path], until: float) -> None:
    """Delete the heavy files of these finished runs, as far as no unfinished one goes on from them, or may."""
    thinned = dict[Path, list[str]]()
    with store.lock() if folders else contextlib.nullcontext():
        needed, families = _needed(store)
        for folder in folders:
            if time.monotonic() >= until or folder.name in needed or not (folder / "run.json").exists():
                continue
            record = store.record(folder.name)
            if record.state == "done" and record.info.get("family") not in families:
                with contextlib.suppress(OSError):
                    thinned[folder] = thin(folder)
    for folder, names in thinned.items():
        private = {audit.PRIVATE: "yes"} if owner(folder) else {}
        audit.write(DEED, folder.name, f"done: deleted {', '.join(names)}", **private)


def _needed(store: Store) -> tuple[set[str], set[str]]:
    """(the runs that unfinished ones build on; the families of these, of which a shorter one may be gone on from)."""
    queue, needed = Queue(), set[str]()
    unfinished = [store.record(one) for one in {*queue.held(), *queue.interrupted()} if store.exists(one)]
    left = [parent for one in unfinished for parent in one.info.get("parents") or ()]
    while left:
        if (one := left.pop()) not in needed and store.exists(one):
            needed.add(one)
            left += store.record(one).info.get("parents") or ()
    return needed, {str(one.info["family"]) for one in unfinished if one.info.get("family")}


def extending(record: RunRecord) -> str:
    """What is to be known before a finished run is extended, in a sentence; "" where nothing is."""
    if deleted(record.folder) and not (record.folder / "checkpoint.safetensors").exists():
        return "Its checkpoint was deleted, as old ones are: a longer run begins anew."
    if (kept := _retention()) is None or not kept.checkpoints or not heavy(record.folder):
        return ""
    rules = _rules(kept, time.time())["checkpoints"]
    when = max(_finished(record.folder) + kept.checkpoints * DAY, rules["since"] + kept.announced * DAY)
    return f"Its checkpoint is kept until {date(when)}. From then on a longer run begins anew."


def date(moment: float) -> str:
    """ "12 December", with the year where it is another one."""
    then, now = time.localtime(moment), time.localtime()
    return f"{then.tm_mday} {time.strftime('%B' if then.tm_year == now.tm_year else '%B %Y', then)}"


def _sentence(rule: str, number: int, day: str) -> str:
    runs = f"run{'s' * (number != 1)}"
    if rule == "trash":
        return f"On {day} {number:,} {runs} in the trash {'are' if number != 1 else 'is'} deleted for good."
    return f"On {day} the checkpoints and expert trajectories of {number:,} finished {runs} are deleted; results stay."


def _trash(store: Store, now: float) -> Iterator[tuple[str, Path, float]]:
    for folders in store.folders(trash=True).values():
        for folder in folders:
            try:
                yield "trash", folder, (folder / TRASHED).stat().st_mtime
            except OSError:  # by an earlier version: its days begin when the keeper sees it
                yield "trash", folder, now


def _checkpoints(store: Store) -> Iterator[tuple[str, Path, float]]:
    for folders in store.folders().values():
        for folder in folders:
            if (when := _finished(folder)) and heavy(folder):
                yield "checkpoints", folder, when


def _finished(folder: Path) -> float:
    """When a run was finished, or brought here; 0 for one that is not."""
    try:
        return (folder / "run.json").stat().st_mtime
    except OSError:
        return 0.0


def _mark(store: Store) -> None:
    """From now on, for those in the trash of which nobody wrote down when they came there."""
    for folders in store.folders(trash=True).values():
        for folder in folders:
            if not folder.is_symlink() and not (folder / TRASHED).exists():
                with contextlib.suppress(OSError):
                    (folder / TRASHED).touch()


def _retention() -> Retention | None:
    """What is deleted after how many days; None where nothing is."""
    try:
        hosted = settings()
    except ConfigError:
        return None
    return hosted.retention if hosted and (hosted.retention.trash or hosted.retention.checkpoints) else None


def _rules(kept: Retention, now: float) -> dict[str, dict[str, float]]:
    """Each rule with its days, and since when it holds: now, where it is new or was changed."""
    known = _known()
    return {rule: known[rule] if rule in known and known[rule].get("days") == days else {"days": days, "since": now}
            for rule in RULES if (days := getattr(kept, rule))}


def _known() -> dict[str, dict[str, float]]:
    try:
        rules = read_json(_path()).get("rules", {})
        return {rule: {name: float(rules[rule][name]) for name in ("days", "since")} for rule in RULES if rule in rules}
    except (OSError, RunBroken, TypeError, ValueError, KeyError, AttributeError):
        return {}


def _looked() -> float:
    """When everything that was due was deleted last."""
    try:
        return _path().stat().st_mtime
    except OSError:
        return 0.0


def _path() -> Path:
    return home.jobs_root() / "retention.json"

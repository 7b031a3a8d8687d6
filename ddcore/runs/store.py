"""The store: every run folder, found by id, read without torch, kept in order.

The folders are the truth; there is no index to go stale.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ddcore import home
from ddcore.errors import ConfigError, DataBroken, DataMissing, DDCoreError, RunBroken, RunNotFound
from ddcore.home import TRASH
from ddcore.hosting import owners, private, rights
from ddcore.hosting.people import MACHINE, NOBODY, Person, acting
from ddcore.run_id import RUN_ID
from ddcore.runs import clock
from ddcore.runs.apart import set_apart
from ddcore.runs.events import read_events
from ddcore.runs.files import read_json, usable, write_json
from ddcore.runs.images import Images, read_arrays, read_images, read_snapshot
from ddcore.runs.listing import Listing, listed
from ddcore.runs.record import IMPORTED, RunRecord, elsewhere, listed_record, read_record, too_long
from ddcore.runs.sharing import along
from ddcore.runs.state import ACTIVE, STATES, job_state

if TYPE_CHECKING:
    import numpy as np

    from ddcore.experiments.base import Spec

__all__ = ["ACTIVE", "STATES", "RunRecord", "Store"]

TRASHED = "trashed"  # the file in a run in the trash whose age is that of its being there
MARKER = ".apart"  # in a home whose imported runs lie apart from answers
LOCK_SECONDS = 60
SHORTEST_PREFIX = 6
_LOOKED_AT: set[Path] = set()
_SEEN: set[Path] = set()  # roots that this process has listed
_NOW: ContextVar[Moment | None] = ContextVar("moment", default=None)
T = TypeVar("T")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Store:
    """Runs below `root` (everybody's), those below `private` that `person` sees (who acts here, where nobody is given),
    and `demo` (read-only, shipped). Cheap to make. A run that a person does not see is not there for them.

    A folder below `demo` without run.json is not a run: nobody may ever finish it there.
    """

    def __init__(self, root: Path | None = None, demo: Path | None = None, person: Person | None = None) -> None:
        self.root = root or home.runs_root()
        self.demo = demo or home.demo_root()
        self.private = self.root.with_name(home.private_root().name)
        self.person = person or acting()
        _set_apart(self)

    def seen_by(self, person: Person) -> Store:
        """The same runs as another person sees them."""
        return Store(self.root, self.demo, person)

    def whole(self) -> Store:
        """All of them, everybody's private ones too: for the job system, which tells nobody of them."""
        return self.seen_by(MACHINE)

    def sees(self, folder: Path | str) -> bool:
        """Whether the run in this folder is there for whom these are."""
        return private.owner(folder) in ("", self.person.id) or self.person.role == "admin"

    def viewer(self) -> Person:
        """Whose look at them this is; nobody's for all who see no private run, so that what is made once for each is
        made once for all of them."""
        return self.person if len([*self._roots()]) > 1 else NOBODY

    def sees_all(self) -> bool:
        """Whether there are no private runs but those that are seen here."""
        return {*self._roots()} == {*self.whole()._roots()}

    def known_to(self, record: RunRecord) -> Store:
        """What may enter a run: of what is private only what is its owner's."""
        return self.seen_by(Person(record.private, "student") if record.private else NOBODY)

    def _roots(self) -> Iterator[Path]:
        """Where runs lie that somebody made here: everybody's first."""
        yield self.root
        yield from private.roots(self.private, self.person)

    def record(self, run_id: str) -> RunRecord:
        """The run with this id, or with this unique beginning of it (at least 6 characters)."""
        folder, demo = self._find(run_id)
        return self._linked([read_record(folder, demo)])[0]

    def records(self, kind: str | None = None) -> list[RunRecord]:
        """All runs, newest first, parts of others only where their kind is asked for; folders that cannot be read come
        with state "broken"."""
        return _newest_first(self._linked(self._read(kind)))

    def _read(self, kind: str | None) -> list[RunRecord]:
        """What `records` returns, as it lies there."""
        unlisted = () if kind else parts()
        own = [_record(entry, False) for root in self._roots() for entry in _runs(root, kind, unlisted)]
        ids = {record.id for record in own}
        return own + [_record(entry, True) for entry in _runs(self.demo, kind, unlisted)
                      if entry.name not in ids and os.path.isfile(f"{entry.path}/run.json")]

    def imports(self) -> dict[str, str]:
        """Key of a question → the id of the imported run that answered it elsewhere; no part of another run."""
        return {entry.name.partition("-")[0]: entry.name for entry in _runs(self.root, None, parts())
                if "-" in entry.name}

    def imported(self, question: Spec) -> RunRecord | None:
        """The imported run that answers this question elsewhere: to look at, never in place of an answer from here."""
        if not (answers := self.kept(_imported)):
            return None
        return answers.get(question.without(kind=elsewhere(question.kind)))

    def _linked(self, records: list[RunRecord]) -> list[RunRecord]:
        """These records; imported ones build on imported runs, as far as these are here, and else on those with the
        keys by which they name them."""
        if not _any_imported(records):
            return records
        ids = self.imports()
        return [record if record.imported is None else record.linked(ids) for record in records]

    def trouble(self) -> str:
        """Why the user's own runs cannot be listed, in a sentence; "" where they can, or where there are none yet."""
        try:
            for root in self._roots():
                with os.scandir(root) as kinds:
                    for kind in kinds:
                        if kind.is_dir(follow_symlinks=False):
                            os.scandir(kind.path).close()
        except FileNotFoundError:
            return f"The folder {self.root}, which was there before, is gone." if self.root in _SEEN else ""
        except OSError as error:
            return f"The folder {error.filename or self.root} cannot be read: {error.strerror}."
        _SEEN.add(self.root)
        return ""

    def once(self, make: Callable[[Any], T]) -> T:
        """What `make` makes of these runs; a Moment makes it once."""
        return make(self)

    def kept(self, make: Callable[..., T], *of: Hashable) -> T:
        """What `make` makes of the store and of these values, where it reads nothing but the listed records and them: a
        Moment finds it made as long as no run has changed."""
        return make(self, *of)

    def by_id(self) -> Mapping[str, RunRecord]:
        """All listed runs by their ids, newest first."""
        return self.kept(_by_id)

    def finished(self, kind: str, most: int) -> list[str]:
        """Ids of finished runs of a kind, newest first, among the first `most` in each folder of them, without a look
        at what they answer."""
        ended: dict[str, float] = {}
        for root in (*self._roots(), self.demo):
            for entry in islice(_each(root / kind), most):
                with contextlib.suppress(OSError):  # not finished, or gone meanwhile
                    ended.setdefault(entry.name, os.stat(f"{entry.path}/run.json").st_mtime)
        return sorted(ended, key=lambda run_id: (-ended[run_id], run_id))

    def answered(self, kind: str, run_ids: Iterable[str]) -> Iterator[str]:
        """Those of these runs of a kind that are finished, without a look at the others."""
        roots = [root / kind for root in (*self._roots(), self.demo)]
        return (run_id for run_id in run_ids if RUN_ID.fullmatch(run_id)
                and any(os.path.isfile(f"{root}/{run_id}/run.json") for root in roots))

    def has_finished(self, kind: str) -> bool:
        """Whether there is a finished run of a kind, without a look at more of them than it takes."""
        return any(os.path.isfile(f"{entry.path}/run.json") for root in (*self._roots(), self.demo)
                   for entry in _each(root / kind))

    def folders(self, trash: bool = False) -> dict[str, list[Path]]:
        """The folders of the user's own runs, or of those in the trash, by kind."""
        folders: dict[str, list[Path]] = {}
        for root in self._roots():
            for kind in _subfolders(root / TRASH if trash else root):
                folders.setdefault(kind.name, []).extend(_subfolders(kind, links=True))
        return folders

    def leftovers(self) -> list[Path]:
        """Hidden folders: what is being deleted or brought, and what was when a process died."""
        parents = [parent for root in self._roots() for parent in (root, *_subfolders(root / TRASH))]
        return [path for parent in parents for path in parent.glob(".*")
                if path.is_dir() and not path.is_symlink() and path.name != TRASH]

    def exists(self, run_id: str) -> bool:
        """Whether there is a run with exactly this id, in whatever state."""
        return self._exact(run_id) is not None

    def state(self, run_id: str) -> str:
        """The state of a run, without a look at what it asks and answers: enough for the job runner, which starts
        without the registry that these are checked by. "broken" where files of it are missing or no JSON."""
        folder, _ = self._find(run_id)
        try:
            state, _ = job_state(folder)
            if state != "done":
                read_json(folder / "spec.json")
        except (RunBroken, OSError):
            return "broken"
        return "broken" if folder.is_symlink() else state

    def _exact(self, run_id: str) -> tuple[Path, bool] | None:
        """(folder, is it a demo) for a whole id, without listing the runs."""
        for root in self._roots():
            for folder in _of_id(root, run_id):
                return folder, False
        return next(((folder, True) for folder in _of_id(self.demo, run_id) if _finished(folder)), None)

    def _all(self, kind: str | None = None) -> Iterator[tuple[Path, bool]]:
        """(folder, is it a demo) of every run; the user's own first."""
        yield from ((folder, False) for root in self._roots() for folder in _folders(root, kind))
        yield from ((folder, True) for folder in _folders(self.demo, kind) if _finished(folder))

    def _find(self, run_id: str) -> tuple[Path, bool]:
        """(folder, is it a demo): looked up among the names that exist, never joined from what was given."""
        if (exact := self._exact(run_id)) is not None:
            return exact
        near: dict[str, tuple[Path, bool]] = {}
        # A whole id that is not there is asked for at every missing evaluation: no need to look at all names for it.
        for folder, demo in () if RUN_ID.fullmatch(run_id) else self._all():
            if folder.name == run_id:
                return folder, demo
            if len(run_id) >= SHORTEST_PREFIX and folder.name.startswith(run_id):
                near.setdefault(folder.name, (folder, demo))
        if len(near) == 1:
            return next(iter(near.values()))
        if near:
            raise RunNotFound(f"{run_id!r} is the beginning of {len(near)} runs: {', '.join(sorted(near))}")
        if any(folder.name == run_id for root in self._roots() for folder in _folders(root / TRASH)):
            raise RunNotFound(f"run {run_id} is in the trash; restore it first")
        raise RunNotFound(f"no run {run_id!r}", run_id, lambda: {folder.name for folder, _ in self._all()})

    def create(self, spec: Spec) -> RunRecord:
        """The run of a question: the one there is, else a new folder that holds the question only, private where the
        question is or something that it builds on.

        A broken one is put into the trash. Callers that are not alone hold `lock()`. Raises
        FolderUnusable when the folder cannot be made, ConfigError where it would be two people's private run, or of a
        kind of which there is none.
        """
        run_id = spec.key
        if self.exists(run_id) or self._brought(spec):
            record = self.record(run_id)
            if record.state != "broken":
                return record
            if not record.demo:
                _delete(self._put_away(record))
        folder = self.place(spec) / spec.kind / run_id
        identity = spec.identity
        question = {
            "id": run_id, **spec.to_json(), "version": identity["version"], "parents": identity["parents"],
            "dataset": identity["dataset"], "seed": spec.config.values().get("seed"), "family": spec.family,
            "in_key": identity["config"], "length": spec.config.length(), "times": {"submitted": clock.now()},
        }
        with usable(self.root):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                write_json(folder / "spec.json", question)
            except OSError:
                with contextlib.suppress(OSError):
                    folder.rmdir()  # an empty folder would read as a broken run
                raise
        return read_record(folder)

    def _brought(self, question: Spec) -> bool:
        """Whether its run was private only as what it builds on was, which is everybody's by now, and was left behind
        when somebody who shared that was killed; it is everybody's then."""
        if self.place(question) != self.root or (left := self.whole()._exact(question.key)) is None:
            return False
        if (record := read_record(left[0])).active:
            raise DDCoreError(f"run {record.id} is {record.state} privately; ask for it once that has ended")
        _move(record.folder, self.root)
        return True

    def place(self, question: Spec) -> Path:
        """The root below which the run of a question lies. Raises like `create`."""
        from ddcore.experiments import KINDS

        parents = filter(None, map(self._exact, question.parents))
        people = {private.owner(folder) for folder, _ in parents} - {""}
        if question.salt:
            people.add(private.salted_by(question.salt))
        if not people:
            return self.root
        if len(people) > 1:
            raise ConfigError(["it builds on private runs of several people: whose it would be nobody can say"])
        if question.salt and (why := KINDS[question.kind].not_private):
            raise ConfigError([why])
        if (root := self.private / people.pop()) not in self._roots():
            raise ConfigError(["it is private, and not of whoever asks for it"])
        return root

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """The lock under which runs and queue change hands, among all processes; held for milliseconds.

        Raises FolderUnusable for what the file system refuses, to the lock or under it.
        """
        from filelock import FileLock, Timeout

        with usable(self.root.parent):
            self.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / ".lock")
            try:
                lock.acquire(timeout=LOCK_SECONDS, poll_interval=0.01)
            except Timeout:
                raise DDCoreError(f"another process has held {lock.lock_file} for {LOCK_SECONDS} seconds") from None
            try:
                yield
            finally:
                lock.release()

    def longest_prefix(self, record: RunRecord) -> RunRecord | None:
        """The longest finished run that asks the same as `record` but for less, and can be continued.

        None that was imported: what is computed here goes on from nothing that was not.
        """
        family, length = record.info.get("family"), record.info.get("length")
        if not family or not isinstance(length, int):
            return None
        return longest_prefix(self.records(record.kind), family, length, record.info.get("salt", ""))

    def events(self, run_id: str, since: int = 0) -> tuple[list[dict[str, Any]], int]:
        """(events written after byte `since`, the new offset to ask from).

        ([], 0) for a `since` above 0 says that the history was rewritten (a killed run went back to
        its checkpoint): forget what you have and ask from 0.
        """
        return read_events(self.record(run_id).folder / "events.jsonl", since)

    def log(self, run_id: str, limit: int = 200_000) -> str:
        """The end of the log for people, at most `limit` bytes."""
        return _tail(self.record(run_id).folder / "log.txt", limit)

    def error(self, run_id: str) -> str:
        """The traceback of a failed run; empty when there is none."""
        return _tail(self.record(run_id).folder / "error.txt", 200_000)

    def images(self, run_id: str, name: str = "images") -> Images:
        """A stored image set: "images" is the result, "initial" the start. RunNotFound when there is none (yet)."""
        folder = self.record(run_id).folder
        try:
            return read_images(folder / f"{checked_name(name)}.safetensors")
        except FileNotFoundError:
            raise RunNotFound(f"run {folder.name} has no image set {name!r} yet") from None

    def arrays(self, run_id: str, name: str) -> dict[str, np.ndarray]:
        """The named arrays that a run kept as `name`. RunNotFound when there are none (yet)."""
        folder = self.record(run_id).folder
        try:
            return read_arrays(folder / f"{checked_name(name)}.safetensors")
        except FileNotFoundError:
            raise RunNotFound(f"run {folder.name} kept nothing called {name!r} yet") from None

    def snapshots(self, run_id: str) -> list[int]:
        """The steps at which the images can be seen, in order: the first, those kept, the final one."""
        record = self.record(run_id)
        names = (file.stem for file in (record.folder / "snapshots").glob("*.safetensors"))
        steps = {int(name) for name in names if name.isdecimal()}
        if (record.folder / "initial.safetensors").exists():
            steps.add(0)
        return sorted(steps | {step for step in [final_step(record)] if step is not None})

    def snapshot(self, run_id: str, step: int) -> Images:
        """The image set as it was at `step`. RunNotFound when that step was not kept."""
        record = self.record(run_id)
        if step == final_step(record):
            return self.images(record.id)
        initial = self.images(record.id, "initial")
        try:
            return read_snapshot(record.folder / "snapshots" / f"{int(step)}.safetensors", initial)
        except FileNotFoundError:
            if step == 0:
                return initial
            raise RunNotFound(f"run {record.id} kept no images of step {step}") from None

    def picture(self, run_id: str, name: str) -> Path | None:
        """The PNG of this name, None when there is none."""
        path = self.record(run_id).folder / "pictures" / f"{checked_name(name)}.png"
        return path if path.is_file() else None

    def annotate(
        self, run_id: str, name: str | None = None, tags: Iterable[str] | None = None, note: str | None = None
    ) -> RunRecord:
        """Give a run a name, tags, a note; what is None stays as it is. ConfigError where one is too long."""
        changes: dict[str, Any] = {
            "name": None if name is None else _tidy(name), "tags": None if tags is None else _tags(tags), "note": note,
        }
        given = {what: value for what, value in changes.items() if value is not None}
        with contextlib.ExitStack() as deeds:
            for what in given:
                deeds.enter_context(self._deed({"name": "rename", "tags": "tag"}.get(what, what), run_id))
            deeds.enter_context(self.lock())
            return self._annotate(run_id, lambda user: given)

    def retag(self, run_id: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> RunRecord:
        """Give a run tags and take tags from it; those that somebody else gives it meanwhile stay."""
        more, less = _tags(add), _tags(remove)
        with self._deed("tag", run_id), self.lock():
            return self._annotate(run_id, lambda user: {"tags": _tags({*user["tags"], *more} - {*less})})

    def _annotate(self, run_id: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> RunRecord:
        record = self.own(run_id, "changed")
        if record.state == "broken":  # it may be a link to another folder
            raise DDCoreError(f"run {record.id} cannot be read ({record.problem}), so nothing is written to it")
        changes = change(record.user)
        if problems := too_long(changes):
            raise ConfigError(problems)
        write_json(record.folder / "user.json", {**record.user, **changes})
        return read_record(record.folder)

    def trash(self, run_id: str) -> None:
        """Put a run away; `restore` brings it back."""
        with self._deed("trash", run_id), self.lock():
            record = self.own(run_id, "put into the trash")
            if record.active:
                raise DDCoreError(f"run {record.id} is {record.state}; cancel it first")
            doomed = self._put_away(record)
        _delete(doomed)

    def restore(self, run_id: str) -> RunRecord:
        """Bring a run back from the trash."""
        with self._deed("restore", run_id), self.lock():
            folder = self._find_trashed(run_id)
            root = self._root(read_record(folder))
            if any((root / folder.parent.name / folder.name).exists() for root in {root, folder.parents[2]}):
                raise DDCoreError(f"run {folder.name} was computed again meanwhile; purge the one in the trash")
            if not folder.is_symlink():
                (folder / TRASHED).unlink(missing_ok=True)
            return read_record(_move(folder, root))

    def _root(self, trashed: RunRecord) -> Path:
        """Below which a run of the trash comes back: what was private as its parents were, and these are everybody's by
        now, is so, too, for anybody can ask for it."""
        parents = [self._exact(run_id) for run_id in trashed.info.get("parents") or ()]
        shared = parents and all(found and not private.owner(found[0]) for found in parents)
        return self.root if shared and not trashed.info.get("salt") else trashed.folder.parents[2]

    def share(self, run_id: str) -> list[RunRecord]:
        """Make a finished private run everybody's, and what `shared_with` says; all of these as they are now."""
        with self._deed("share", run_id), self.lock():
            runs = self.shared_with(self.own(run_id, "shared").id)
            for one in runs:
                if one.active:
                    raise DDCoreError(f"run {one.id}, which builds on it, is {one.state}; share it when that has ended")
            return [read_record(_move(one.folder, self.root)) for one in runs]

    def shared_with(self, run_id: str) -> list[RunRecord]:
        """What becomes everybody's with a private run, itself included, each behind what it builds on. DDCoreError
        where it cannot."""
        record = self.record(run_id)
        if not record.private:
            raise DDCoreError(f"run {record.id} is everybody's already")
        if record.state != "done":
            raise DDCoreError(f"run {record.id} is {record.state}; only a finished run can be shared")
        return along(record, [_record(entry, False) for entry in _runs(record.folder.parents[1], None)])

    def trashed(self) -> list[RunRecord]:
        """The runs in the trash, newest first."""
        return _newest_first(read_record(folder) for root in self._roots() for folder in _folders(root / TRASH))

    def purge(self, run_id: str) -> None:
        """Delete a run of the trash for good."""
        with self._deed("purge", run_id), self.lock():
            doomed = _doomed(self._find_trashed(run_id))
        _delete(doomed)

    def each(self, deed: Callable[[str], object], run_ids: Iterable[str]) -> dict[str, str]:
        """Do a deed (`trash`, `restore`, `purge`) to every run to which it can be done; {id: why not} of the others."""
        refused = {}
        for run_id in dict.fromkeys(run_ids):
            try:
                deed(run_id)
            except DDCoreError as error:
                refused[run_id] = str(error)
        return refused

    def adopt(self, folder: Path) -> RunRecord:
        """Take in the whole run in `folder`, <kind>/<id> on the same disk."""
        with self.lock():
            if self.exists(folder.name):
                raise DDCoreError(f"run {folder.name} is here already")
            _move(folder, self.root)
        return self.record(folder.name)

    def _deed(self, name: str, run_id: str) -> contextlib.AbstractContextManager[rights.Outcome]:
        """Do this to a run, if who acts may."""
        whole = run_id
        if not RUN_ID.fullmatch(run_id):
            with contextlib.suppress(RunNotFound):  # the folder of something else, in the trash
                whole = self.record(run_id).id
        found = self._exact(whole)
        folder = found[0] if found else next(self._trashed(whole), None)
        return rights.deed(name, whole, owners.owners(whole), private=bool(folder and private.owner(folder)))

    def own(self, run_id: str, deed: str) -> RunRecord:
        """The run with this id, if it may be `deed` ("changed"); DDCoreError for one that ships with the app."""
        record = self.record(run_id)
        if record.demo:
            raise DDCoreError(f"run {record.id} ships with the app and cannot be {deed}")
        return record

    def _put_away(self, record: RunRecord) -> Path | None:
        """Move a run into the trash; what lay there in its place, and holds no other answer, is to be deleted."""
        trash = record.folder.parents[1] / TRASH
        place = trash / record.folder.parent.name / record.folder.name
        if (trashed := _answer(place)) is not None and trashed != _answer(record.folder):
            raise DDCoreError(
                f"a run {record.id} with other content is in the trash already; purge the one in the trash first"
            )
        doomed = _doomed(place)
        if not _move(record.folder, trash).is_symlink():
            with contextlib.suppress(OSError):  # a full disk can be emptied
                (place / TRASHED).touch()
        return doomed

    def _find_trashed(self, run_id: str) -> Path:
        if (folder := next(self._trashed(run_id), None)) is None:
            raise RunNotFound(f"run {run_id!r} is not in the trash")
        return folder

    def _trashed(self, run_id: str) -> Iterator[Path]:
        """The folders of this name in the trash: of many runs, each is found without listing all of them."""
        found = (folder for root in self._roots() for folder in (
            _of_id(root / TRASH, run_id) if RUN_ID.fullmatch(run_id) else _folders(root / TRASH)))
        return (folder for folder in found if folder.name == run_id)


class Moment(Store):
    """A store that lists its runs once, for one look at it: a page asks for them at ten places.

    What is put away or named through it is listed anew; for what others do meanwhile, take another look.
    """

    def __init__(self, root: Path | None = None, demo: Path | None = None, person: Person | None = None) -> None:
        super().__init__(root, demo, person)
        self._listed: Listing | None = None
        self._made: dict[Callable[[Any], Any], Any] = {}

    def records(self, kind: str | None = None) -> list[RunRecord]:
        if kind in parts():
            return super().records(kind)
        return self._listing().of(kind)

    def _listing(self) -> Listing:
        if self._listed is None:
            read = self._read(None)
            imports = self.imports() if _any_imported(read) else {}
            place = (*self._roots(), self.demo)
            self._listed = listed(place, read, imports, lambda: _newest_first(self._linked(read)))
        return self._listed

    def once(self, make: Callable[[Any], T]) -> T:
        """What `make` makes of these runs, made once for this look at them."""
        if make not in self._made:
            self._made[make] = make(self)
        made: T = self._made[make]
        return made

    def kept(self, make: Callable[..., T], *of: Hashable) -> T:
        """What `make` makes of the listed records and these values, made once as long as none of the runs changes."""
        return self._listing().made(make, of, lambda: make(self, *of))

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        self._listed = None
        self._made.clear()
        with super().lock():
            yield


@contextlib.contextmanager
def moment() -> Iterator[Moment]:
    """One look at the runs for all that is done inside: that which is under way already, or a new one."""
    if (now := _NOW.get()) is not None:
        yield now
        return
    begun = Moment()
    _NOW.set(begun)
    try:
        yield begun
    finally:
        _NOW.set(None)


def now() -> Moment | None:
    """The look at the runs that is under way."""
    return _NOW.get()


def parts() -> tuple[str, ...]:
    """The kinds whose runs come by the thousand and are listed nowhere unless asked for."""
    from ddcore.experiments import KINDS  # pydantic and the registries: not for the job runner, which lists nothing

    return tuple(kind.name for kind in KINDS.values() if kind.part)


def longest_prefix(records: Iterable[RunRecord], family: str, length: int, salt: str = "") -> RunRecord | None:
    """Of these runs, what `Store.longest_prefix` finds for one of this family, length and salt. Nobody else's question
    goes on from a private one."""
    shorter = [
        other for other in records
        if other.state == "done" and other.info.get("family") == family
        and isinstance(other.info.get("length"), int) and other.info["length"] < length
        and other.imported is None and (not other.private or other.info.get("salt", "") in ("", salt))
        and (other.folder / "checkpoint.safetensors").exists()
    ]
    return max(shorter, key=lambda r: r.info["length"], default=None)


def begun(question: Spec, records: Iterable[RunRecord]) -> RunRecord | None:
    """The finished run from which the one that answers this question goes on; None where it begins at the beginning, or
    where the data are not here by which the two would know each other."""
    if (length := question.config.length()) is None:
        return None
    try:
        return longest_prefix(records, question.family, length, question.salt)
    except (DataMissing, DataBroken):
        return None


def final_step(record: RunRecord) -> int | None:
    """The step that `images` shows, once it is there."""
    return record.summary.steps if (record.folder / "images.safetensors").exists() else None


def checked_name(name: str) -> str:
    """`name`, if it can name a file of a run; it may come from a URL."""
    if not NAME.fullmatch(name):
        raise DDCoreError(f"a name may have small letters, digits, - and _, got {name!r}")
    return name


def _by_id(store: Store) -> dict[str, RunRecord]:
    return {record.id: record for record in store.records()}


def _any_imported(records: Iterable[RunRecord]) -> bool:
    return any(record.imported is not None for record in records)


def _imported(store: Store) -> dict[str, RunRecord]:
    """What an imported run answers → the newest that does."""
    return {record.without(): record for record in reversed(store.records()) if record.imported is not None}


def _set_apart(store: Store) -> None:
    """Move what earlier versions imported to where no answer is looked for; looked at once for a home."""
    if store.root in _LOOKED_AT or not store.root.is_dir():
        return
    _LOOKED_AT.add(store.root)
    with contextlib.suppress(DDCoreError, OSError):  # a home that is read-only is shown as it is
        if os.path.exists(store.root / MARKER):
            return
        folders = chain(_folders(store.root), _folders(store.root / TRASH))
        if any(os.path.exists(f"{folder}/{IMPORTED}") for folder in folders if "-" not in folder.name):
            with store.lock():
                set_apart([*Store.records(store), *store.trashed()])
        write_json(store.root / MARKER, {"when": clock.now()}, durable=False)


def _folders(root: Path, kind: str | None = None) -> Iterator[Path]:
    """<root>/<kind>/<run> for all of them; hidden ones and loose files are not ours."""
    for parent in _subfolders(root):
        if kind is None or parent.name == kind:
            yield from _subfolders(parent, links=True)


def _runs(root: Path, kind: str | None, unlisted: Iterable[str] = ()) -> Iterator[os.DirEntry[str]]:
    """The same as entries of their folders, but for the kinds that are not listed: these are not looked into."""
    for parent in _entries(root):
        if parent.name == kind or (kind is None and parent.name not in unlisted):
            yield from _entries(parent.path, links=True)


def _record(entry: os.DirEntry[str], demo: bool) -> RunRecord:
    return read_record(Path(entry.path), demo) if entry.is_symlink() else listed_record(entry.path, demo)


def _of_id(root: Path, run_id: str) -> Iterator[Path]:
    """<root>/<kind>/<run id>, where there is one, without listing the runs; nothing where it is no whole id."""
    folders = (kind / run_id for kind in _subfolders(root)) if RUN_ID.fullmatch(run_id) else ()
    return (folder for folder in folders if folder.is_dir() or folder.is_symlink())


def _move(folder: Path, root: Path) -> Path:
    """Move <kind>/<run> below `root`; its new place."""
    place = root / folder.parent.name / folder.name
    place.parent.mkdir(parents=True, exist_ok=True)
    os.replace(folder, place)
    return place


def _newest_first(records: Iterable[RunRecord]) -> list[RunRecord]:
    return sorted(records, key=lambda r: (-r.created, r.id))


def _finished(folder: Path) -> bool:
    return (folder / "run.json").is_file()


def _subfolders(root: Path, links: bool = False) -> list[Path]:
    return [Path(entry.path) for entry in _entries(root, links)]


def _entries(root: Path | str, links: bool = False) -> list[os.DirEntry[str]]:
    """`_each`, at once."""
    return list(_each(root, links))


def _each(root: Path | str, links: bool = False) -> Iterator[os.DirEntry[str]]:
    """The folders in a folder, and the links too where these are wanted; none where it cannot be read."""
    with contextlib.suppress(OSError), os.scandir(root) as entries:
        for one in entries:
            if not one.name.startswith(".") and (one.is_dir(follow_symlinks=False) or (links and one.is_symlink())):
                yield one


def _tail(path: Path, limit: int) -> str:
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def _answer(folder: Path) -> bytes | None:
    try:
        return None if folder.is_symlink() else (folder / "run.json").read_bytes()
    except OSError:
        return None


def _doomed(folder: Path) -> Path | None:
    """Take a folder out of the listing in one step: a crash half-way leaves no half run to look at.

    What is left to `_delete`, for which nobody else has to wait.
    """
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        return folder.rename(folder.with_name(f".{folder.name}.{time.time_ns()}"))
    return None


def _delete(doomed: Path | None) -> None:
    """Delete a folder, and those beside it whose deletion a crash cut short."""
    for left in doomed.parent.glob(".*") if doomed else ():
        shutil.rmtree(left, ignore_errors=True)


def _tidy(words: str) -> str:
    return " ".join(words.split())


def _tags(tags: Iterable[str]) -> list[str]:
    return sorted({_tidy(tag) for tag in tags} - {""})

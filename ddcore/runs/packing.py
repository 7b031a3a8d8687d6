"""A finished run as one file, and back again once every byte of the file was looked at.

<id>.ddrun is a zip archive that is not compressed: images hardly pack, and nothing in it unfolds to more than it is.

    manifest.json    first: format, id, kind; name, bytes and SHA-256 of every file
    run.json …       the files of the run's folder, as they lie there

The same run gives the same bytes on every machine and at any time. Checkpoints and memory-mapped arrays (expert
trajectories) can be huge, so they are left out unless they are asked for; without its checkpoint a run can be looked
at and compared, but not extended.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import stat
import struct
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pydantic import Field, ValidationError

from ddcore.data.images import SHOWN
from ddcore.data.source import shown
from ddcore.errors import DDCoreError, RunBroken
from ddcore.hosting import owners, quotas, rights
from ddcore.hosting.people import acting
from ddcore.run_id import KEY
from ddcore.runs import clock, validation, whole
from ddcore.runs.apart import HEAVY, apart
from ddcore.runs.files import check_room, dumps, sha256, size, usable, write_json
from ddcore.runs.record import IMPORTED, RunRecord
from ddcore.runs.store import NAME, Store
from ddcore.summary import Answer

SUFFIX = ".ddrun"
FORMAT = 1
MANIFEST = "manifest.json"
MAX_BYTES = 2**31 - 2**20  # what a zip holds without 64-bit extensions
MAX_FILES = 2000
MAX_ENTRY = 600  # bytes of an entry in the archive's directory, and of a file in the manifest
MOST_BYTES = MAX_BYTES - MAX_ENTRY * MAX_FILES  # of what is packed, beside names and sizes
MOST_NAMED = 20  # problems of one file
LONGEST_NAME = 100
STALE_SECONDS = 24 * 3600  # what arrived so long ago and was not taken in was left by a process that died
_ARRIVING = ".arriving-"
_PIECE = 2**20
_END, _LOCATOR64 = struct.Struct("<4s4H2LH"), b"PK\6\7"  # the end of an archive; what stands before it in larger ones
_TAIL = _END.size + 20
_ALWAYS = (1980, 1, 1, 0, 0, 0)  # the time of every entry: the earliest that a zip can tell

# What zipfile raises, besides its own error, for archives that somebody bent.
DAMAGED = (zipfile.BadZipFile, RuntimeError, ValueError, LookupError, ArithmeticError, struct.error, EOFError, OSError)


class RunRefused(DDCoreError):
    """A file that is not the packed run it should be. `problems` holds one sentence for each thing that is wrong."""

    def __init__(self, called: str, problems: Iterable[str]) -> None:
        self.called, sentences = called, tuple(problems)
        more = (f"and {len(sentences) - MOST_NAMED:,} more",) if len(sentences) > MOST_NAMED else ()
        self.problems = sentences[:MOST_NAMED] + more
        super().__init__(f"{called}: {'; '.join(self.problems)}")


class File(Answer):
    """A file of a packed run: its name within the run's folder, how long it is and what its content hashes to."""

    name: str
    bytes: int = Field(strict=True)
    sha256: str


class Manifest(Answer):
    """What a packed run says of itself."""

    format: int
    id: str = Field(pattern=f"^(?:{KEY.pattern})$")
    kind: str = Field(pattern=f"^(?:{NAME.pattern})$")
    files: tuple[File, ...]


@dataclass(frozen=True)
class Packed:
    """What went into a file. bytes: of the file; left_out: names of files that were not asked for."""

    run_id: str
    files: int
    bytes: int
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Arrived:
    """A run that was brought. new: False where it was here already; missing: runs it builds on that are not here."""

    record: RunRecord
    new: bool
    missing: tuple[str, ...]


def pack(store: Store, run_id: str, target: Path | IO[bytes], heavy: bool = False) -> Packed:
    """Write a finished run into one file (or seekable stream); heavy: with checkpoint and memory-mapped arrays."""
    record = store.record(run_id)
    if record.state != "done":
        raise DDCoreError(f"run {record.id} is {record.state}; only a finished run can be packed")
    if record.declared and not record.declared.travels:
        raise DDCoreError(f"run {record.id} is a {record.kind} run, and these stay where they were computed")
    try:
        return _pack(record, target, heavy)
    except FileNotFoundError as error:
        if str(record.folder) not in str(error.filename):
            raise
        raise _moved(record) from None


def _moved(record: RunRecord) -> DDCoreError:
    return DDCoreError(f"run {record.id} was put away or changed while it was packed; pack it again")


def _pack(record: RunRecord, target: Path | IO[bytes], heavy: bool) -> Packed:
    names = validation.names(record.folder)
    packed = [name for name in names if heavy or not HEAVY.fullmatch(name)]
    _check_limits(record, packed)
    if damaged := whole.problems(record, packed):
        raise DDCoreError(f"run {record.id} cannot be packed: {'; '.join(damaged)}")
    files = tuple(_file(record.folder, name) for name in packed)
    manifest = dumps(Manifest(format=FORMAT, id=record.key, kind=record.kind, files=files).to_json()).encode()
    with _written(target) as out, zipfile.ZipFile(out, "w") as archive:
        _add(archive, MANIFEST, io.BytesIO(manifest), len(manifest))
        for file in files:
            with open(record.folder / file.name, "rb") as stream:
                if _add(archive, file.name, stream, file.bytes) != file.sha256:
                    raise DDCoreError(f"{file.name} of run {record.id} was changed meanwhile; pack it again")
        if "run.json" not in names or validation.names(record.folder) != names:  # else it would have some of them only
            raise _moved(record)
    written = target.stat().st_size if isinstance(target, Path) else target.tell()
    return Packed(record.id, len(files), written, tuple(name for name in names if name not in packed))


def pack_all(store: Store, run_ids: Iterable[str], target: Path | IO[bytes], heavy: bool = False) -> list[Packed]:
    """Write several runs into one zip of their files."""
    packed, ids = list[Packed](), dict.fromkeys(run_ids)
    if len(ids) > MAX_FILES:
        raise DDCoreError(f"{len(ids):,} runs are too many for one file, which holds {MAX_FILES:,}")
    with _written(target) as out, zipfile.ZipFile(out, "w") as archive:
        for run_id in ids:
            with tempfile.TemporaryFile() as one:
                packed.append(pack(store, run_id, one, heavy))
                if (total := sum(run.bytes for run in packed)) > MOST_BYTES:
                    raise DDCoreError(
                        f"the first {len(packed):,} of these runs have {size(total)}; one file holds at most "
                        f"{size(MOST_BYTES)}"
                    )
                one.seek(0)
                _add(archive, f"{packed[-1].run_id}{SUFFIX}", one, packed[-1].bytes)
    return packed


def _check_limits(record: RunRecord, names: Sequence[str]) -> None:
    """DDCoreError, with all that is too much, for a run that `unpack` would refuse."""
    sizes = {name: (record.folder / name).stat().st_size for name in names}
    problems = [f"{name} has {sizes[name]:,} bytes, allowed are {sort.most:,}" for name in names
                if (sort := validation.sort_of(name)) is not None and sizes[name] > sort.most]
    if len(names) >= MAX_FILES:  # the manifest is one more
        problems.append(f"it has {len(names):,} files, allowed are {MAX_FILES - 1:,}")
    if (total := sum(sizes.values())) > MOST_BYTES:
        problems.append(f"it has {size(total)}; one file holds at most {size(MOST_BYTES)}")
    if problems:
        raise DDCoreError(f"run {record.id} cannot be packed: {'; '.join(problems)}")


def _file(folder: Path, name: str) -> File:
    return File(name=name, bytes=(folder / name).stat().st_size, sha256=sha256(folder / name))


def _add(archive: zipfile.ZipFile, name: str, content: IO[bytes], length: int) -> str:
    """Put what a stream holds into the archive; its SHA-256."""
    entry, digest = zipfile.ZipInfo(name, _ALWAYS), hashlib.sha256()
    entry.create_system, entry.external_attr, entry.file_size = 3, 0o644 << 16, length  # as on Unix, everywhere
    with archive.open(entry, "w") as out:
        while piece := content.read(_PIECE):
            digest.update(piece)
            out.write(piece)
    return digest.hexdigest()


@contextlib.contextmanager
def _written(target: Path | IO[bytes]) -> Iterator[IO[bytes]]:
    """The stream to write to; a file is in its place once it is whole."""
    if not isinstance(target, Path):
        yield target
        return
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with open(unfinished, "wb") as stream:
            yield stream
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def unpack(store: Store, source: Path | IO[bytes], name: str = "") -> Arrived:
    """Take the run in a file that `pack` wrote into the store; name: what a stream is called.

    It lies apart from what is computed here, and answers no question. A run that is here already, byte for byte, stays
    as it is. Raises RunRefused, with everything that is wrong, or QuotaReached; nothing of the file is in the store
    then.
    """
    called = _called(source, name)
    with rights.deed("unpack", called), _opened(source, called) as stream:
        archive, manifest = _archive(stream, called)
        needed = sum(file.bytes for file in manifest.files)
        quotas.check_disk(lambda: needed)
        with _arriving(store, needed) as place:
            folder = place / manifest.kind / manifest.id
            problems = _copy(archive, manifest.files, folder)
            if (folder / "run.json").exists():
                problems += validation.problems(folder)
            if problems:
                raise RunRefused(called, problems)
            if (present := _present(store, manifest, called)) is not None:
                return Arrived(present, False, _missing(store, present))
            name = apart(manifest.id, {file.name: file.sha256 for file in manifest.files})
            with usable(store.root):
                write_json(folder / IMPORTED, {"when": clock.now(), "file": called})
                folder = folder.rename(folder.with_name(name))
            record = store.adopt(folder)
    owners.take(acting().id, record.id)
    return Arrived(record, True, _missing(store, record))


def unpack_all(store: Store, source: Path | IO[bytes], name: str = "") -> list[Arrived | DDCoreError]:
    """What became of every run in a file: of the one, or of each in a zip of several, as `pack_all` writes it."""
    called, results = _called(source, name), list[Arrived | DDCoreError]()
    rights.require("unpack", called)
    try:
        with _opened(source, called) as stream:
            archive = _directory(stream, called)
            listed = archive.infolist()
            if not all(entry.filename.endswith(SUFFIX) for entry in listed):
                return [unpack(store, stream, called)]
            wrong = [f"{shown(entry.filename)} {why}" for entry in listed if (why := _foreign(entry))]
            if wrong := [*wrong, *_sharing(listed, stream)]:
                raise RunRefused(called, wrong)
            for entry in listed:
                try:
                    results.append(_unpack_one(store, archive, entry))
                except DDCoreError as error:
                    results.append(error)
    except DDCoreError as error:
        results.append(error)
    return results


def _unpack_one(store: Store, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Arrived:
    """Take in one run of several, from a file of its own: to go about in an entry takes as long as it is large."""
    place = Path(tempfile.gettempdir())
    check_room(place, entry.file_size)
    with tempfile.TemporaryFile() as one:
        try:
            for piece in _pieces(archive, entry):
                with usable(place):
                    one.write(piece)
        except RunBroken as error:
            raise RunRefused(_called(one, entry.filename), [str(error)]) from None
        return unpack(store, one, entry.filename)


def _called(source: Path | IO[bytes], name: str) -> str:
    """What to call a file: the last part of its name, cut where it is endless."""
    path = (name or str(getattr(source, "name", ""))).replace("\\", "/")
    return PurePosixPath(path).name[:LONGEST_NAME] or "the file"


@contextlib.contextmanager
def _opened(source: Path | IO[bytes], called: str) -> Iterator[IO[bytes]]:
    if not isinstance(source, Path):
        yield source
        return
    try:
        stream = source.open("rb")
    except OSError as error:
        raise RunRefused(called, [f"it cannot be read: {error.strerror}"]) from None
    with stream:
        yield stream


def _directory(stream: IO[bytes], called: str) -> zipfile.ZipFile:
    """The archive; one that lists more than ours is refused before zipfile makes an object of each entry."""
    length = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, length - _TAIL))
    tail = stream.read(_TAIL)
    end = tail[-_END.size :]
    if len(end) < _END.size or not end.startswith(b"PK\5\6") or tail.startswith(_LOCATOR64):
        raise RunRefused(called, ["it is no packed run, or it was cut short: it does not end as one does"])
    *_, count, directory, _, _ = _END.unpack(end)
    if max(length - MAX_BYTES, count - MAX_FILES, directory - MAX_FILES * MAX_ENTRY) > 0 or not count:
        raise RunRefused(
            called, [f"it has {length:,} bytes in {count:,} files; allowed are {MAX_BYTES:,} in 1 to {MAX_FILES:,}"]
        )
    try:
        archive = zipfile.ZipFile(stream)
    except DAMAGED as error:
        raise RunRefused(called, [f"it is damaged: {error}"]) from None
    if not archive.infolist():
        raise RunRefused(called, ["it is damaged: it says that it holds files and lists none"])
    return archive


def _archive(stream: IO[bytes], called: str) -> tuple[zipfile.ZipFile, Manifest]:
    """The archive and its manifest, which agree on every name and size."""
    archive, problems = _directory(stream, called), list[str]()
    listed = archive.infolist()
    sizes = {entry.filename: entry.file_size for entry in listed}
    if listed[0].filename != MANIFEST or "run.json" not in sizes:
        problems.append(f"it must begin with {MANIFEST} and hold run.json")
    times = Counter(entry.filename for entry in listed)
    problems += [f"{shown(name)} is in it more than once" for name, n in times.items() if n > 1]
    problems += [f"{shown(entry.filename)} {why}" for entry in listed if (why := _foreign(entry) or _unknown(entry))]
    if problems := [*problems, *_sharing(listed, stream)]:
        raise RunRefused(called, problems)
    manifest = _manifest(archive, called)
    declared = {file.name: file.bytes for file in manifest.files}
    del sizes[MANIFEST]
    if len(declared) != len(manifest.files) or declared != sizes:
        odd = ", ".join(dict.fromkeys(name for name, _ in sorted(declared.items() ^ sizes.items())))
        raise RunRefused(called, [f"its manifest tells other files and sizes: {odd}"])
    return archive, manifest


def _sharing(listed: Iterable[zipfile.ZipInfo], stream: IO[bytes]) -> Iterator[str]:
    """A few bytes must not be told to be many files: reading these would take for ever."""
    if sum(entry.file_size for entry in listed) > stream.seek(0, os.SEEK_END):
        yield "its files have more bytes together than it has itself"


def _foreign(entry: zipfile.ZipInfo) -> str:
    """Why this cannot be an entry that we wrote: it is no plain file."""
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is a link, a folder or a device; only files are allowed"
    if entry.flag_bits & 0x2041:  # encrypted, strongly encrypted, encrypted directory
        return "is encrypted"
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        return "is compressed; a packed run is not, so this is another zip archive"
    return ""


def _unknown(entry: zipfile.ZipInfo) -> str:
    """Why this entry is none of a run: its name or its size."""
    sort = validation.sort_of(entry.filename)
    if sort is None and entry.filename != MANIFEST:
        return "is no file that a run has"
    most = sort.most if sort else MAX_FILES * MAX_ENTRY
    return f"has {entry.file_size:,} bytes, allowed are {most:,}" if entry.file_size > most else ""


def _manifest(archive: zipfile.ZipFile, called: str) -> Manifest:
    try:
        manifest = json.loads(archive.read(MANIFEST))
    except DAMAGED as error:
        raise RunRefused(called, [f"{MANIFEST} cannot be read: {error}"]) from None
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if version != FORMAT:
        raise RunRefused(called, [f"it has format {version!r}; this version of the app reads {FORMAT}"])
    try:
        return Manifest.model_validate(manifest)
    except ValidationError:
        wrong = f"{MANIFEST} does not tell id, kind and files as one that was packed here"
        raise RunRefused(called, [wrong]) from None


@contextlib.contextmanager
def _arriving(store: Store, needed: int) -> Iterator[Path]:
    """A hidden folder of the store, in which what arrived is looked at; gone afterwards."""
    with usable(store.root):
        store.root.mkdir(parents=True, exist_ok=True)
        check_room(store.root, needed)
        for left in store.root.glob(f"{_ARRIVING}*"):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        place = Path(tempfile.mkdtemp(prefix=_ARRIVING, dir=store.root))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _copy(archive: zipfile.ZipFile, files: Iterable[File], folder: Path) -> list[str]:
    """Write the files that are what the manifest says; what is wrong with the others."""
    problems = []
    for file in files:
        path, digest = folder / file.name, hashlib.sha256()
        with usable(folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with open(path, "wb") as out:
                    for piece in _pieces(archive, file.name):
                        digest.update(piece)
                        out.write(piece)
                    out.flush()
                    os.fsync(out.fileno())
                whole = digest.hexdigest() == file.sha256
            except RunBroken:
                whole = False
            if not whole:
                path.unlink(missing_ok=True)
                problems.append(f"{file.name} is damaged: its content is not what was packed")
    return problems


def _pieces(archive: zipfile.ZipFile, entry: str | zipfile.ZipInfo) -> Iterator[bytes]:
    """What the archive holds of an entry, a little at a time; RunBroken where it cannot be read."""
    try:
        with archive.open(entry) as packed:
            while piece := packed.read(_PIECE):
                yield piece
    except DAMAGED as error:
        raise RunBroken(f"it is damaged: {error}") from None


def _present(store: Store, manifest: Manifest, called: str) -> RunRecord | None:
    """The same run where it is here already, byte for byte; another import that answers the same is refused.

    What people called it, tagged and noted may differ: that of the run here stays.
    """
    here = [run_id for run_id in (manifest.id, store.imports().get(manifest.id)) if run_id and store.exists(run_id)]
    for record in map(store.record, here):
        differ = [file.name for file in manifest.files if file.name != "user.json" and not _same(record.folder, file)]
        if record.state == "done" and not differ:
            return record
        if record.id != manifest.id:
            what = f"with other content ({', '.join(differ[:SHOWN])})"
            raise RunRefused(called, [f"run {record.id} was imported before, {what}; move that to the trash first"])
    return None


def _same(folder: Path, file: File) -> bool:
    try:
        return _file(folder, file.name).sha256 == file.sha256
    except OSError:
        return False


def _missing(store: Store, record: RunRecord) -> tuple[str, ...]:
    return tuple(run_id for run_id in record.info["parents"] if not store.exists(run_id))

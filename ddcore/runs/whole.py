"""Whether the files of a finished run are still what was written: their lengths and SHA-256 stand in run.json.

A checkpoint, which is there before run.json is, carries its own. What people and the job system write beside a run (its
name, its log) may change. Runs of earlier versions have no hashes: of these nothing can be told.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ddcore.errors import RunBroken
from ddcore.runs.checkpoint import FILE, Checkpoint
from ddcore.runs.files import Version, sha256, version
from ddcore.runs.record import RunRecord
from ddcore.runs.thinned import deleted

CHANGING = ("run.json", "user.json", "log.txt", FILE)
NO_HASHES = "an earlier version made it and kept no hashes, so whether its files changed cannot be told"


def hashes(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """{bytes, sha256} of each file of a run that stays as it is once the run is done."""
    return {name: {"bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name)}
            for name in names if name not in CHANGING}


def check(record: RunRecord, name: str) -> None:
    """RunBroken where this file of a run, which is about to be computed with, is not what was written."""
    files = _files(record)
    if problem := next(_problems(record, {name: files[name]} if name in files else {}), None):
        raise RunBroken(f"run {record.id} cannot be used: {problem}; compute it again, or bring it from a pack")


def problems(record: RunRecord, names: Container[str] | None = None) -> list[str]:
    """What is wrong with these files of a finished run, or with all that it kept; one sentence each."""
    files = {name: told for name, told in _files(record).items() if names is None or name in names}
    found = list(_problems(record, files))
    if (names is None or FILE in names) and (record.folder / FILE).exists():
        try:
            Checkpoint.read(record.folder)
        except RunBroken as error:
            found.append(str(error))
    return found


def lost(record: RunRecord) -> list[str]:
    """What is missing of the files of a finished run, by their lengths: cheap enough for a page."""
    sentences = []
    if number := record.info.get("lost_events"):
        sentences.append(f"{number:,} bytes of events.jsonl were lost while it was computed: its curves have a gap")
    for name, told in _files(record).items():
        try:
            length = (record.folder / name).stat().st_size
        except OSError:
            continue  # heavy files stay behind when a run travels, and what is missing is missed where it is shown
        if isinstance(told, Mapping) and length != told.get("bytes"):
            sentences.append(f"{name} has {length:,} bytes, {told.get('bytes'):,} were written: what it shows has gaps")
    return sentences


def has_hashes(record: RunRecord) -> bool:
    """Whether the run tells what its files were."""
    return bool(_files(record))


def _files(record: RunRecord) -> Mapping[str, Any]:
    files = record.stored().get("files") if record.state == "done" else None
    return files if isinstance(files, Mapping) else {}


def _problems(record: RunRecord, files: Mapping[str, Any]) -> Iterator[str]:
    for name, told in files.items():
        path, known = record.folder / name, told if isinstance(told, Mapping) else {}
        try:
            if _hash(str(path), version(str(path))) != known.get("sha256"):
                yield f"{name} is damaged: its {path.stat().st_size:,} bytes are not those that were written"
        except FileNotFoundError:
            stays_behind = record.imported is not None and name.endswith(".npy")  # when a run travels
            if not stays_behind and name not in deleted(record.folder):
                yield f"{name} is missing"
        except OSError as error:
            yield f"{name} cannot be read: {error.strerror}"


@lru_cache(maxsize=1024)
def _hash(path: str, known: Version) -> str:
    """Of a file in this state: what one process uses twice is hashed once."""
    return sha256(Path(path))

"""Runs that were not computed here lie apart: <key of the question>-<hash of the content>, not where an answer is
looked for.

Earlier versions kept them under the key itself. Whatever was computed on one of those answers a question about other
images than this key stands for, so it is set apart with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ddcore.runs.files import sha256, write_json
from ddcore.runs.record import IMPORTED, RunRecord

HEAVY = re.compile(r"checkpoint\.safetensors|[^/]*\.npy")  # files that a pack may leave out


def apart(key: str, files: Mapping[str, str]) -> str:
    """The id of an imported run, from the SHA-256 of its files by name: the same with and without its heavy files, and
    whatever people call it."""
    told = sorted((name, digest) for name, digest in files.items() if name != "user.json" and not HEAVY.fullmatch(name))
    return f"{key}-{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]}"


def set_apart(records: Iterable[RunRecord]) -> None:
    """Take what earlier versions imported, and what was computed on it, away from answers. Under the lock.

    records: of the trash too, from which they may come back.
    """
    own = [record for record in records if record.state == "done" and record.id == record.key and not record.demo]
    moved = {record.folder: record for record in own if (record.folder / IMPORTED).exists()}
    while resting := [r for r in own if r.folder not in moved and _only(moved, own) & {*r.info["parents"]}]:
        moved |= {record.folder: record for record in resting}
    for folder, record in moved.items():
        if not (folder / IMPORTED).exists():
            write_json(folder / IMPORTED, {"when": record.created, "file": ""})
        name = apart(record.id, {"run.json": sha256(folder / "run.json")})
        os.rename(folder, folder.with_name(name))


def _only(moved: Mapping[Path, RunRecord], own: Iterable[RunRecord]) -> set[str]:
    """The ids of these runs, but for those that a run which was computed here has as well."""
    return {record.id for record in moved.values()} - {record.id for record in own if record.folder not in moved}

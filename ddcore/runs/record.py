"""A run as everything above the store sees it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ddcore.errors import RunBroken
from ddcore.runs.files import Version, read_json, read_json_cached, version
from ddcore.runs.state import ACTIVE, job_state

RUN_ID = re.compile(r"[0-9a-f]{16}")

_NUMBER = (int, float)
_Shape = Mapping[str, type | tuple[type, ...]]
_SHAPE: _Shape = {"id": str, "kind": str, "name": str, "config": dict, "parents": list, "times": dict}
# What a run may leave out, and what every table of runs reads where it is there.
_MAY_SAY: _Shape = {
    "summary": dict, "dataset": dict, "code": dict, "libraries": dict, "device": dict, "peak_memory_bytes": _NUMBER,
}  # fmt: skip
_TIMES: _Shape = {"submitted": _NUMBER, "started": _NUMBER, "finished": _NUMBER, "seconds": _NUMBER}
_SUMMARY: _Shape = {
    "accuracy": dict, "balanced_accuracy": dict, "auc": dict, "source": dict, "classes": list, "per_class": list,
    "notes": list, "data_notes": list, "majority": _NUMBER,
}  # fmt: skip
_ACCURACY: _Shape = {"mean": _NUMBER, "std": _NUMBER, "n": _NUMBER}


@dataclass(frozen=True)
class RunRecord:
    """One run. info: the whole of run.json, or as much of it as is known before the end.

    Records of finished runs are shared by all who ask: do not change what they hold.

    problem: for a failed, interrupted or broken run, the sentence that says why; created: when it
    was first submitted (seconds since 1970); user: {name, tags, note} given by people.
    """

    id: str
    kind: str
    name: str
    state: str
    config: dict[str, Any]
    summary: dict[str, Any]
    info: dict[str, Any]
    user: dict[str, Any]
    demo: bool
    folder: Path
    problem: str | None
    created: float

    @property
    def active(self) -> bool:
        """Whether it is in the queue or being worked on."""
        return self.state in ACTIVE


def read_record(folder: Path, demo: bool = False) -> RunRecord:
    """The record of a folder. Never raises for what the folder holds: that is state "broken"."""
    try:
        return _read(folder, demo)
    except (RunBroken, OSError) as error:
        return RunRecord(
            id=folder.name, kind=folder.parent.name, name="", state="broken", config={}, summary={}, info={},
            user=_user(folder), demo=demo, folder=folder, problem=str(error), created=_mtime(folder),
        )  # fmt: skip


def _read(folder: Path, demo: bool) -> RunRecord:
    if folder.is_symlink():
        raise RunBroken("this is a link, not a run folder")
    if not RUN_ID.fullmatch(folder.name):
        raise RunBroken("this folder is not named like a run (16 hex digits)")
    try:
        return _finished(str(folder), demo, version(f"{folder}/run.json"), _user_version(folder))
    except FileNotFoundError:
        return _record(folder, demo, *_unfinished(folder))


@lru_cache(maxsize=4096)
def _finished(folder: str, demo: bool, answer: Version, user: Version | None) -> RunRecord:
    """The record of a finished run, made again only when one of its files was replaced."""
    return _record(Path(folder), demo, "done", read_json(Path(folder, "run.json")), None)


def _record(folder: Path, demo: bool, state: str, info: dict[str, Any], problem: str | None) -> RunRecord:
    _check(folder, info)
    submitted = info["times"].get("submitted")
    return RunRecord(
        id=info["id"], kind=info["kind"], name=info["name"], state=state, config=dict(info["config"]),
        summary=dict(info["summary"]) if isinstance(info.get("summary"), dict) else {}, info=dict(info),
        user=_user(folder), demo=demo, folder=folder, problem=problem,
        created=float(submitted) if isinstance(submitted, int | float) else _mtime(folder),
    )  # fmt: skip


def _unfinished(folder: Path) -> tuple[str, dict[str, Any], str | None]:
    """(state, the part of run.json known so far, problem)."""
    try:
        spec = read_json_cached(folder / "spec.json")
    except FileNotFoundError:
        raise RunBroken("there is neither run.json nor spec.json") from None
    state, job = job_state(folder)
    if state == "done":  # finished while we looked
        return "done", read_json_cached(folder / "run.json"), None
    times = {name: job[name] for name in ("started", "finished") if job.get(name) is not None}
    message = job.get("message") if state not in ACTIVE else None
    submitted = spec.get("times", {})
    return state, {**spec, "times": {**submitted, **times} if isinstance(submitted, dict) else None}, message


def _check(folder: Path, info: Mapping[str, Any]) -> None:
    """RunBroken when a file of the folder is not what a run wrote there."""
    for name, kind in _SHAPE.items():
        if not isinstance(info.get(name), kind):
            raise RunBroken(f"its {name!r} is missing or not what a run writes")
    summary = info.get("summary") or {}
    for told, shape in ((info, _MAY_SAY), (info["times"], _TIMES), (summary, _SUMMARY)):
        _check_told(told, shape)
    for name in ("accuracy", "balanced_accuracy", "auc"):
        _check_told(summary.get(name) or {}, _ACCURACY)
    if info["id"] != folder.name or info["kind"] != folder.parent.name:
        raise RunBroken(f"it says to be {info['kind']}/{info['id']}: the folder was renamed or copied")


def _check_told(values: Mapping[str, Any], shape: _Shape) -> None:
    """RunBroken when something is there and of another type."""
    for name, kind in shape.items():
        if (value := values.get(name)) is not None and not isinstance(value, kind):
            raise RunBroken(f"its {name!r} is a {type(value).__name__}, which no run writes there")


def _user(folder: Path) -> dict[str, Any]:
    """What people gave: a name, tags, a note; empty where nothing (readable) was given."""
    try:
        given = read_json_cached(folder / "user.json")
    except (OSError, RunBroken):
        given = {}
    tags = given.get("tags")
    return {
        "name": str(given.get("name") or ""),
        "tags": [str(tag) for tag in tags] if isinstance(tags, list) else [],
        "note": str(given.get("note") or ""),
    }


def _user_version(folder: Path) -> Version | None:
    try:
        return version(f"{folder}/user.json")
    except OSError:
        return None


def _mtime(folder: Path) -> float:
    try:
        return folder.lstat().st_mtime
    except OSError:
        return 0.0

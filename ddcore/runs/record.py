"""A run as everything above the store sees it."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ddcore.errors import RunBroken
from ddcore.hosting.private import owner, salt
from ddcore.run_id import RUN_ID, is_number
from ddcore.runs import upgrade
from ddcore.runs.clock import LATEST
from ddcore.runs.files import Version, read_json, read_json_cached, version
from ddcore.runs.state import ACTIVE, job_state

if TYPE_CHECKING:
    from ddcore.experiments.base import Kind, Spec
    from ddcore.summary import Summary

IMPORTED = "imported.json"  # in the folder of a run that was not computed here: when it came, from which file
KEPT = 2**15  # records of finished runs, of some 12 kB each; one more than are kept makes every look read all anew
# Of run.json, of finished runs: one is there as its own type, what entered the key and hashes are seldom asked for.
NOT_KEPT = ("summary", "in_key", "files")
NOTHING_GIVEN: dict[str, Any] = {"name": "", "tags": [], "note": ""}
LONGEST = {"name": 200, "tag": 100, "note": 10_000}  # characters of what people give to a run

Check = Callable[[Any], bool]
S = TypeVar("S", bound="Summary")


def _is(type_: type) -> Check:
    return lambda value: isinstance(value, type_)


def _dict_of(each: Check) -> Check:
    """A dict of such values, and None."""
    return lambda value: isinstance(value, dict) and all(one is None or each(one) for one in value.values())


def _whole(value: Any) -> bool:
    return isinstance(value, int) and is_number(value)


_NEEDED = ("id", "kind", "name", "config", "parents", "times")
# What surrounds the answer; the answer itself is checked by its kind's Summary, the question's values by its Config.
_INFO: Mapping[str, Check] = {
    **dict.fromkeys(("id", "kind", "name", "family", "continued_from", "salt"), _is(str)),
    "config": _dict_of(lambda value: isinstance(value, str) or is_number(value)),
    **dict.fromkeys(("summary", "in_key"), _is(dict)),  # whatever a kind makes its key of: it is only hashed
    **dict.fromkeys(("dataset", "code", "libraries", "device"), _dict_of(_is(str))),
    "parents": lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
    "times": _dict_of(lambda value: isinstance(value, int | float) and 0 <= value <= LATEST),
    "length": _whole, "lost_events": _whole, "peak_memory_bytes": is_number,
}
_CONFIG: Mapping[str, Check] = {"dataset": _is(str), "ipc": _whole, "resolution": _whole}


@dataclass(frozen=True)
class RunRecord:
    """One run. summary: what it measured, of its kind's own type once it is done; info: run.json without NOT_KEPT,
    or as much of it as is known before the end; user: {name, tags, note} given by people; problem: for a failed,
    interrupted or broken run, the sentence that says why; created: when it was first submitted (seconds since 1970);
    imported: {when, file} of one that was not computed here, None for all others. An imported run answers no question
    here: its id is not the key of one. private: the id of the person to whom it is known alone, "" where it is
    everybody's.

    Records of finished runs are shared by all who ask: do not change what they hold.
    """

    id: str
    kind: str
    name: str
    state: str
    config: dict[str, Any]
    summary: Summary
    info: dict[str, Any]
    user: dict[str, Any]
    demo: bool
    folder: Path
    problem: str | None
    created: float
    imported: Mapping[str, Any] | None = None
    private: str = ""

    @property
    def key(self) -> str:
        """The key of the question that it answers, where it was computed: here that is its id."""
        return self.id.partition("-")[0]

    @property
    def active(self) -> bool:
        """Whether it is in the queue or being worked on."""
        return self.state in ACTIVE

    @cached_property
    def declared(self) -> Kind | None:
        """What its kind declares; None where the kind, or the name within it, is not known here."""
        kind = _kind(self.kind)
        return kind if kind and self.name in kind.known else None

    @property
    def aside(self) -> bool:
        """Whether it goes on beside what fills the slots."""
        return self.declared is not None and self.declared.aside

    @property
    def is_part(self) -> bool:
        """Whether it is a part of others that comes by the thousand."""
        kind = _kind(self.kind)
        return kind is not None and kind.part

    @property
    def makes_images(self) -> bool:
        """Whether it makes a small set of images, which can be looked at and evaluated."""
        kind = _kind(self.kind)
        return kind is not None and kind.makes_images

    @property
    def salt(self) -> str:
        """What other questions than its own carry that are asked beside it, as by its page: its owner's while it is
        private, "" else."""
        return salt(self.private) if self.private else ""

    def question(self, changes: Mapping[str, Any] | None = None) -> Spec:
        """What it asks, as this version of the code understands it, or the same with these other values, which is
        private as long as it is. Raises UnknownName or ConfigError where it does not."""
        from ddcore.experiments import spec

        salt = str(self.info.get("salt") or "")
        if changes is None:
            return spec(self.kind, self.name, self.config, salt)
        return spec(self.kind, self.name, {**self.config, **changes}, salt if self.private else "")

    def stored(self) -> dict[str, Any]:
        """All that the run has written of itself: of a finished one, the whole of run.json."""
        return read_json(self.folder / "run.json") if self.state == "done" else dict(self.info)

    def answer(self, type_: type[S]) -> S:
        """The summary as the type of its kind. RunBroken where the run has none of that type (yet)."""
        if not isinstance(self.summary, type_):
            raise RunBroken(f"run {self.id} is {self.state} and holds no {type_.__name__}")
        return self.summary

    def without(self, *names: str, run: str | None = None) -> str:
        """What it asks but for these parameters: equal for runs that differ in them alone, all or none imported.

        run: stands for the run that it names, so that evaluations of equal sets are equal questions.
        """
        from ddcore.experiments.base import question_without

        if self.state == "broken":
            return self.id
        config = self.config if run is None else {**self.config, "run": run}
        kind = self.kind if self.imported is None else elsewhere(self.kind)
        return question_without(names, kind, self.name, self.info.get("version"), self.info.get("dataset"), config)

    def linked(self, ids: Mapping[str, str]) -> RunRecord:
        """The record with these ids in place of the keys by which it names the runs that it builds on."""
        config = {name: ",".join(ids.get(one, one) for one in value.split(",")) if isinstance(value, str) else value
                  for name, value in self.config.items()}
        parents = [ids.get(one, one) for one in self.info.get("parents") or ()]
        return replace(self, config=config, info={**self.info, "parents": parents})


def elsewhere(kind: str) -> str:
    """What stands for the kind in the questions of imported runs, so that no question here is equal to one."""
    return f"imported {kind}"


def read_record(folder: Path, demo: bool = False) -> RunRecord:
    """The record of a folder. Never raises for what the folder holds: that is state "broken"."""
    try:
        return _read(folder, demo)
    except (RunBroken, OSError) as error:
        return RunRecord(
            id=folder.name, kind=folder.parent.name, name="", state="broken", config={}, summary=_summary("", None),
            info={}, user=_user(folder), demo=demo, folder=folder, problem=str(error), created=_mtime(folder),
            private=owner(folder),
        )


def listed_record(folder: str, demo: bool) -> RunRecord:
    """`read_record` of a folder that is no link, with two looks at files where it was read before and is finished."""
    try:
        return _finished(folder, demo, version(f"{folder}/run.json"), _user_version(folder))
    except (RunBroken, OSError):
        return read_record(Path(folder), demo)


def _read(folder: Path, demo: bool) -> RunRecord:
    if folder.is_symlink():
        raise RunBroken("this is a link, not a run folder")
    _check_name(folder)
    try:
        return _finished(str(folder), demo, version(f"{folder}/run.json"), _user_version(folder))
    except FileNotFoundError:
        return _begun(folder, demo)


def _check_name(folder: Path) -> None:
    if not RUN_ID.fullmatch(folder.name):
        raise RunBroken("this folder is not named like a run (16 hex digits)")
    if "-" in folder.name and not (folder / IMPORTED).exists():
        raise RunBroken(f"this folder is named like that of an imported run, and holds no {IMPORTED}")


@lru_cache(maxsize=KEPT)
def _finished(folder: str, demo: bool, answer: Version, user: Version | None) -> RunRecord:
    """The record of a finished run, made again only when one of its files was replaced."""
    _check_name(Path(folder))
    return _record(Path(folder), demo, "done", read_json(Path(folder, "run.json")), None)


def _begun(folder: Path, demo: bool) -> RunRecord:
    """The record of a run without run.json, made again only when one of its files was replaced, or while it runs."""
    try:
        files = version(f"{folder}/spec.json"), version(f"{folder}/job.json")
    except FileNotFoundError:
        return _record(folder, demo, *_unfinished(folder))
    return _at_rest(str(folder), demo, *files, _user_version(folder)) or _record(folder, demo, *_unfinished(folder))


@lru_cache(maxsize=KEPT)
def _at_rest(folder: str, demo: bool, question: Version, job: Version, user: Version | None) -> RunRecord | None:
    """The record of a run that waits or ended early; None where its files alone do not say what state it is in."""
    state, info, problem = _unfinished(Path(folder))
    says = read_json(Path(folder, "job.json")).get("state")
    return _record(Path(folder), demo, state, info, problem) if state == says != "running" else None


def _record(folder: Path, demo: bool, state: str, info: dict[str, Any], problem: str | None) -> RunRecord:
    _check(folder, info)
    submitted, facts, imported = info["times"].get("submitted"), _kept(info, state), _imported(folder)
    stored = info.get("summary") or {} if state == "done" else None
    summary = _summary(info["kind"], stored, imported is not None)
    if stored is not None:
        _check_counts(info, summary)
    return RunRecord(
        id=sys.intern(folder.name), kind=facts["kind"], name=facts["name"], state=state, config=facts["config"],
        summary=summary, info=facts,
        user=_user(folder), demo=demo, folder=folder, problem=problem,
        created=float(submitted) if isinstance(submitted, int | float) else _mtime(folder), imported=imported,
        private=sys.intern(owner(folder)),
    )


def _kept(info: Mapping[str, Any], state: str) -> dict[str, Any]:
    """What a record keeps of run.json: ten thousand of them are in memory, and most say the same of most things."""
    from ddcore.runs.slim import slim

    return slim({name: value for name, value in info.items() if state != "done" or name not in NOT_KEPT})


def _kind(name: str) -> Kind | None:
    """What the kind of this name declares; None where there is none here."""
    # Here, for the job runner starts without pydantic and the registries, and looks at no finished run.
    from ddcore.experiments import KINDS

    return KINDS.known().get(name)


def _imported(folder: Path) -> Mapping[str, Any] | None:
    """What imported.json says, as far as it can be read; None where there is none."""
    try:
        return read_json(folder / IMPORTED)
    except FileNotFoundError:
        return None
    except (OSError, RunBroken):
        return {}


def _summary(kind: str, stored: Mapping[str, Any] | None, imported: bool = False) -> Summary:
    """What run.json holds, as the type that its kind declares; an empty one where nothing is stored or known of it.
    imported: its accuracies say of themselves that they were not measured here.

    Raises RunBroken with all that is not what a run of the kind writes there.
    """
    from pydantic import ValidationError

    from ddcore.runs.slim import slim
    from ddcore.summary import Summary, problems

    declared = _kind(kind)
    if stored is None or declared is None:
        return Summary()
    try:
        return slim(declared.summary.model_validate(upgrade.summary(stored), context={"imported": imported}))
    except ValidationError as error:
        raise RunBroken("; ".join(problems(error))) from None


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
    """RunBroken when a file of the folder is not what a run wrote there; what is None was left out."""
    if missing := [name for name in _NEEDED if info.get(name) is None]:
        raise RunBroken(f"its {', '.join(map(repr, missing))} is missing")
    for values, checks in ((info, _INFO), (info["config"], _CONFIG)):
        for name, value in values.items():
            if value is not None and name in checks and not checks[name](value):
                raise RunBroken(f"its {name!r} is {reprlib.repr(value)}, which no run writes there")
    if info["id"] != folder.name.partition("-")[0] or info["kind"] != folder.parent.name:
        raise RunBroken(f"it says to be {info['kind']}/{info['id']}: the folder was renamed or copied")


def _check_counts(info: Mapping[str, Any], summary: Summary) -> None:
    """RunBroken where the images that judged are not as many as the data set has, and no note says why."""
    from ddcore.data import DATASETS

    name, accuracy = info["config"].get("dataset"), summary.accuracy
    if accuracy is None or summary.test_images is None or summary.notes or name not in DATASETS.shipped:
        return  # two people's own data sets may have the same name
    part = accuracy.split or info["config"].get("split") or "test"
    if (images := DATASETS[name].parts.get(part)) not in (None, summary.test_images):
        raise RunBroken(f"its 'test_images' is {summary.test_images}, the {part} images of {name} are {images}")


def too_long(user: Mapping[str, Any]) -> list[str]:
    """A sentence for each text of {name, tags, note} that is longer than it may be."""
    texts = [("name", user.get("name") or ""), ("note", user.get("note") or "")]
    texts += [("tag", tag) for tag in user.get("tags") or ()]
    return [f"a {what} may have {LONGEST[what]:,} characters, {reprlib.repr(text)} has {len(text):,}"
            for what, text in texts if len(text) > LONGEST[what]]


def _user(folder: Path) -> dict[str, Any]:
    """What people gave: a name, tags, a note; empty where nothing (readable) was given."""
    try:
        user = read_json_cached(folder / "user.json")
    except (OSError, RunBroken):
        user = {}
    name, tags, note = map(user.get, ("name", "tags", "note"))
    tags = [str(tag) for tag in tags] if isinstance(tags, list) else []
    return {"name": str(name or ""), "tags": tags, "note": str(note or "")} if name or tags or note else NOTHING_GIVEN


def _user_version(folder: Path | str) -> Version | None:
    try:
        return version(f"{folder}/user.json")
    except OSError:
        return None


def _mtime(folder: Path) -> float:
    try:
        return folder.lstat().st_mtime
    except OSError:
        return 0.0

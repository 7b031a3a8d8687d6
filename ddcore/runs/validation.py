"""What is wrong with the files of a run that somebody brought: nothing of them is believed before it was looked at.

Only files that a run writes are known here, and they are read as what holds no code: strict JSON, safetensors, plain
arrays, PNG. No run folder needs to be trusted for that, and none is changed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

from ddcore.data import DATASETS
from ddcore.data.base import Dataset
from ddcore.data.images import MAX_PIXELS, UNREADABLE
from ddcore.data.source import shown
from ddcore.errors import DDCoreError, RunBroken
from ddcore.run_id import RUN_ID
from ddcore.runs import key
from ddcore.runs.images import Images, read_arrays, read_images, read_snapshot
from ddcore.runs.record import RunRecord, is_number, read_record, too_long

TYPES = ("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U8", "BOOL")  # of arrays in safetensors
SETS = ("images", "initial")  # names of image sets
MOST_TOLD = 3  # problems of one file that are named
_MB, _GB = 2**20, 2**30
_WORD = re.compile(r"[A-Za-z0-9_.,+= -]{0,500}")  # names of methods, data sets and choices, lists of run ids, subsets
_LINE = 4 * _MB


@dataclass(frozen=True)
class Sort:
    """Files of one sort: their names within the run folder, the most bytes one may have, what is wrong with one."""

    names: re.Pattern[str]
    most: int
    problems: Callable[[Path], Iterator[str]]


def sort_of(name: str) -> Sort | None:
    """What sort of file this is; None for one that no run writes, or that is of no use elsewhere (its job, say)."""
    return next((sort for sort in SORTS if sort.names.fullmatch(name)), None)


def names(folder: Path) -> list[str]:
    """The files of a run folder that are of a known sort, run.json first; links are none."""
    found = []
    for place in ("", "snapshots/", "pictures/"):
        if (folder / place).is_symlink() and place:
            continue
        try:
            with os.scandir(folder / place) as entries:
                found += [place + entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
        except (FileNotFoundError, NotADirectoryError):
            continue
    return sorted((name for name in found if sort_of(name)), key=lambda name: (name != "run.json", name))


def problems(folder: Path) -> list[str]:
    """Everything that is wrong with a finished run's folder, <kind>/<id>, one sentence each; [] where nothing is."""
    found = []
    for name in names(folder):
        sort = sort_of(name)
        assert sort is not None
        wrong = list(islice(_done(sort.problems(folder / name)), MOST_TOLD + 1))
        found += [f"{name} {one}" for one in wrong[:MOST_TOLD]]
        if len(wrong) > MOST_TOLD:
            found.append(f"{name} has more problems like these")
    record = read_record(folder)
    if record.state != "done":
        return [*found, f"it is no finished run: {record.problem or record.state}"]
    return [*found, *_answer(record), *_question(record.info), *_done(_image_sets(record)), *_done(_arrays(record))]


def _done(check: Iterator[str]) -> Iterator[str]:
    """What a check finds; one problem more where it cannot be done with what was brought."""
    try:
        yield from check
    except (ValueError, TypeError, ArithmeticError, RecursionError, LookupError) as error:
        yield f"holds what no run writes ({type(error).__name__}: {error})"


def _answer(record: RunRecord) -> Iterator[str]:
    """Of run.json, beyond what every record is held to: what would be odd to look at, or could not be."""
    info = record.info
    if odd := [name for name, value in record.config.items() if not _is_value(name) or not _is_value(value)]:
        yield f"run.json gives {', '.join(map(shown, odd))} values that no parameter has"
    if not _is_value(record.name):
        yield f"run.json has the name {shown(record.name)}, which nothing here is called"
    if not all(isinstance(one, str) and RUN_ID.fullmatch(one) for one in info["parents"]):
        yield "run.json names parents that are no run ids (16 hex digits)"
    if any("![" in text for text in _texts(info)):
        yield "run.json holds a picture in a text; pages would fetch it from wherever it says"


def _question(info: Mapping[str, Any]) -> Iterator[str]:
    """The id must be the key of the question, so that nobody takes the answer for that to another one."""
    known = info.get("in_key")
    differ = [n for n, v in known.items() if info["config"].get(n, v) != v] if isinstance(known, dict) else []
    if differ:
        yield f"run.json has two values for {', '.join(map(repr, differ))}, one in config and one in in_key"
    try:
        expected = key.of_stored(info)
        if expected["id"] != info["id"]:
            yield f"{info['id']} is not the key of the question in run.json: a parameter was changed, or the code was"
        for name in ("family", "length"):
            if name in expected and info.get(name) not in (None, expected[name]):
                yield f"run.json has the {name} {info[name]!r}, its question has {expected[name]!r}"
    except DDCoreError as error:
        yield f"whether {info['id']} is the key of the question in run.json cannot be told here: {error}"
    except (ValueError, TypeError, ArithmeticError, RecursionError, LookupError):
        yield "the question in run.json cannot have been asked: it holds values that are no parameters"


def _image_sets(record: RunRecord) -> Iterator[str]:
    """The image sets of a run, each by itself and as what the run says it made."""
    shape, facts = _expected(record)
    found: dict[str, Images] = {}
    for name in SETS:
        if not (path := record.folder / f"{name}.safetensors").exists():
            continue
        try:
            found[name] = read_images(path)
        except (RunBroken, ValueError, TypeError, RecursionError) as error:
            yield str(error) if path.name in str(error) else f"{path.name} is no image set: {error}"
            continue
        yield from (f"{path.name} {wrong}" for wrong in _done(_set(found[name], shape, facts)))
    yield from _snapshots(record.folder, found.get("initial"))


def _snapshots(folder: Path, initial: Images | None) -> Iterator[str]:
    taken = sorted((folder / "snapshots").glob("*.safetensors"))
    if taken and initial is None:
        yield "snapshots cannot be looked at without initial.safetensors"
        return
    for path in taken:
        assert initial is not None
        try:
            snapshot = read_snapshot(path, initial)
        except (RunBroken, ValueError, TypeError, RecursionError) as error:
            yield f"snapshots/{path.name} is no snapshot: {error}"
            continue
        if not _is_rate(snapshot.lr) or not np.isfinite(snapshot.images).all():
            yield f"snapshots/{path.name} holds values that are not finite"


def _set(found: Images, shape: tuple[int | None, ...], facts: Dataset | None) -> Iterator[str]:
    """What is wrong with one image set, as sentences without its name."""
    given, classes = found.images.shape[1:], facts.classes if facts else None
    if not found.images.size or any(want not in (None, have) for want, have in zip(shape, given, strict=True)):
        wanted = "×".join("any" if side is None else str(side) for side in shape)
        yield f"holds {found.images.shape[0]} images of {'×'.join(map(str, given))}, expected are {wanted}"
    if not all(isinstance(name, str) for name in found.classes) or (classes and found.classes != classes):
        yield "has other classes than the data set" if classes else "has classes whose names are no texts"
    if found.labels.size and not 0 <= found.labels.min() <= found.labels.max() < len(found.classes):
        yield f"has labels from {found.labels.min()} to {found.labels.max()} for {len(found.classes)} classes"
    if len(found.mean) != given[0] or len(found.std) != given[0] or not all(map(is_number, found.mean + found.std)):
        yield f"must tell mean and std of its {given[0]} channels in finite numbers"
    elif min(found.std, default=1) <= 0:
        yield f"has a std of {min(found.std):g}; it must be above 0"
    elif facts and facts.mean and facts.std and not np.allclose([found.mean, found.std], [facts.mean, facts.std]):
        yield f"has mean {found.mean} and std {found.std}, those of {facts.name} are {facts.mean} and {facts.std}"
    if not _is_rate(found.lr):
        yield f"has the learning rate {found.lr!r}, which is no finite number"


def _arrays(record: RunRecord) -> Iterator[str]:
    """The arrays that pages and later runs read, each by its type and sides, its labels by their classes."""
    _, facts = _expected(record)
    classes = record.summary.classes or (facts.classes if facts else ())
    number = {"run": record.summary.runs_shown, "label": len(classes)}
    for file, wanted in (record.declared.arrays if record.declared else {}).items():
        try:
            found = read_arrays(record.folder / f"{file}.safetensors")
        except FileNotFoundError:
            yield f"{file}.safetensors is missing"
            continue
        except RunBroken:  # told where all files are looked at
            continue
        if missing := wanted.keys() - found.keys():
            yield f"{file}.safetensors holds no {', '.join(sorted(missing))}"
            continue
        sides: dict[str, int] = {}
        for name, declared in wanted.items():
            array, most = found[name], number.get(re.sub("(.*_)?labels?", "label", name), 0)
            if array.dtype.kind not in declared.dtypes or not _has_sides(array.shape, declared.sides, sides):
                yield f"{file}.safetensors holds {name!r} as {array.dtype} {array.shape}, which no run writes there"
            elif most and array.size and not 0 <= array.min() <= array.max() < most:
                yield f"{file}.safetensors holds {name!r} from {array.min()} to {array.max()}, there are {most}"


def _has_sides(shape: tuple[int, ...], letters: str, sides: dict[str, int]) -> bool:
    """Whether an array has these sides; what a letter stands for is remembered."""
    return len(shape) == len(letters) and all(
        int(letter) == side if letter.isdecimal() else sides.setdefault(letter, side) == side
        for letter, side in zip(letters, shape, strict=True)
    )


def _expected(record: RunRecord) -> tuple[tuple[int | None, ...], Dataset | None]:
    """((C, H, W), data set) that the images of a run must have and be of, None where that is not known here."""
    name, side = record.config.get("dataset"), record.config.get("resolution")
    if isinstance(name, str) and name in DATASETS.shipped and isinstance(side, int | None):
        # Only of those: two people's own data sets may have the same name.
        return DATASETS[name].shape(side), DATASETS[name]
    return (None, None, None), None


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, names too; without recursion, for the value may be as deep as somebody likes."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as values:
                waiting += [*values, *values.values()]
            case list() as values:
                waiting += values


def _is_value(value: Any) -> bool:
    """Whether a parameter may have it: a number, a switch, nothing, or the name of something."""
    return value is None or isinstance(value, int | float) or (isinstance(value, str) and bool(_WORD.fullmatch(value)))


def _is_rate(value: Any) -> bool:
    return value is None or is_number(value)


# One file by itself


def _json(path: Path) -> Iterator[str]:
    try:
        found = _strict(path.read_bytes())
    except (ValueError, RecursionError) as error:
        yield f"is not JSON: {error}"
        return
    if not isinstance(found, dict):
        yield f"holds a {type(found).__name__}, not an object"
    elif path.name == "spec.json" and (found.get("kind"), found.get("id")) != (path.parts[-3], path.parts[-2]):
        yield "is that of another run"


def _strict(content: bytes) -> Any:
    """The value; ValueError for NaN and Infinity, which JSON does not have."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON number")

    return json.loads(content, parse_constant=refuse)


def _user(path: Path) -> Iterator[str]:
    wrong = list(_json(path))
    yield from wrong
    given = {} if wrong else json.loads(path.read_bytes())
    tags = given.get("tags") or []
    texts = [given.get("name") or "", given.get("note") or "", *(tags if isinstance(tags, list) else [tags])]
    if not isinstance(tags, list) or not all(isinstance(text, str) for text in texts):
        yield "must give name, tags and note as texts"
    else:
        yield from (f"has too much: {problem}" for problem in too_long(given))


def _events(path: Path) -> Iterator[str]:
    with open(path, "rb") as file:
        for number in count(1):
            if not (line := file.readline(_LINE)):
                return
            try:
                event = _strict(line)
            except (ValueError, RecursionError) as error:
                yield f"line {number:,} is not JSON of at most {_LINE:,} bytes: {error}"
                continue
            if not isinstance(event, dict) or not isinstance(event.get("event"), str):
                yield f"line {number:,} is not an event"


def _log(path: Path) -> Iterator[str]:
    try:
        path.read_bytes().decode()
    except UnicodeDecodeError as error:
        yield f"is not text: {error}"


def _tensors(path: Path) -> Iterator[str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            for name in file.keys():  # noqa: SIM118
                kind = file.get_slice(name).get_dtype()
                if kind not in TYPES:
                    yield f"holds {name!r} of type {kind}; allowed are {', '.join(TYPES)}"
                elif (
                    kind.startswith("F") and path.stem != "checkpoint" and not np.isfinite(file.get_tensor(name)).all()
                ):
                    yield f"holds {name!r} with values that are not finite"
    except (SafetensorError, OSError, ValueError) as error:
        yield f"is not a safetensors file: {error}"


def _array(path: Path) -> Iterator[str]:
    try:
        kept = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        yield f"is not a plain array of numbers ({type(error).__name__})"
        return
    if kept.dtype.kind not in "fiu" or kept.offset + kept.nbytes != path.stat().st_size:
        yield f"must be one array of numbers, is {kept.dtype} {kept.shape} in {path.stat().st_size:,} bytes"


def _png(path: Path) -> Iterator[str]:
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                yield f"has {width * height:,} pixels, allowed are {MAX_PIXELS:,}"
                return
            picture.verify()
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        yield f"is not a whole PNG ({type(error).__name__})"


_NAME = "[a-z0-9][a-z0-9_-]{0,63}"
SORTS = (
    Sort(re.compile(r"run\.json|spec\.json"), 32 * _MB, _json),
    Sort(re.compile(r"user\.json"), _MB, _user),
    Sort(re.compile(r"events\.jsonl"), 256 * _MB, _events),
    Sort(re.compile(r"log\.txt"), 16 * _MB, _log),
    Sort(re.compile(rf"{_NAME}\.safetensors|snapshots/[0-9]{{1,10}}\.safetensors"), _GB, _tensors),
    Sort(re.compile(rf"pictures/{_NAME}\.png"), 64 * _MB, _png),
    Sort(re.compile(rf"{_NAME}\.npy"), 2 * _GB, _array),
)

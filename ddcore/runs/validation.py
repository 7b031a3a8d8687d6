"""What is wrong with the files of a run that somebody brought: nothing of them is believed before it was looked at.

Only files that a run writes are known here, and they are read as what holds no code: strict JSON, safetensors, plain
arrays, PNG. No run folder needs to be trusted for that, and none is changed.
"""

from __future__ import annotations

import contextlib
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
from ddcore.data.images import MAX_PIXELS, Unreadable, decoding
from ddcore.data.source import shown
from ddcore.errors import DDCoreError, RunBroken
from ddcore.run_id import RUN_ID, is_number
from ddcore.runs import key
from ddcore.runs.images import Images, read_arrays, read_images, read_snapshot
from ddcore.runs.record import RunRecord, read_record, too_long

TYPES = ("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U8", "BOOL")  # of arrays in safetensors
SETS = ("images", "initial")  # names of image sets
MOST_NAMED = 3  # problems of one file
UNUSABLE = (ValueError, TypeError, ArithmeticError, RecursionError, LookupError)  # what odd values raise in a check
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
    names = []
    for place in ("", "snapshots/", "pictures/"):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if not place or not (folder / place).is_symlink():
                with os.scandir(folder / place) as entries:
                    names += [place + entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    return sorted((name for name in names if sort_of(name)), key=lambda name: (name != "run.json", name))


def problems(folder: Path) -> list[str]:
    """Everything that is wrong with a finished run's folder, <kind>/<id>, one sentence each; [] where nothing is."""
    sentences = []
    for name in names(folder):
        sort = sort_of(name)
        assert sort is not None
        wrong = list(islice(_whole(sort.problems(folder / name)), MOST_NAMED + 1))
        sentences += [f"{name} {one}" for one in wrong[:MOST_NAMED]]
        if len(wrong) > MOST_NAMED:
            sentences.append(f"{name} has more problems like these")
    record = read_record(folder)
    if record.state != "done":
        return [*sentences, f"it is no finished run: {record.problem or record.state}"]
    sentences += [*_answer(record), *_question(record.stored())]
    return [*sentences, *_whole(_image_sets(record)), *_whole(_arrays(record))]


def _whole(check: Iterator[str]) -> Iterator[str]:
    """The problems that a check finds; one more where what was brought is such that it cannot be checked."""
    try:
        yield from check
    except UNUSABLE as error:
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
    if any("![" in text for text in _texts(record.stored())):
        yield "run.json holds a picture in a text; pages would fetch it from wherever it says"


def _question(info: Mapping[str, Any]) -> Iterator[str]:
    """The id must be the key of the question, so that nobody takes the answer for that to another one."""
    in_key = info.get("in_key") or {}
    differ = [n for n, v in in_key.items() if info["config"].get(n, v) != v]
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
    except UNUSABLE:
        yield "the question in run.json cannot have been asked: it holds values that are no parameters"


def _image_sets(record: RunRecord) -> Iterator[str]:
    """The image sets of a run, each by itself and as what the run says it made."""
    shape, facts = _expected(record)
    initial: Images | None = None
    for name in SETS:
        if not (path := record.folder / f"{name}.safetensors").exists():
            continue
        try:
            images = read_images(path)
        except (RunBroken, ValueError, TypeError, RecursionError) as error:
            yield str(error) if path.name in str(error) else f"{path.name} is no image set: {error}"
            continue
        initial = images if name == "initial" else initial
        yield from (f"{path.name} {wrong}" for wrong in _whole(_set(images, shape, facts)))
    yield from _snapshots(record.folder, initial)


def _snapshots(folder: Path, initial: Images | None) -> Iterator[str]:
    for path in sorted((folder / "snapshots").glob("*.safetensors")):
        if initial is None:
            yield "snapshots cannot be looked at without initial.safetensors"
            return
        try:
            snapshot = read_snapshot(path, initial)
        except (RunBroken, ValueError, TypeError, RecursionError) as error:
            yield f"snapshots/{path.name} is no snapshot: {error}"
            continue
        if not _is_rate(snapshot.lr) or not np.isfinite(snapshot.images).all():
            yield f"snapshots/{path.name} holds values that are not finite"


def _set(images: Images, shape: tuple[int | None, ...], facts: Dataset | None) -> Iterator[str]:
    """What is wrong with one image set, as sentences without its name."""
    n, *sides = images.images.shape
    labels, mean, std, classes = images.labels, images.mean, images.std, facts.classes if facts else None
    if not images.images.size or any(want not in (None, have) for want, have in zip(shape, sides, strict=True)):
        expected = "×".join("any" if side is None else str(side) for side in shape)
        yield f"holds {n} images of {'×'.join(map(str, sides))}, expected are {expected}"
    if not all(isinstance(name, str) for name in images.classes) or (classes and images.classes != classes):
        yield "has other classes than the data set" if classes else "has classes whose names are no texts"
    if labels.size and not 0 <= labels.min() <= labels.max() < len(images.classes):
        yield f"has labels from {labels.min()} to {labels.max()} for {len(images.classes)} classes"
    if len(mean) != sides[0] or len(std) != sides[0] or not all(map(is_number, mean + std)):
        yield f"must tell mean and std of its {sides[0]} channels in finite numbers"
    elif min(std, default=1) <= 0:
        yield f"has a std of {min(std):g}; it must be above 0"
    elif facts and facts.mean and facts.std and not np.allclose([mean, std], [facts.mean, facts.std]):
        yield f"has mean {mean} and std {std}, those of {facts.name} are {facts.mean} and {facts.std}"
    if not _is_rate(images.lr):
        yield f"has the learning rate {images.lr!r}, which is no finite number"


def _arrays(record: RunRecord) -> Iterator[str]:
    """The arrays that pages and later runs read, each by its type and sides, its labels by their classes."""
    _, facts = _expected(record)
    classes = record.summary.classes or (facts.classes if facts else ())
    number = {"run": record.summary.runs_shown, "label": len(classes)}
    for file, declarations in (record.declared.arrays if record.declared else {}).items():
        try:
            arrays = read_arrays(record.folder / f"{file}.safetensors")
        except FileNotFoundError:
            yield f"{file}.safetensors is missing"
            continue
        except RunBroken:  # told where all files are looked at
            continue
        if missing := declarations.keys() - arrays.keys():
            yield f"{file}.safetensors holds no {', '.join(sorted(missing))}"
            continue
        sides: dict[str, int] = {}
        for name, declared in declarations.items():
            array, most = arrays[name], number.get(re.sub("(.*_)?labels?", "label", name), 0)
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


def _json(path: Path) -> Iterator[str]:
    try:
        value = _strict(path.read_bytes())
    except (ValueError, RecursionError) as error:
        yield f"is not JSON: {error}"
        return
    if not isinstance(value, dict):
        yield f"holds a {type(value).__name__}, not an object"
    elif path.name == "spec.json" and (value.get("kind"), value.get("id")) != (path.parts[-3], path.parts[-2]):
        yield "is that of another run"


def _strict(content: bytes) -> Any:
    """The value; ValueError for NaN and Infinity, which JSON does not have."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON number")

    return json.loads(content, parse_constant=refuse)


def _user(path: Path) -> Iterator[str]:
    wrong = list(_json(path))
    yield from wrong
    user = {} if wrong else json.loads(path.read_bytes())
    tags = user.get("tags") or []
    texts = [user.get("name") or "", user.get("note") or "", *(tags if isinstance(tags, list) else [tags])]
    if not isinstance(tags, list) or not all(isinstance(text, str) for text in texts):
        yield "must give name, tags and note as texts"
    else:
        yield from (f"has too much: {problem}" for problem in too_long(user))


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
                elif kind[0] == "F" and path.stem != "checkpoint" and not np.isfinite(file.get_tensor(name)).all():
                    yield f"holds {name!r} with values that are not finite"
    except (SafetensorError, OSError, ValueError) as error:
        yield f"is not a safetensors file: {error}"


def _array(path: Path) -> Iterator[str]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        yield f"is not a plain array of numbers ({type(error).__name__})"
        return
    if array.dtype.kind not in "fiu" or array.offset + array.nbytes != path.stat().st_size:
        yield f"must be one array of numbers, is {array.dtype} {array.shape} in {path.stat().st_size:,} bytes"


def _png(path: Path) -> Iterator[str]:
    from PIL import Image

    try:
        with decoding(), Image.open(path, formats=["PNG"]) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                yield f"has {width * height:,} pixels, allowed are {MAX_PIXELS:,}"
                return
            picture.verify()
    except Unreadable as error:
        yield f"is not a whole PNG ({type(error.__cause__ or error).__name__})"


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

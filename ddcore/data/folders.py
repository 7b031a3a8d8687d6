"""Class folders: the part and the class of an image by the names of the folders around it.

A reading says what the folders around an image are, from the outermost on: "part/class", "class", "folder/class".
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from ddcore.data.images import SHOWN
from ddcore.data.layout import (
    MAX_CLASSES,
    Choice,
    Doubtful,
    Layout,
    Row,
    assign_parts,
    check_classes,
    left_out,
    lie,
    naturally,
    outcome,
    part_name,
    part_of,
    same_letters,
)
from ddcore.data.source import Source, shown
from ddcore.errors import DataRefused

Chain = tuple[str, ...]

PIECE = re.compile(
    r"(part|batch|chunk|piece|fold|set|subset|shard|split|section|dis[ck]|vol(ume)?|archive|data(set)?|images?|imgs?|"
    r"pictures?|photos?|folder|dir)[\s._-]*\d+([\s._-]*of[\s._-]*\d+)?|images|imgs?|data|annotations|jpe?gs?|jpegimages",
    re.I)
MOST_CHOICES = 6
DEEPEST = 5  # folders around an image that may be its class or its part


@dataclass(frozen=True)
class Reading:
    """Which of the folders around an image is its class, and which its part, counted from outside; part: or None."""

    label: int
    part: int | None = None

    @classmethod
    def of(cls, key: str) -> Reading | None:
        """The reading of this name, None where it is no reading's."""
        names = key.split("/")
        if set(names) - {"part", "class", "folder"} or names.count("class") != 1 or names.count("part") > 1:
            return None
        return cls(names.index("class"), names.index("part") if "part" in names else None)

    @property
    def depth(self) -> int:
        """The number of folders around an image that it needs."""
        return max(self.label, self.label if self.part is None else self.part) + 1

    def __str__(self) -> str:
        names = {self.label: "class", self.part: "part"}
        return "/".join(names.get(level, "folder") for level in range(self.depth))


def by_folder(images: Sequence[str], source: Source, key: str = "") -> Layout:
    """Class folders, inside folders of parts (train/, test/) or by themselves; read as `key` says, where it is given.

    Raises Doubtful where another reading is as good, or one leaves something unexplained; DataRefused where there are
    no class folders.
    """
    tree = _Tree(images, source.folders)
    reading = Reading.of(key) if key else tree.guess()
    if reading is None or not (names := tree.classes(reading)) or not any(tree.told(reading)):
        raise DataRefused(_no_classes(source.name, tree, key))
    check_classes(names, source.name, "is a class a folder?")
    if not key and (doubts := list(tree.doubts(reading))):
        if not (choices := tree.choices(reading)):
            raise DataRefused(_no_classes(source.name, tree, key))
        raise Doubtful(f"it is not certain how {source.name} is meant: {'; '.join(doubts)}", choices)
    return _read(tree, reading, names)


def readings(images: Sequence[str], source: Source) -> list[Choice]:
    """The ways to read the folders that make two classes or more, those first that leave out the fewest images."""
    return _Tree(images, source.folders).choices(None)


def _read(tree: _Tree, reading: Reading, names: Mapping[str, str]) -> Layout:
    classes = tuple(sorted(set(names.values()), key=naturally))
    index = {name: classes.index(title) for name, title in names.items()}
    labelled = [(path, name, part) for path, (name, part) in zip(tree.images, tree.told(reading), strict=True) if name]
    assigned, problems = assign_parts([part for _, _, part in labelled])
    rows = [Row(path, index[name], part) for (path, name, _), part in zip(labelled, assigned, strict=True)]
    loose, unlabelled = tree.loose(reading)
    if unlabelled:
        problems.append(left_out([path for path, _ in unlabelled], f"without a class, as {_say(unlabelled)},"))
    if loose:
        of_parts = sorted({name for name, part in tree.parts(0).items() if part}) if reading.part == 0 else []
        problems.append(left_out(loose, f"in no class folder{' of ' if of_parts else ''}"
                                        f"{', '.join(map(shown, of_parts))}"))
    return Layout("folders", classes, tuple(rows), problems=tuple(problems), reading=str(reading))


def _no_classes(called: str, tree: _Tree, key: str) -> str:
    """Why no image has a class."""
    if key:
        return (f"no image of {called} has a class where its folders are read as {shown(key)}; allowed are the words "
                "class, part and folder, from the outermost folder on, such as part/class")
    if names := sorted(name for name, part in tree.parts(0).items() if part):
        return (f"{called} has {'folders' if len(names) > 1 else 'a folder'} called {', '.join(map(shown, names))}, "
                "taken for the training or the test part, but no image lies in a class folder in there; a class that "
                "is called so needs another name")
    return (f"the images of {called} have no classes: put them into folders named after their classes (inside train/ "
            "and test/ or not), or add a table with the columns image and label")


class _Tree:
    """The folders around the images, without those that tell nothing: one around everything, one within its double."""

    def __init__(self, images: Sequence[str], folders: Sequence[str]) -> None:
        self.images = sorted(images, key=naturally)
        outer = _outer(images, folders)
        inside = {f: tuple(f.removeprefix(outer).split("/")) for f in folders if f.startswith(outer) and f != outer}
        around = {path: PurePosixPath(path.removeprefix(outer)).parts[:-1] for path in self.images}
        plain = _without_doubles(set(inside.values()) | set(around.values()), set(around.values()))
        self._chains: list[Chain] = [plain[around[path]] for path in self.images]
        self._folders = {plain[chain] for chain in inside.values()}
        while level := self._idle_level():
            self._chains = [(*chain[:level], *chain[level + 1 :]) for chain in self._chains]
            self._folders = {(*chain[:level], *chain[level + 1 :]) for chain in self._folders}
        self._counts = Counter(self._chains)
        self._parts: dict[int, dict[str, str]] = {}

    def _idle_level(self) -> int:
        """A level, not the outermost, whose folders all have one name and hold folders only; 0 where there is none."""
        labelled = {chain for chain in self._chains if not chain or part_of(chain[0]) != "unlabelled"}
        for level in range(1, min(map(len, labelled), default=0) - 1):
            if len({chain[level] for chain in (*labelled, *self._folders) if len(chain) > level}) == 1:
                return level
        return 0

    @cached_property
    def depth(self) -> int:
        return min(DEEPEST, max(map(len, self._counts), default=0))

    def parts(self, level: int) -> dict[str, str]:
        """The part of each name at a level, "" where a name is not sure to be one.

        Sure are names without another word, and those that differ in nothing but the part: seg_train, seg_test.
        """
        if level not in self._parts:
            names = {chain[level] for chain in (*self._counts, *self._folders) if len(chain) > level}
            known = {name: found for name in names if (found := part_name(name))}
            alike = defaultdict[Chain, set[str]](set)
            for found in known.values():
                alike[found.others].add(found.part)
            self._parts[level] = {name: found.part if found.sure or len(alike[found.others]) > 1 else ""
                                  for name, found in known.items()}
        return self._parts[level]

    def _has(self, chain: Chain, reading: Reading) -> tuple[str, str]:
        """(class, part) of what lies in these folders; ("", "") where it has none."""
        if len(chain) < reading.depth:
            return "", ""
        if reading.part is None:
            return chain[reading.label], ""
        name = chain[reading.part]
        part = self.parts(reading.part).get(name) or getattr(part_name(name), "part", "")
        return (chain[reading.label], part) if part in ("train", "test", "val") else ("", "")

    def told(self, reading: Reading) -> Iterator[tuple[str, str]]:
        """(class, part) of each image, ("", "") where it has none."""
        known = {chain: self._has(chain, reading) for chain in self._counts}
        return (known[chain] for chain in self._chains)

    def classes(self, reading: Reading) -> dict[str, str]:
        """The name of each class folder → the class's."""
        names = {self._has(chain, reading)[0] for chain in (*self._counts, *self._folders)}
        return same_letters(names - {""})

    def loose(self, reading: Reading) -> tuple[list[str], list[tuple[str, str]]]:
        """The images without a class, and those of a part that is called unlabelled, with its folder's name."""
        loose, unlabelled = list[str](), list[tuple[str, str]]()
        for path, chain, (name, _) in zip(self.images, self._chains, self.told(reading), strict=True):
            if not name:
                nameless = reading.part is not None and len(chain) > reading.part and (
                    self.parts(reading.part).get(chain[reading.part]) == "unlabelled")
                if nameless and reading.part is not None:
                    unlabelled.append((path, chain[reading.part]))
                else:
                    loose.append(path)
        return loose, unlabelled

    def guess(self) -> Reading | None:
        """What the names of the outermost folders speak for; None where they are parts without classes."""
        outermost = {chain[0] for chain in self._counts if chain}
        sure = {name for name in outermost if self.parts(0).get(name)}
        if any(len(chain) > 1 and self.parts(0).get(chain[0], "unlabelled") in ("train", "test", "val")
               for chain in self._counts):
            return Reading(1, 0)
        return None if sure == outermost else Reading(0)

    def doubts(self, reading: Reading) -> Iterator[str]:
        """What a guess leaves unexplained, one reason each."""
        outermost = sorted({chain[0] for chain in self._counts if chain}, key=naturally)
        sure = [name for name in outermost if self.parts(0).get(name)]
        if reading.part is None and sure:
            yield f"{_listed(sure)} {_is(sure)} called like a part of the data, but {_holds(sure)} no class folders"
        if reading.part is not None and (others := [name for name in outermost if name not in sure]):
            yield f"beside {_listed(sure)}, {_listed(others)} {_is(others)} by name no part of the data"
        if pieces := sorted(filter(PIECE.fullmatch, self.classes(reading)), key=naturally):
            yield f"{_listed(pieces)} {_is(pieces)} called like a piece of the data and not like a class"
        inner = [path for path, chain in zip(self.images, self._chains, strict=True)
                 if len(chain) > reading.depth and self._has(chain, reading)[0]]
        if inner:
            yield f"{lie(inner)} in folders within class folders ({_listed(inner)})"
        chain_of = dict(zip(self.images, self._chains, strict=True))
        if loose := [path for path in self.loose(reading)[0]
                     if reading.part is None or not chain_of[path] or chain_of[path][0] in sure]:
            yield f"{lie(loose)} in no class folder ({_listed(loose)})"

    def _mixes_parts(self, reading: Reading) -> bool:
        """Whether it makes nothing, or classes, of folders that are called like two parts."""
        levels = set(range(reading.depth)) - {reading.part}
        return any(len(set(self.parts(level).values()) - {""}) > 1 for level in levels)

    def choices(self, guess: Reading | None) -> list[Choice]:
        """The guess, then readings with two classes or more, those first that leave out the fewest images."""
        readings = [Reading(label, part) for part in (None, *range(self.depth)) for label in range(self.depth)
                    if label != part and (part is None or any(self.parts(part).values()))]
        rated: list[tuple[tuple[bool, bool, int, int, str], str]] = []
        for reading in readings:
            of_class, of_part = Counter[str](), Counter[str]()
            for chain, count in self._counts.items():
                name, part = self._has(chain, reading)
                of_class[name] += count
                of_part[part if name else "none"] += count
            without, pieces = of_class.pop("", 0), any(map(PIECE.fullmatch, of_class))
            plausible = 2 <= len(of_class) <= MAX_CLASSES and not self._mixes_parts(reading)
            if plausible or (reading == guess and not pieces):
                rated.append(((pieces, reading != guess, without, reading.depth, str(reading)),
                              outcome(of_class, of_part, without)))
        return [Choice(order[-1], outcome) for order, outcome in sorted(rated)[:MOST_CHOICES]]


def _say(unlabelled: Sequence[tuple[str, str]]) -> str:
    """ "the name of their folder 'pred' says", of images with the names of the folders that say it."""
    names, many = sorted({name for _, name in unlabelled}, key=naturally), len(unlabelled) > 1
    whose = "their" if many else "its"
    return (f"the name{'s' * (len(names) > 1)} of {whose} folder{'s' * (len(names) > 1)} {_listed(names)} "
            f"say{'s' * (len(names) == 1)}")


def _outer(images: Sequence[str], folders: Iterable[str]) -> str:
    """The path of the folder around everything, "data/tiles/", or "" where there is none."""
    shared = posixpath.commonpath(images)
    shared = posixpath.commonpath([shared, *(f for f in folders if not f"{shared}/".startswith(f"{f}/"))])
    most = max(path.count("/") for path in images) - 1  # the innermost folder may be a class
    around = itertools.takewhile(lambda piece: not part_of(piece), PurePosixPath(shared).parts)
    return "".join(f"{piece}/" for piece in itertools.islice(around, max(0, most)))


def _without_doubles(chains: set[Chain], with_images: set[Chain]) -> dict[Chain, Chain]:
    """Each chain of folders without a folder that is all that another of its name holds: train/train/cat."""
    inner = defaultdict[Chain, set[str]](set)
    for chain in chains:
        for depth in range(1, len(chain)):
            inner[chain[:depth]].add(chain[depth])

    def doubled(chain: Chain, depth: int) -> bool:
        outer = chain[:depth]
        return (chain[depth].casefold() == chain[depth - 1].casefold() and len(inner[outer]) == 1
                and outer not in with_images)

    return {chain: tuple(name for depth, name in enumerate(chain) if not depth or not doubled(chain, depth))
            for chain in chains}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"{', '.join(map(shown, names[:SHOWN]))}{more}"


def _is(names: Sequence[str]) -> str:
    return "are" if len(names) > 1 else "is"


def _holds(names: Sequence[str]) -> str:
    return "hold" if len(names) > 1 else "holds"

"""What a run is: a kind, a name within the kind, a Config; and what it may say while it runs.

A kind is one file of this package with `KIND = Kind(…)`. What it is asked is declared by its Config, what it answers by
its Summary; form, command, key, table row, page, pack and time estimate are read from these.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from ddcore import home
from ddcore.data import DATASETS
from ddcore.errors import UnknownName
from ddcore.params import Config
from ddcore.presets import Preset
from ddcore.registry import Registry
from ddcore.settings import as_always
from ddcore.summary import Summary

if TYPE_CHECKING:
    import numpy as np
    import torch

CHECKPOINT_SECONDS = 15  # a run that was killed loses at most so much work, and the step or epoch under way
Point = tuple[dict[str, "torch.Tensor"], dict[str, Any]]  # a checkpoint: (tensors, meta) as they were given


@dataclass(frozen=True)
class ImageSet:
    """Stored images. images: float32 (N, C, H, W) normalised with mean, std; labels: int64 (N,).

    What else a method may have learnt: label_logits, float32 (N, classes), whose softmax are soft labels; lr, the
    learning rate for training on the set.
    """

    images: torch.Tensor
    labels: torch.Tensor
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    label_logits: torch.Tensor | None = None
    lr: float | None = None

    @property
    def stored_floats(self) -> int:
        """How many numbers the set takes: pixels, soft labels and a learnt learning rate; class labels are free."""
        soft = 0 if self.label_logits is None else self.label_logits.numel()
        return self.images.numel() + soft + (self.lr is not None)


class Recorder(Protocol):
    """Everything a running experiment says to the outside; the store implements it on a run folder."""

    def note(self, text: str) -> None:
        """A line for people in the run's log."""

    def event(self, event: str, **fields: Any) -> None:
        """Append one self-contained record (JSON-ready fields) to the run's events."""

    def progress(self, done: int, total: int, phase: str = "") -> None:
        """How far the run is; cheap to call often (written at most a few times a second)."""

    def check_cancelled(self) -> None:
        """Raise Cancelled if somebody asked this run to stop; cheap to call often."""

    def slice_over(self) -> bool:
        """Whether others wait for the slot and this run has had its time: a checkpoint is due, then `give_way`. Its
        time begins with the first call, so that loading and compiling are not of it; cheap to call often."""

    def give_way(self) -> None:
        """Right after a checkpoint of a run that is not at its end: raise StepsAside where `slice_over`."""

    def snapshot(self, step: int, images: ImageSet) -> None:
        """Keep what the method learns as it is at `step` (pixels in half precision)."""

    def save_images(self, name: str, images: ImageSet) -> None:
        """Keep a float image set as `<name>.safetensors` ("images" is the result, "initial" the start)."""

    def save_arrays(self, name: str, arrays: Mapping[str, torch.Tensor]) -> None:
        """Keep named tensors as `<name>.safetensors`: scores, weights, what a later run builds on."""

    def mapped(self, name: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        """A writable array `<name>.npy` that lies on disk; one of this shape and dtype that is there is kept.

        Raises FolderUnusable, with the numbers, where the disk is too small for it.
        """

    def save_picture(self, name: str, png: bytes) -> None:
        """Keep a PNG for eyes."""

    def uses(self, told: Callable[[], Mapping[str, bool]]) -> None:
        """told(): how this session has computed so far (fields of `Arithmetic`); kept with each checkpoint, so that the
        answer tells it of all sessions."""

    def checkpoint(self, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> None:
        """Keep, atomically, what the run needs to go on from here."""

    def resume_point(self, refuse: Callable[[Mapping[str, Any]], str] = lambda meta: "") -> Point | None:
        """The newest of: this run's own checkpoint, the final checkpoint of the longest finished shorter run.

        refuse(meta): why the run cannot go on from a checkpoint, in words for its log; "" where it can. Of one that is
        refused nothing stays: no event, no snapshot, no time.
        """

    def parent(self, run_id: str) -> Parent:
        """A finished run that this one builds on."""

    def answered(self, spec: Spec) -> Parent | None:
        """The finished run that answers this question, if there is one."""

    def answer(self, spec: Spec, summary: Summary, seconds: float) -> Parent:
        """Keep the answer to a smaller question, found on the way in so many seconds, as a finished run of its own.

        Somebody else's answer to it that came first stays.
        """

    def built_on(self) -> tuple[Parent, ...]:
        """All finished runs that this one builds on: those its config names, then what its kind needs."""

    def ended(self, spec: Spec) -> Ended | None:
        """How the run that answers this question ended; None where it has not ended.

        One that failed or was cancelled before this run asked for it counts as not ended, so that it is asked for
        again; so does one that was interrupted, a few times.
        """

    def wait_for(self, specs: Sequence[Spec]) -> NoReturn:
        """Ask for these, give the slot back, and run again from the beginning when each has ended, well or badly."""


class Parent(Protocol):
    """A finished run, read-only."""

    id: str
    kind: str
    name: str
    config: Mapping[str, Any]
    summary: Summary
    dataset: Mapping[str, Any] | None  # name and fingerprint of the data it was made from

    def built_on(self) -> tuple[Parent, ...]:
        """The finished runs that it builds on, as far as they are still here."""

    def images(self, name: str = "images") -> ImageSet: ...

    def snapshot(self, step: int) -> ImageSet:
        """The set as it was at `step`, its pixels in half precision; RunNotFound when that step was not kept."""

    def arrays(self, name: str) -> dict[str, torch.Tensor]:
        """The named tensors that the run kept with `save_arrays`, on the CPU."""

    def mapped(self, name: str) -> np.ndarray:
        """The array that the run kept with `Recorder.mapped`, read-only, from disk as it is looked at."""


@dataclass(frozen=True)
class Ended:
    """A run that will not change by itself. state: "done", "failed", "cancelled" or "interrupted"; problem: why it is
    not done, in a sentence; summary: empty where it is not."""

    id: str
    state: str
    problem: str
    summary: Summary


@dataclass(frozen=True)
class Array:
    """An array that a kind keeps. dtypes: numpy's letters of the dtypes it may have ("f", "iu"); sides: of its shape, a
    digit for a number and a letter for one that is the same in all arrays of the file."""

    dtypes: str
    sides: str


@dataclass(frozen=True)
class Command:
    """How a terminal asks for a run of a kind: `python -m ddcore WORDS --flag value …`.

    words: of (name, config); implied: parameters that the words tell already; waits: whether it stays for the answer
    without being told to.
    """

    words: Callable[[str, Any], tuple[str, ...]]
    implied: tuple[str, ...] = ()
    waits: bool = False


@dataclass(frozen=True)
class Curve:
    """What a run tells as it goes. name: under which curves of several runs are drawn together; event, scalar: of its
    events, where they stand; words: what people call it, where that is its own."""

    name: str
    event: str
    scalar: str
    words: str = ""


OWN_COMMAND = Command(lambda name, config: (name,))  # the kind's name; all parameters are flags
RUNS_PAGE = "Runs"  # the page that lists runs of all kinds, and shows those that no other page shows


@dataclass(frozen=True)
class Kind:
    """A kind of run ("distill", "evaluate", …): everything that the rest of the house knows of it.

    title: for people; help: what it does, in a sentence, in its command; lead: what happens in it, where it is a stage
    of another run and, unless left empty, in place of the help on its page; config(name): its Config
    class; summary: the Summary that `run` answers with, and that run.json holds.
    run(name, config, recorder) computes it in a worker.
    names(): the names within the kind (methods for distill; else just the kind's own name).
    version(name): raised when results change, part of the key.

    What it builds on: parents(config), ids of the runs that the config names; needs(name, config), the questions whose
    answers it needs, which are asked along with it; parts(name, config, key), the smaller questions that it answers on
    its way, each a run of its own of the kind part_kind (key gives the id of a question's run); part: whether this is
    the kind of such parts, which come by the thousand and are listed nowhere unless asked for.

    What it takes: cost(name, config, images), multiply-adds of the whole run without what it needs and without its
    parts, a training step being three forward passes (forward, gradient of activations, gradient of weights), 0 where
    it only reads and counts; steps(name, config, images), its optimiser steps; images: the size of the set that it
    trains on, where that is another run's; disk(name, config): bytes that it will write, where they are more than a few
    MB; aside: whether its runs, which build on nothing, take so little that they go on beside what fills the slots.

    What it keeps: arrays, file → array → its dtypes and sides; makes_images: whether it makes a small set of images,
    which can be looked at and evaluated; travels: whether its finished runs may be packed.

    How it is shown and asked for: label(name, config, summary), what it is called in lists, without data set, network
    and IPC; details(config), what tells its runs apart behind these; about: the parameter, if any, that names the runs
    which it is about, so that their names are in its own; told: the parameters that label and details tell;
    presets(name): what people start from; page: the title of the page that shows it, its own
    title where that is left empty; shown_with: the parameter, if any, that names the run on whose page it is shown
    instead; result: whether its runs are results of their own, and not only seen with others; gathers: whether it
    stands for the runs that it asked for by itself, so that the latest results name it once and not each of them;
    of_data: whether they only tell of their data set, are started unasked, and go with it where nothing else uses it;
    not_private: why nobody may ask for one privately, in a sentence;
    curves(name): what it tells as it goes; command, None where only asked_by, a page or another run, asks for it;
    presets_of: the method whose presets its command takes, as far as it has the same parameters.
    """

    name: str
    title: str
    config: Callable[[str], type[Config]]
    summary: type[Summary]
    run: Callable[[str, Any, Recorder], Summary]
    help: str = ""
    lead: str = ""
    names: Callable[[], tuple[str, ...]] | None = None
    version: Callable[[str], int] = lambda name: 1
    parents: Callable[[Any], tuple[str, ...]] = lambda config: ()
    needs: Callable[[str, Any], tuple[Spec, ...]] = lambda name, config: ()
    parts: Callable[[str, Any, Callable[[Spec], str]], tuple[Spec, ...]] = lambda name, config, key: ()
    part: bool = False
    part_kind: str = ""
    cost: Callable[[str, Any, int | None], int] = lambda name, config, images: 0
    steps: Callable[[str, Any, int | None], int] = lambda name, config, images: 0
    disk: Callable[[str, Any], int] = lambda name, config: 0
    aside: bool = False
    arrays: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    travels: bool = True
    label: Callable[[str, Mapping[str, Any], Summary], str] | None = None
    details: Callable[[Mapping[str, Any]], tuple[str, ...]] | None = None
    about: str = ""
    told: tuple[str, ...] = ()
    presets: Callable[[str], tuple[Preset, ...]] = lambda name: ()
    page: str = ""
    shown_with: str = ""
    result: bool = False
    gathers: bool = False
    of_data: bool = False
    not_private: str = ""
    makes_images: bool = False
    curves: Callable[[str], tuple[Curve, ...]] = lambda name: ()
    command: Command | None = OWN_COMMAND
    asked_by: str = "a page of the app"
    presets_of: str = ""

    @property
    def known(self) -> tuple[str, ...]:
        """The names within the kind."""
        return self.names() if self.names else (self.name,)

    @property
    def page_title(self) -> str:
        """The title of the page that shows its runs."""
        return self.page or self.title


KINDS: Registry[Kind] = Registry("kind of run", "ddcore.experiments", "KIND")


@dataclass(frozen=True)
class Spec:
    """One question to the engine: what to compute. Equal questions have equal keys and share one run.

    salt: of a private question that of whoever asks (`hosting.private`): it is theirs alone, and so is what it needs.

    Its key, and what the key is made of, are worked out once for each Spec: make a new one to ask again after the data
    has changed.
    """

    kind: str
    name: str
    config: Config
    salt: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "config": self.config.values(), **self._salted}

    @property
    def _salted(self) -> dict[str, str]:
        return {"salt": self.salt} if self.salt else {}

    def private(self, salt: str) -> Spec:
        """The same question with this salt; "" for everybody's."""
        return self if salt == self.salt else replace(self, salt=salt)

    @cached_property
    def needs(self) -> tuple[Spec, ...]:
        """The questions whose answers it needs, and which are asked along with it."""
        return tuple(one.private(self.salt) for one in KINDS[self.kind].needs(self.name, self.config))

    @cached_property
    def parents(self) -> tuple[str, ...]:
        """Ids of the runs that it builds on: those its config names, then the answers to what it needs."""
        return (*KINDS[self.kind].parents(self.config), *(one.key for one in self.needs))

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What the key is made of: everything that decides the result, and nothing else.

        Raises DataMissing or DataBroken when the content of the data set cannot be named.
        """
        return {
            "kind": self.kind, "name": self.name, "version": KINDS[self.kind].version(self.name),
            "dataset": dataset_identity(self.config), "parents": list(self.parents),
            "config": self.config.key_values(), **self._salted,
        }

    @cached_property
    def key(self) -> str:
        """The id of its run, 16 hex digits: SHA-256 of its identity. Raises like `identity`."""
        return digest(self.identity)

    def without(self, *names: str, kind: str = "") -> str:
        """What is asked but for these parameters, to be held against `RunRecord.without`; kind: in place of its own."""
        own, values = self.identity, self.config.values()
        return question_without(names, kind or self.kind, self.name, own["version"], own["dataset"], values)

    @cached_property
    def family(self) -> str:
        """The key without the length of the work and without salt: what a run shares with its shorter and longer
        sisters, from which it may go on where it may know of them."""
        return family(self.identity, self.config.length_param)


def spec(kind: str, name: str, values: Mapping[str, Any], salt: str = "") -> Spec:
    """A checked Spec. Raises UnknownName for the kind or name, ConfigError for the values."""
    entry = KINDS[kind]
    if name not in entry.known:
        raise UnknownName("method" if entry.names else kind, name, entry.known)
    return Spec(kind, name, entry.config(name).build(values), salt)


def question_without(names: Container[str], kind: str, name: str, version: Any, dataset: Any,
                     config: Mapping[str, Any]) -> str:
    """What is asked but for these parameters: equal for questions that differ in them alone, in whatever version of the
    code they were stored."""
    values = {n: v for n, v in config.items() if n not in names and n != "device" and v is not None}
    return json.dumps([kind, name, version, dataset, as_always(values)], sort_keys=True, default=str)


def dataset_identity(config: Config) -> dict[str, str] | None:
    """{name, fingerprint} of the data set a Config works on; None when it names none."""
    name = getattr(config, "dataset", None)
    if not isinstance(name, str) or name not in DATASETS:
        return None
    facts = DATASETS[name]
    resolution = getattr(config, "resolution", None) or facts.resolution
    return {"name": name, "fingerprint": facts.fingerprint(home.data_root(), resolution)}


def family(identity: Mapping[str, Any], length_param: str) -> str:
    """The digest of a question without the length of the work and without salt."""
    values = {name: value for name, value in identity["config"].items() if name != length_param}
    rest = {name: value for name, value in identity.items() if name != "salt"}
    return digest({**rest, "config": values, "length": None})


def digest(value: Any) -> str:
    """16 hex digits: SHA-256 of canonical JSON, the same on every machine and after every restart."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]

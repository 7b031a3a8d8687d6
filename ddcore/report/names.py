"""What runs are called: what each computes, where it departs from its preset, what tells it from its neighbours.

"DataDAM · mnist · IPC 10 · λ 0.1 · noise": symbols, values and words are those of the parameters' declarations. The
name that a person gave a run always wins.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from ddcore.data import DATASETS
from ddcore.data.base import Dataset
from ddcore.experiments import KINDS, Kind
from ddcore.methods import METHODS
from ddcore.params import Config, ParamInfo
from ddcore.presets import fitting
from ddcore.report import text
from ddcore.run_id import RUN_ID
from ddcore.runs import store as stores
from ddcore.runs.store import RunRecord
from ddcore.settings import NETWORK_PARAMS, NOT_ALWAYS, network_title
from ddcore.summary import Source, Summary

T = TypeVar("T")
V = TypeVar("V")
IMPORTED = " (imported)"  # behind the name of a run that was not computed here
MARK = "†"  # behind a data set that must be told of; a star would be read as markdown
MOST = 3  # parameters named as departures from the preset, and as many that tell neighbours apart
LONGEST = 80  # letters up to which departures are named
NEVER = ("device", "dataset")  # changes no result; is told anyway
LAST = "seed"  # tells runs apart only where nothing else does, and is no setting
NO_SETTING = ("device", LAST)
SHORT_ID = 6
GROUPED = 10_000  # whole numbers from which on thousands stand apart in a name
_SEED = re.compile(rf"(?: ·|,) {LAST} \d+\b")


def title(record: RunRecord) -> str:
    """What a person calls this run: the name they gave it, else the automatic one."""
    return _given(record) or automatic(record)


def automatic(record: RunRecord) -> str:
    """The name that says what a run computes; among the runs of the look that is under way, no other has it."""
    return _now().of(record)


def of_seeds(title: str) -> str:
    """A title without its seed, for several runs that differ in it."""
    return _SEED.sub("", title)


def heading(record: RunRecord) -> str:
    """The name that was given, else "DM · mnist · IPC 10": without parameters, so that several runs may have it."""
    return _given(record) or _now().head(record) + mark(record)


def public(record: RunRecord) -> str:
    """ "DM · mnist · IPC 10", whatever people called it: for where no person is to be named."""
    return Names().head(record) + mark(record)


def mark(record: RunRecord) -> str:
    """What stands behind the name of an imported run, "" behind all others."""
    return IMPORTED if record.imported is not None else ""


def _given(record: RunRecord) -> str:
    """The name that people gave it, if they did."""
    return f"{name}{mark(record)}" if (name := record.user.get("name")) else ""


def _now() -> Names:
    """The names of the look that is under way; without one, runs have no neighbours."""
    moment = stores.now()
    return moment.once(Names) if moment else Names()


def kind(name: str) -> str:
    """What a person calls this kind of run; its name where it is not known here."""
    return KINDS[name].title if name in KINDS else name


def data(record: RunRecord) -> str:
    """The data set's name; marked where data_notes says what to know of it."""
    return f"{record.config.get('dataset') or ''}{MARK if data_notes(record) else ''}"


def data_notes(record: RunRecord) -> tuple[str, ...]:
    """What must be known of the data behind a run's numbers: other images than the official ones, leaks, …"""
    return record.summary.notes_on_data


def datasets() -> tuple[tuple[str, Dataset], ...]:
    """What names of runs are made of beside the runs."""
    return tuple(DATASETS.known().items())


def _no_names(store: stores.Store, *of: object) -> dict[str, Mapping[str, str]]:
    """Kind → names of its runs, of none so far."""
    return {}


class Names:
    """The automatic names of all runs of a store, those of a kind made together when one is asked for.

    Those of listed runs are kept for as long as neither these nor the data sets change.
    """

    def __init__(self, store: stores.Store | None = None) -> None:
        self._store = store
        self._data = DATASETS.known()
        self._of_kind: dict[str, Mapping[str, str]] = {}
        self._kept = store.kept(_no_names, datasets()) if store else {}
        self._listed = store.by_id() if store else {}

    def of(self, record: RunRecord) -> str:
        """The name of a run; of one that is not in the store, as in the trash, what it would be without neighbours."""
        return self._named(record.kind).get(record.id) or self._alone(record)

    def _named(self, kind: str) -> Mapping[str, str]:
        """Run → name, all different, of the runs of a kind that can be read."""
        if self._store is None:
            return {}
        if kind not in self._of_kind:
            self._of_kind[kind] = {}  # names of runs that are about runs of their own kind end here
            if (named := self._kept.get(kind)) is None:
                records = [record for record in self._store.records(kind) if record.state != "broken"]
                named = self._unlike(records)
                if kind not in stores.parts():
                    self._kept[kind] = named
            self._of_kind[kind] = named
        return self._of_kind[kind]

    def _unlike(self, records: Sequence[RunRecord]) -> dict[str, str]:
        alike: dict[str, list[RunRecord]] = {}
        seen = [self._seen(record) for record in records]
        told = _told_by_neighbours(records, _again(records, seen, self._setting))
        for record, name in zip(records, _again(records, list(zip(seen, told, strict=True)), self._told), strict=True):
            alike.setdefault(name, []).append(record)
        named: dict[str, str] = {}
        for name, group in alike.items():
            words = apart(group, self._value)
            about = KINDS[group[0].kind].about if group[0].kind in KINDS else ""
            named |= {one.id: joined(name, words[one.id], about) for one in group}
        number = Counter(named.values())
        short = {i: n if number[n] == 1 else f"{n} · {i[:SHORT_ID]}" for i, n in named.items()}
        number = Counter(short.values())
        return {i: n if number[n] == 1 else f"{n} · {i}" for i, n in short.items()}

    def _seen(self, record: RunRecord) -> tuple[Any, ...]:
        """All that its name without neighbours is made of: the record, the run that it is about, what it says of the
        runs that it is about, its data set."""
        subjects = _subjects(record, record.declared) if record.declared else []
        about = self._record(subjects[0]) if subjects else None
        called = self._names_of(subjects, record) if subjects else ""
        return record, about, called, self._data.get(str(record.config.get("dataset")))

    def _setting(self, record: RunRecord, seen: tuple[Any, ...]) -> _Setting:
        names = self._departs(record, record.declared).names if record.declared else ()
        return names, sum(_hash(record, name) for name in record.config if name not in NO_SETTING)

    def _told(self, record: RunRecord, made_of: tuple[Any, tuple[str, ...]]) -> str:
        return self._alone(record, made_of[1])

    def _alone(self, record: RunRecord, told: tuple[str, ...] = ()) -> str:
        """The name without a look at neighbours; told: parameters that it says even where they are the preset's."""
        head, declared = self.head(record), record.declared
        if record.state == "broken" or declared is None:
            return head + mark(record)
        words = self._departures(record, declared, LONGEST - len(head), told)
        return joined(head, words, declared.about) + mark(record)

    def head(self, record: RunRecord) -> str:
        """What it is, of which data or which run, without its parameters."""
        if record.state == "broken":
            return f"{kind(record.kind)} · {record.id[:16]}"
        if (declared := record.declared) is None:
            return " · ".join(filter(None, [kind(record.kind), data(record)]))
        what = declared.label(record.name, record.config, record.summary) if declared.label else declared.title
        about = self._names_of(_subjects(record, declared), record) if declared.about else ""
        head = f"{what} of {about}" if about else " · ".join(filter(None, [what, data(record)]))
        return joined(head, filter(None, declared.details(record.config) if declared.details else ()), declared.about)

    def _names_of(self, subjects: Sequence[str], record: RunRecord) -> str:
        """What those are called; of one that is not here, what the run itself recorded of it, if it did."""
        source = record.summary.source or Source()
        if first := self._record(subjects[0]) if subjects else None:
            called = _given(first) or self.of(first)
        elif method := source.method:
            title = METHODS[method].title if method in METHODS else method
            called = " · ".join(filter(None, [title, data(record), f"IPC {source.ipc}" if source.ipc else ""]))
        else:
            return ""
        return f"{called} and {len(subjects) - 1} more" if len(subjects) > 1 else called

    def _record(self, run_id: str) -> RunRecord | None:
        return self._listed.get(run_id)

    def _departs(self, record: RunRecord, declared: Kind, told: tuple[str, ...] = ()) -> Departures:
        about = next(filter(None, map(self._record, _subjects(record, declared)[:1])), None)
        network = about.config if about else {}
        no_setting = (declared.about, *NO_SETTING)
        values = tuple((name, value) for name, value in record.config.items() if name not in no_setting)
        return departures(record.kind, record.name, values,
                          tuple((name, network[name]) for name in NETWORK_PARAMS if network.get(name) is not None),
                          self._data.get(str(record.config.get("dataset"))), told)

    def _departures(self, record: RunRecord, declared: Kind, room: int, told: tuple[str, ...]) -> tuple[str, ...]:
        """The preset, where that is not the first, and the parameters that differ from it, as many as there is room.

        A count of more says something behind those that are named, and nothing by itself.
        """
        found = self._departs(record, declared, told)
        shown: list[str] = [f"{found.preset} preset"] if found.preset else []
        for n, words in enumerate(found.words):
            left = len(found.words) - n
            if left > 1 and (n >= MOST or sum(map(len, [*shown, words])) + 3 * (n + 2) > room):
                return (*shown, f"{left} more") if shown else ()
            shown.append(words)
        return tuple(shown)

    def _value(self, value: Any) -> str:
        """A value as people read it; of a run its name."""
        if isinstance(value, str) and RUN_ID.fullmatch(value) and (other := self._record(value)):
            return _given(other) or self.of(other)
        return text.value(value)


_Setting = tuple[tuple[str, ...], int]  # the parameters that depart from the preset, the sum of all values' hashes
# Kind and what is made → run → what that was made of, and what came of it: one more run is one more name to make.
_last: dict[tuple[str, str], dict[str, tuple[Any, Any]]] = {}


def _again(records: Sequence[RunRecord], made_of: Sequence[V], make: Callable[[RunRecord, V], T]) -> list[T]:
    """What `make` makes of each of these runs of a kind, made anew where that which it is made of has changed."""
    if not records or (kind := records[0].kind) in stores.parts():
        return list(map(make, records, made_of))
    last, now = _last.get((kind, make.__name__), {}), dict[str, tuple[V, T]]()
    for record, of in zip(records, made_of, strict=True):
        one = last.get(record.id)
        now[record.id] = one if one is not None and one[0] == of else (of, make(record, of))
    _last[kind, make.__name__] = now
    return [now[record.id][1] for record in records]


def _told_by_neighbours(records: Sequence[RunRecord], settings: Sequence[_Setting]) -> list[tuple[str, ...]]:
    """Of each run the parameters in which another run, alike in all others, departs from its preset: beside "λ 0.1"
    stands "λ 0.01" and not nothing.

    Runs are alike without a parameter where the sums of the hashes of their other values are the same.
    """
    without: dict[str, set[tuple[str, int]]] = {}
    for record, (departs, whole) in zip(records, settings, strict=True):
        for name in departs:
            without.setdefault(name, set()).add((record.name, whole - _hash(record, name)))
    return [tuple(name for name, others in without.items() if name in departs or (
                name in record.config and (record.name, whole - _hash(record, name)) in others))
            for record, (departs, whole) in zip(records, settings, strict=True)]


def _hash(record: RunRecord, name: str) -> int:
    return hash((name, str(record.config[name])))


def joined(head: str, words: Iterable[str], about: str) -> str:
    """A name with more words behind it: behind a comma where it ends in another run's name."""
    return (", " if about else " · ").join([head, *words])


def _subjects(record: RunRecord, declared: Kind) -> list[str]:
    """The ids of the runs that a run is about."""
    return [one for one in str(record.config.get(declared.about) or "").split(",") if one] if declared.about else []


@dataclass(frozen=True)
class Departures:
    """How a run departs from the preset nearest to it. preset: its name, "" of the first or where there is none;
    names: the parameters."""

    preset: str
    words: tuple[str, ...]
    names: tuple[str, ...]


@lru_cache(maxsize=1024)
def departures(kind: str, name: str, values: tuple[tuple[str, Any], ...], network: tuple[tuple[str, Any], ...],
               dataset: Dataset | None, told_too: tuple[str, ...] = ()) -> Departures:
    """How these parameters depart from the preset with the fewest differences, or from what is usual.

    network: that of the set that is judged, which is the usual one there. told_too: parameters with words of their own
    even where they do not depart.
    """
    declared, given = KINDS[kind], dict(values)
    config = declared.config(name)
    leaders = tuple((n, given.get(n)) for n in _leaders(config))
    presets = declared.presets(name) if dataset else ()
    each = [usual(kind, name, place, leaders, network, given.get("dataset"), dataset)
            for place in range(max(1, len(presets)))]
    differing = [[n for n in _order(config) if n in given and given[n] != values.get(n)] for values in each]
    nearest = min(range(len(each)), key=lambda i: len(differing[i]))
    usual_of = {n: each[nearest][n] for n in differing[nearest]}
    told = (*declared.told, *NEVER, *_told_by_name(declared, name, given, usual_of))
    names = [n for n in _order(config) if n in given and n in {*differing[nearest], *told_too} and n not in told]
    words = tuple(filter(None, (words_of(_info(config, n), given[n]) for n in names)))
    return Departures(presets[nearest].name if nearest else "", words, tuple(names))


def _told_by_name(declared: Kind, name: str, given: Mapping[str, Any], usual: Mapping[str, Any]) -> list[str]:
    """The parameters without whose values the set would be called otherwise, as PAD without a scheduler is DATM.

    usual: the values from which these depart.
    """
    if not (declared.makes_images and declared.label):
        return []
    own, *others = (declared.label(name, {**given, **changed}, Summary())
                    for changed in ({}, usual, *({n: value} for n, value in usual.items())))
    return [n for n, called in zip(usual, others[1:], strict=True) if called != own] if others[0] != own else []


@lru_cache(maxsize=1024)
def usual(kind: str, name: str, place: int, leaders: tuple[tuple[str, Any], ...], network: tuple[tuple[str, Any], ...],
          dataset: str, facts: Dataset | None) -> Mapping[str, Any]:
    """The values of a preset by its place, the defaults where there is none; those that follow from others as they
    follow from the run's own.

    leaders: what they follow from, so that another network is one difference and not also its width and depth. facts:
    of the data set; other ones make other values.
    """
    declared = KINDS[kind]
    config, presets = declared.config(name), declared.presets(name) if facts else ()
    start = {**dict(network), **(presets[place].for_dataset(dataset) if presets else {"dataset": dataset})}
    start = {n: value for n, value in start.items() if n in config.model_fields}
    with_leaders = {**start, **{n: value for n, value in leaders if value is not None}}
    own, following = (_filled(config, values) for values in (start, with_leaders))
    return {**following, **{n: own[n] for n, _ in leaders}}


def _filled(config: type[Config], values: Mapping[str, Any]) -> dict[str, Any]:
    """All values with the defaults and those that follow, none checked."""
    filled = config.fill(fitting(values, values.get("network")))
    return {**{n: field.default for n, field in config.model_fields.items()}, **filled}


@lru_cache(maxsize=256)
def _leaders(config: type[Config]) -> tuple[str, ...]:
    """The parameters from which others take their values."""
    followed = dict.fromkeys(n for one in _infos(config).values() for n in one.follows)
    return tuple(n for n in followed if n in config.model_fields and n != "dataset")


@lru_cache(maxsize=256)
def _infos(config: type[Config]) -> dict[str, ParamInfo]:
    return {one.name: one for one in config.params()}


def _info(config: type[Config], name: str) -> ParamInfo:
    return _infos(config)[name]


@lru_cache(maxsize=256)
def _order(config: type[Config]) -> tuple[str, ...]:
    """The parameters that decide the result, those with a symbol first: papers give one to what matters most."""
    infos = [one for one in _infos(config).values() if one.in_key]
    return tuple(one.name for one in sorted(infos, key=lambda one: not one.symbol))


def declared(kind: str | None, name: str | None) -> type[Config] | None:
    """The parameters of a kind of run; None where the kind, or the name within it, is not known here."""
    known = kind in KINDS and name in KINDS[str(kind)].known
    return KINDS[str(kind)].config(str(name)) if known else None


def words_of(info: ParamInfo, value: Any) -> str:
    """A parameter with its value in a name: "λ 0.1", "width 64", "noise", "no soft labels"; "" where it has none."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return f"{'' if value else 'no '}{info.short}"
    shown = value_of(info, value)
    return f"{info.short} {shown}" if info.short else f"{shown} {info.unit}".strip()


def value_of(info: ParamInfo, value: Any) -> str:
    """A value of this parameter as people read it; of a network its title."""
    if info.type == "int" and info.name != LAST and value and abs(value) >= GROUPED:
        return f"{value:,}"
    return network_title({"network": value}) if info.name == "network" and value else text.value(value)


def apart(records: Sequence[RunRecord], value: Any = text.value) -> dict[str, tuple[str, ...]]:
    """Run → what tells it from the others of these runs of one kind: at most MOST parameters, the seed last.

    Runs that these do not tell apart have the same words.
    """
    words: dict[str, tuple[str, ...]] = {record.id: () for record in records}
    if len(records) > 1:
        _split(records, _varied(records), words, value)
    return words


def _split(records: Sequence[RunRecord], facts: Sequence[str], words: dict[str, tuple[str, ...]], value: Any) -> None:
    """Add a fact to the words of these runs that parts them, and go on with each part."""
    if len(records) < 2 or len(words[records[0].id]) == MOST:
        return
    for place, fact in enumerate(facts):
        parts: dict[str, list[RunRecord]] = {}
        for record in records:
            parts.setdefault(_told(record, fact, value), []).append(record)
        if len(parts) > 1:
            for told, part in parts.items():
                for record in part:
                    words[record.id] += (told,) if told else ()
                _split(part, facts[place + 1 :], words, value)
            return


def _varied(records: Sequence[RunRecord]) -> list[str]:
    """What differs between these runs, in the order in which it is told: parameters, seed, version, data."""
    declared = records[0].declared
    known = _order(declared.config(records[0].name)) if declared else ()
    names = dict.fromkeys([*known, *(name for record in records for name in record.config)])
    ordered = sorted((name for name in names if name not in NEVER), key=lambda name: name == LAST)
    varied = [n for n in ordered if len({r.config.get(n, NOT_ALWAYS.get(n)) for r in records}) > 1]
    return [*varied, *(fact for fact in _FACTS if len({_FACTS[fact](record) for record in records}) > 1)]


def _content(record: RunRecord) -> str:
    return str((record.info.get("dataset") or {}).get("fingerprint") or "")[:SHORT_ID]


_FACTS = {" version": lambda record: record.info.get("version"), " content": _content}  # no parameter is called so


def _told(record: RunRecord, fact: str, value: Any) -> str:
    if fact in _FACTS:
        return f"{fact.strip()} {_FACTS[fact](record)}"
    own = record.config.get(fact, NOT_ALWAYS.get(fact))
    declared = record.declared
    config = declared.config(record.name) if declared else None
    if config is None or fact not in config.model_fields:
        return "" if own is None else f"{fact.replace('_', ' ')} {value(own)}"
    info = _info(config, fact)
    return f"{info.short} {value(own)}" if isinstance(own, str) and RUN_ID.fullmatch(own) else words_of(info, own)

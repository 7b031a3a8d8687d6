"""One declaration per parameter.

A `Config` is a frozen pydantic model whose fields are made with `Param`. Widget, help, bounds, CLI
flag, validation, cache key, table column and difference view are all read from that one line:

    ipc: int = Param(10, label="Images per class", symbol="IPC", ge=1, le=1000, help="…")
"""

from __future__ import annotations

import inspect
import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from ddcore.errors import ConfigError, Worded, suggestion

ParamType = Literal["int", "float", "bool", "choice", "text"]
_TYPES: dict[Any, ParamType] = {int: "int", float: "float", bool: "bool", str: "text"}
_MESSAGES = {  # by pydantic's type of the error
    "greater_than_equal": "{name} must be at least {ge}, got {value}",
    "greater_than": "{name} must be above {gt}, got {value}",
    "less_than_equal": "{name} must be at most {le}, got {value}",
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "{name} must be a whole number, got {value!r}"),
    **dict.fromkeys(("float_parsing", "float_type", "finite_number"), "{name} must be a finite number, got {value!r}"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "{name} must be true or false, got {value!r}"),
}
_BOUNDS = ("greater_than_equal", "greater_than", "less_than_equal")
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")  # 1,000
Choices = Iterable[str] | Callable[[], Iterable[str]]
Used = Callable[[Mapping[str, Any]], bool]
FIRST = 5  # parameters that a form shows first of a Config that declares none of its own to be among them


def Param(
    default: Any, *, label: str, help: str, symbol: str = "", ge: float | None = None, gt: float | None = None,
    le: float | None = None, step: float | None = None, log: bool = False, unit: str = "", group: str = "Method",
    choices: Choices | None = None, in_key: bool = True, follows: tuple[str, ...] = (), main: bool = False,
    used: Used | None = None, short: str | None = None,
) -> Any:
    """Declare one parameter of a Config.

    label, symbol: the words and the paper's sign ("Task balance", "λ"); help: one or two plain sentences; ge, gt, le:
    bounds; step, log: how a widget moves; unit: shown after the value; group: heading in the form; choices: allowed
    names, or a function that lists them (a registry); in_key: False for what changes no result (the device); follows:
    the parameters that an optional one takes its value from when it is left out (`Config.fill`), so a form asks anew
    when they change; main: whether it is among the few that a form shows first; used(values): whether the other values
    leave it any effect, or a form hides it, which changes no key; short: what stands before its value in the name of a
    run, empty where the value speaks for itself ("noise"); left out, the symbol, else the label.
    """
    meta = {"label": label, "symbol": symbol, "step": step, "log": log, "unit": unit,
            "group": group, "choices": choices, "in_key": in_key, "follows": follows, "main": main, "used": used,
            "short": (symbol or f"{label[:1].lower()}{label[1:]}") if short is None else short}
    return Field(default, ge=ge, gt=gt, le=le, description=help, json_schema_extra={"param": meta})  # type: ignore[dict-item]


@dataclass(frozen=True)
class ParamInfo:
    """A parameter as everything outside the Config sees it."""

    name: str
    type: ParamType
    optional: bool  # None is allowed and means "not used by what was chosen"
    default: Any
    label: str
    symbol: str
    help: str
    low: float | None  # smallest allowed value; exclusive when low_open
    low_open: bool
    high: float | None
    step: float | None
    log: bool
    unit: str
    group: str
    choices: tuple[str, ...] | None
    in_key: bool
    follows: tuple[str, ...]
    main: bool
    used: Used | None
    short: str
    titles: Mapping[str, str]  # of the choices that have one where they are declared

    def is_used(self, values: Mapping[str, Any]) -> bool:
        """Whether these values of all parameters leave it any effect."""
        return self.used is None or self.used(values)

    @property
    def flag(self) -> str:
        """The CLI flag: `--num-inits`."""
        return "--" + self.name.replace("_", "-")

    @property
    def title(self) -> str:
        """Label for people, with the paper's symbol: "λ · Task balance"."""
        return f"{self.symbol} · {self.label}" if self.symbol else self.label

    @property
    def sign(self) -> str:
        """The paper's symbol, else the label."""
        return self.symbol or self.label

    @property
    def allowed(self) -> str:
        """The numbers that it may be: "from 1 to 1,000", "above 0, up to 10"; "" where that is any."""
        low = "" if self.low is None else f"{'above' if self.low_open else 'from'} {_bound(self.low)}"
        to = ("up to", ", up to", " to")[bool(low) * (2 - self.low_open)]
        return low + ("" if self.high is None else f"{to} {_bound(self.high)}")

    def read(self, text: str) -> int | float | None:
        """The number that somebody typed, "1e-3" or "1,000"; None for nothing where that is allowed.

        Raises ConfigError that says what is: "IPC: from 1 to 1,000; got 5000".
        """
        text = text.strip()
        if not text and self.optional:
            return None
        plain = text.replace("−", "-")
        number = _number(plain.replace(",", "") if _GROUPED.fullmatch(plain) else plain)
        whole = number is not None and (self.type != "int" or number == int(number))
        low, high = (default if bound is None else bound for bound, default in
                     ((self.low, -math.inf), (self.high, math.inf)))
        if number is None or not whole or not low <= number <= high or (self.low_open and number == low):
            what = "" if whole else "a whole number" if self.type == "int" else "a number"
            raise ConfigError([self.refused(text or "nothing", what)])
        return int(number) if self.type == "int" else float(number)

    def refused(self, got: str, what: str = "") -> str:
        """ "IPC: a whole number from 1 to 1,000; got 1.5"; what: it has to be, where that is what is wrong."""
        return f"{self.sign}: {' '.join(filter(None, (what, self.allowed)))}; got {got}"


def _bound(bound: float) -> str:
    return f"{int(bound):,}" if bound == int(bound) else f"{bound:g}"


def _number(text: str) -> int | float | None:
    """Whole numbers exactly; None for what is no finite number."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if math.isfinite(number) else None
    return None


def shown(value: Any) -> str:
    """A parameter's value as people read it: 0.01, "yes", a dash for None."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


class Config(BaseModel):
    """Base of all parameter sets. Frozen, no unknown names, values checked with their defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False,
                              protected_namespaces=())

    # Parameter that says how long the work is; a run may be continued by raising it. "" = none.
    length_param: ClassVar[str] = ""

    # Parameters that somebody may expect here and that are not there on purpose, with the reason.
    absent: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The given values with those that follow from them (a data set's own network, say).

        Override and call super; must be pure and must tolerate wrong values (they are reported later).
        """
        return values

    def problems(self) -> list[str]:
        """Sentences about combinations of values that cannot run. Override and extend super's."""
        return []

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: Any) -> Any:
        return cls.fill({k: v for k, v in values.items() if v is not None}) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = [
            f"no {p.label.lower()} {value!r}{suggestion(str(value), p.choices)}"
            for p in map(self.param, _named(type(self), "choices"))
            if p.choices and (value := getattr(self, p.name)) is not None and value not in p.choices
        ] or [_worded(type(self), problem) for problem in self.problems()]
        if problems:
            raise PydanticCustomError("problems", "{text}", {"text": "; ".join(problems), "problems": problems})
        return self

    @classmethod
    def build(cls, values: Mapping[str, Any]) -> Self:
        """The Config for these values; None counts as not given. Strings are read as numbers.

        Raises ConfigError with every problem found.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise ConfigError(_sentences(cls, error)) from None

    @classmethod
    def params(cls) -> tuple[ParamInfo, ...]:
        """All parameters in the order of declaration."""
        return tuple(_info(cls, name) for name in cls.model_fields)

    @classmethod
    def param(cls, name: str) -> ParamInfo:
        return _info(cls, name)

    @classmethod
    def first(cls) -> tuple[str, ...]:
        """Names of the few that matter first, in the order of `params`: those declared `main`, the length of the work,
        and, where none of its own is declared so, its own as they come."""
        own = [p for p in cls.params() if p.name in inspect.get_annotations(cls)]
        names = [p.name for p in cls.params() if p.main or p.name == cls.length_param]
        if not any(p.main for p in own):
            names += [p.name for p in own if p.name not in names][:max(0, FIRST - len(names))]
        return tuple(p.name for p in cls.params() if p.name in names)

    def values(self) -> dict[str, Any]:
        """All values, JSON-ready."""
        return self.model_dump(mode="json")

    def key_values(self) -> dict[str, Any]:
        """The values that decide the result: what the cache key is made of."""
        return {name: getattr(self, name) for name in _named(type(self), "in_key")}

    def length(self) -> int | None:
        """How long the work is, in units of `length_param`; None when it cannot be continued."""
        return int(getattr(self, self.length_param)) if self.length_param else None

    def replace(self, **changes: Any) -> Self:
        """A copy with other values, checked like a new one."""
        return self.build({**self.values(), **changes})


def _info(cls: type[Config], name: str) -> ParamInfo:
    choices = _meta(cls, name)["choices"]
    return _declared(cls, name, None if choices is None else tuple(choices() if callable(choices) else choices))


@lru_cache(maxsize=2048)
def _declared(cls: type[Config], name: str, choices: tuple[str, ...] | None) -> ParamInfo:
    """The parameter with these choices: data sets come and go, the rest of a declaration stays as it is."""
    field, meta = cls.model_fields[name], _meta(cls, name)
    bounds = {bound: getattr(constraint, bound) for constraint in field.metadata for bound in ("ge", "gt", "le")
              if getattr(constraint, bound, None) is not None}
    base, optional, literal = _unwrap(field.annotation)
    names = literal if choices is None else choices
    kind: ParamType = "choice" if names is not None else _TYPES[base]
    return ParamInfo(
        name=name, type=kind, optional=optional, default=field.default, help=field.description or "",
        low=bounds.get("ge", bounds.get("gt")), low_open="gt" in bounds, high=bounds.get("le"),
        titles=_titles(meta["choices"]), **{**meta, "choices": names},
    )


def _titles(choices: Any) -> dict[str, str]:
    """What the entries of a registry are called."""
    entries = choices.items() if isinstance(choices, Mapping) else ()
    return {name: entry.title for name, entry in entries if hasattr(entry, "title")}


def _meta(cls: type[Config], name: str) -> dict[str, Any]:
    return cls.model_fields[name].json_schema_extra["param"]  # type: ignore[index, return-value]


@lru_cache(maxsize=512)
def _named(cls: type[Config], fact: str) -> tuple[str, ...]:
    """Names of the parameters that declare this fact; cached, for searches make thousands of Configs at once."""
    return tuple(name for name in cls.model_fields if _meta(cls, name)[fact])


def _unwrap(annotation: Any) -> tuple[Any, bool, tuple[str, ...] | None]:
    """(plain type, may be None, names of a Literal) of a field's annotation."""
    optional = False
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        inner = [a for a in typing.get_args(annotation) if a is not type(None)]
        annotation, optional = inner[0], True
    if typing.get_origin(annotation) is Literal:
        return str, optional, tuple(typing.get_args(annotation))
    return annotation, optional, None


def _sentences(cls: type[Config], error: ValidationError) -> list[str]:
    """One sentence for each problem pydantic found: what was given, what is allowed."""
    sentences = []
    for e in error.errors(include_url=False):
        name = ".".join(str(part) for part in e["loc"][:1])
        value, context = e["input"], e.get("ctx", {})
        match e["type"]:
            case "problems":
                sentences += context["problems"]
            case "extra_forbidden":
                why = f": {cls.absent[name]}" if name in cls.absent else suggestion(name, cls.model_fields)
                sentences.append(f"no parameter {name!r}{why}")
            case "literal_error":
                sentences.append(f"{name}: no {value!r}{suggestion(str(value), cls.param(name).choices or ())}")
            case kind if kind in _MESSAGES:
                text = _MESSAGES[kind].format(name=name, value=value, **context)
                words = cls.param(name).refused(shown(value))
                sentences.append(Worded(text, words) if kind in _BOUNDS else _worded(cls, text))
            case _:
                sentences.append(f"{name}: {e['msg']}, got {value!r}")
    return sentences


def _worded(cls: type[Config], problem: str) -> str:
    """A sentence about a parameter begins with its name, for people with what it is called."""
    name, space, rest = problem.partition(" ")
    if isinstance(problem, Worded) or name not in cls.model_fields:
        return problem
    return Worded(problem, f"{cls.param(name).sign}{space}{rest}")

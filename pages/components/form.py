"""A form made from a Config: every widget, range and help text comes from the parameter's declaration."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import streamlit as st

from ddcore.data import DATASETS
from ddcore.errors import ConfigError, in_words
from ddcore.experiments import KINDS, Spec
from ddcore.params import Config, ParamInfo
from ddcore.report import text as words_of
from pages.components import edits, fields, widgets

LAST_GROUP = "Run"  # seed and device: what people change least


Question = TypeVar("Question")


@dataclass
class Entered(Generic[Question]):
    """What stands in a form. asked: None where something is wrong; wrong: what, in words; changed: what differs from
    where the form started, in words."""

    asked: Question | None = None
    wrong: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


def spec_form(kind: str, name: str, values: Mapping[str, Any], key: str, start: str = "") -> Entered[Spec]:
    """The form of a kind of run, from these values on their data set; see `config_form`."""
    sides = {"resolution": DATASETS[values["dataset"]].resolutions} if "dataset" in values else {}
    entered = config_form(KINDS[kind].config(name), values, key, start, hidden=("dataset",), limits=sides)
    spec = Spec(kind, name, entered.asked) if entered.asked else None
    return Entered(spec, entered.wrong, entered.changed)


def config_form(
    config: type[Config], values: Mapping[str, Any], key: str, start: str = "", *, hidden: Collection[str] = (),
    shown: Collection[str] | None = None, limits: Mapping[str, Sequence[Any]] | None = None,
    words: Mapping[str, str] | None = None,
) -> Entered[Config]:
    """Draw the widgets of `config` from these values: those that matter first, and the others under *More*.

    key: names the form, under which is kept what a person changes; start: names where it starts, so that another
    preset makes fresh widgets. hidden: parameters that are set elsewhere (their value in `values` is used). shown:
    those that matter first, where not the declared ones. limits: the only values that make sense here for a parameter
    (a data set's image sizes); one = not asked for. words: what choices are called, where not shown as they are.
    """
    return _Form(config, values, key, start, limits or {}, words or {}).drawn(hidden, shown)


class _Form:
    """One drawing of a form. start: the value at which every widget starts; entered: what stands there by now."""

    def __init__(self, config: type[Config], values: Mapping[str, Any], key: str, start: str,
                 limits: Mapping[str, Sequence[Any]], words: Mapping[str, str]) -> None:
        self.config, self.key, self.limits, self.words = config, key, limits, words
        self.widgets = ".".join(filter(None, (key, start)))
        self.edits = edits.of(key)
        self.start = self._started(values)
        self.entered, self.answer = dict(self.start), Entered[Config]()

    def drawn(self, hidden: Collection[str], shown: Collection[str] | None) -> Entered[Config]:
        params = [p for p in self.config.params() if p.name not in hidden and self.start.get(p.name) is not None
                  and len(self.limits.get(p.name, (1, 2))) > 1]
        first = self.config.first() if shown is None else shown
        main = [p for p in params if p.name in first]
        others = [p for p in params if p not in main]
        if main:
            with st.container(border=True):
                self._grid(main)
        if others:
            groups = sorted(dict.fromkeys(p.group for p in others), key=lambda name: name == LAST_GROUP)
            with st.expander("**More parameters**", key=f"{self.key}-more"):
                for group in groups:
                    self._grid([p for p in others if p.group == group], group)
        if not self.answer.wrong:
            try:
                self.answer.asked = self.config.build(self.entered)
            except ConfigError as error:
                told = filter(None, map(in_words, error.problems))
                st.error(widgets.bullets("These values cannot run:", told), icon=":material/rule:")
                self.answer.wrong += error.problems
        return self.answer

    def _grid(self, params: Sequence[ParamInfo], title: str = "") -> None:
        """The widgets of these that are used by what stands in the others, as far as it is known; nothing without."""
        now = {p.name: self._now(p) for p in self.config.params()}
        if not (used := [p for p in params if p.is_used(now)]):
            return
        if title:
            st.markdown(f"**{title}**")
        # What is wrong stands below its field, which stays in line with the others.
        with st.grid(3, min_column_width=230, vertical_alignment="top" if any(map(self._is_wrong, used)) else "bottom"):
            for p in used:
                self._widget(p)

    def _is_wrong(self, p: ParamInfo) -> bool:
        typed = st.session_state.get(self._widget_key(p))
        return p.type in ("int", "float") and isinstance(typed, str) and bool(fields.Number.of(p, typed).wrong)

    def _widget(self, p: ParamInfo) -> None:
        start, key, options = self.start[p.name], self._widget_key(p), self._options(p)
        first = edits.first(p, self.edits, start, options)
        declared = fields.begin(key, first if options or p.type == "bool" else edits.text(p, first))
        now = widget(p, key, declared, options, self.words, self._let_go)
        if isinstance(now, fields.Number):
            self.answer.wrong += filter(None, [now.wrong])
            now, text = now.value, st.session_state[key]
        else:
            text = edits.text(p, now)
        self.entered[p.name] = now
        if now == start:
            self.edits.pop(p.name, None)
        else:
            self.edits[p.name] = text
            self.answer.changed.append(f"{p.title} {text} instead of {words_of.value(start)}")

    def _let_go(self, p: ParamInfo) -> None:
        """Another network brings its own width: what follows a choice is no longer as it was changed."""
        for follower in self.config.params():
            if p.name in follower.follows:
                self.edits.pop(follower.name, None)
                st.session_state.pop(self._widget_key(follower), None)

    def _options(self, p: ParamInfo) -> Sequence[Any] | None:
        return self.limits.get(p.name) or (p.choices if p.type == "choice" else None)

    def _widget_key(self, p: ParamInfo) -> str:
        """An optional parameter's widget starts afresh when what was chosen brings another value along."""
        return f"{self.widgets}.{p.name}" + (f".{self.start.get(p.name)}" if p.optional else "")

    def _now(self, p: ParamInfo) -> Any:
        """What stands in a widget, drawn or not yet; where it starts while it is wrong, or is not asked for."""
        start = self.start.get(p.name)
        if start is None:
            return None
        first = edits.first(p, self.edits, start, self._options(p))
        return self._read(p, st.session_state.get(self._widget_key(p), first), start)

    @staticmethod
    def _read(p: ParamInfo, now: Any, start: Any) -> Any:
        if p.type in ("int", "float") and isinstance(now, str):
            read = fields.Number.of(p, now)
            return start if read.wrong else read.value
        return now

    def _started(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Where every widget starts; a parameter that is not in it is not used by what was chosen.

        An optional parameter starts afresh when one that it follows has changed: another network brings its own width.
        What follows a number, and has a value, stays as it is.
        """
        params = self.config.params()
        start = self.config.fill({name: value for name, value in values.items() if value is not None})
        self.start = {**{p.name: p.default for p in params if p.default is not None}, **start}
        leading = {name for p in params for name in p.follows if name in self.start}
        entered = {name: self._now(self.config.param(name)) for name in leading}
        changed = {name for name in leading if entered[name] != self.start[name]}
        choices = {p.name for p in params if p.type == "choice"}
        reset = {
            p.name for p in params
            if p.optional and (led := changed & set(p.follows)) and (led & choices or values.get(p.name) is None)
        }
        kept = {name: value for name, value in self.start.items() if name not in reset and name not in leading}
        leaders = {name: value for name, value in self.start.items() if name in leading}
        return {**self.config.fill({**kept, **leaders, **entered}), **leaders}


def changed(key: str, changes: Sequence[str]) -> None:
    """What differs from where the form started, and the button that puts it back."""
    if not edits.of(key):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Changed: " + "; ".join(changes), width="content")
        st.button("Reset", type="tertiary", icon=":material/undo:", key=f"{key}-reset", on_click=edits.reset,
                  args=(key,), help="Puts back all that is named here.")


def widget(p: ParamInfo, key: str, declared: Any = None, options: Sequence[Any] | None = None,
           words: Mapping[str, str] | None = None, let_go: Callable[[ParamInfo], None] | None = None) -> Any:
    """The widget for one parameter, at what the session holds under its key; of a number, what stands there.

    declared: see `fields.begin`. let_go: called with the parameter when a person has chosen another value.
    """
    if p.type in ("int", "float") and not options:
        return fields.number(p, declared, key, persist=False)
    common: dict[str, Any] = {"label": fields.title(p), "key": key, "help": fields.described(p)}
    if p.type == "choice" or options:
        choices = list(options or p.choices or ())
        return st.selectbox(options=choices, index=choices.index(declared) if declared in choices else 0,
                            format_func=lambda v: str({**p.titles, **(words or {})}.get(v, v)),
                            on_change=let_go, args=(p,), **common)
    if p.type == "bool":
        return st.checkbox(value=bool(declared), **common)
    return st.text_input(value=declared or "", **common)

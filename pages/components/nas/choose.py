"""What a search is made of: data, space, proxies, strategy and truth, down to the launch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ddcore import spaces
from ddcore.data import DATASETS
from ddcore.errors import ConfigError
from ddcore.experiments import search
from ddcore.experiments.search import SearchConfig
from ddcore.methods import METHODS
from ddcore.report import tables, text
from ddcore.runs.store import RunRecord
from ddcore.settings import NetworkConfig
from ddcore.spaces import SPACES, Space
from pages.components import form, frame, menu, widgets
from pages.components.markdown import called
from pages.components.nas import launch

DRAWN = ("dataset", "resolution", "space", "subset", "proxies", "ipc")  # parameters with widgets of their own here
WORDS = {
    "grid": "Grid: every network", "random": "Random", "tpe": "TPE", "nsga2": "NSGA-II", "sample": "A sample",
    "all": "All networks", "none": "None",
}
PROXIES = """
What the networks are trained on before they are ranked. **Coresets** are real images, picked at random or with care;
**early stopping** is all images for as many steps as the proxies get; a **distilled run** brings its synthetic images.
The random images tell what a proxy is worth: what does not beat them is not worth the trouble.
"""


def new_search() -> None:
    """Data set and preset, then all that they fill in."""
    left, right = st.columns(2)
    dataset = widgets.data_set(left, "nas-dataset", help="The whole data set is what the proxies are held against.")
    name = right.selectbox("Preset", [one.name for one in search.PRESETS], key="nas-preset", persist_state="session",
                           help="\n\n".join(f"**{one.name}**: {one.help}" for one in search.PRESETS))
    preset = search.preset(name)
    st.caption(preset.help)
    widgets.data_note(dataset)
    ask(preset.for_dataset(dataset), f"nas.{dataset}.{name}")


def again(run: RunRecord) -> None:
    """The form as it stood for an earlier search."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Parameters of **{called(run)}**")
        frame.link(run, f"run {run.id}")
        if st.button("Choose a preset instead", key="new-run"):
            frame.open_run(None)
    try:
        config = SearchConfig.build({n: v for n, v in run.config.items() if n in SearchConfig.model_fields})
    except ConfigError as error:
        listed = "\n".join(f"- {widgets.plain(problem)}" for problem in error.problems)
        st.warning(f"These parameters start no search here:\n\n{listed}", icon=":material/rule:")
        return
    widgets.data_note(config.dataset)
    ask(config.values(), f"nas.{run.id}")


def ask(given: Mapping[str, Any], key: str) -> None:
    """The form from the values `given`, its estimate and its start button."""
    start = SearchConfig.fill({name: value for name, value in given.items() if value is not None})
    start = {p.name: p.default for p in SearchConfig.params() if p.default is not None} | start
    drawn = _space(start, key)
    drawn |= _proxies({**start, **drawn}, given, key)
    config = form.config_form(
        SearchConfig, {**given, **drawn}, key, hidden=DRAWN, open_groups=("Search", "Truth"), words=WORDS
    )
    if isinstance(config, SearchConfig):
        launch.launch(config)


def _space(start: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Image side, space and the part of it that is searched."""
    facts = DATASETS[start["dataset"]]
    with st.container(border=True):
        st.markdown("**Search space**")
        left, right = st.columns(2)
        names, sides = list(SPACES), list(facts.resolutions)
        name = left.selectbox("Space", names, index=names.index(start["space"]) if start["space"] in SPACES else 0,
                              key=f"{key}.space", format_func=lambda n: SPACES[n].title)
        side = start["resolution"]
        if len(sides) > 1:
            side = right.selectbox("Image side (px)", sides, index=sides.index(side) if side in sides else 0,
                                   key=f"{key}.resolution")
        of = SPACES[name]
        st.markdown(of.help)
        subset = _subset(of, start["subset"] if name == start["space"] else "", f"{key}.{name}")
        _fits(of, subset, facts.shape(side))
    return {"space": name, "subset": subset, "resolution": side}


def _subset(of: Space, given: str, key: str) -> str:
    """One menu an option; what is left empty keeps all its values."""
    kept = spaces.read(given)
    picked: dict[str, tuple[Any, ...]] = {}
    with st.grid(len(of.options), min_column_width=150):
        for option, values in of.options.items():
            p = NetworkConfig.param(option)
            chosen = st.multiselect(
                p.label, values, default=[v for v in values if str(v) in kept.get(option, ())], key=f"{key}.{option}",
                help=f"{p.help} Left empty: all.", placeholder="All: " + ", ".join(map(_word, values)),
                format_func=_word,
            )
            if chosen:
                picked[option] = tuple(v for v in values if v in chosen)
    return spaces.tidy(of, spaces.spelled(picked))


def _word(value: Any) -> str:
    """ "LeakyReLU" for "leakyrelu"; the others as they are."""
    return {**spaces.WORDS, "none": "none"}.get(value, text.value(value))


def _fits(of: Space, subset: str, shape: spaces.Shape) -> None:
    """How many networks are searched, and why others are not."""
    number, left_out = len(spaces.members(of, subset, shape)), spaces.left_out(of, subset, shape)
    asked = number + sum(left_out.values())
    if not left_out:
        st.caption(f"**{number:,} networks** of the {of.size:,} in this space.")
        return
    why = "; ".join(f"{n:,} because {reason}" for reason, n in left_out.items())
    st.caption(f"**{number:,} of {asked:,} networks** fit {shape[1]}×{shape[2]} images. Left out: {why}.")


def _proxies(start: Mapping[str, Any], given: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What the networks are ranked by, and how many images of each class the coresets have.

    What is not `given` follows from the runs: the newest distilled one is a proxy too, and the coresets get its size.
    """
    runs = {run.id: run for run in _distilled(start)}
    labels = {name: one.title for name, one in METHODS.items() if one.step is None}
    labels |= {search.EARLY: "Early stopping", **{run_id: _label(run) for run_id, run in runs.items()}}
    asked = [*filter(None, start["proxies"].split(",")), *([] if "proxies" in given else _newest(runs, given))]
    with st.container(border=True):
        st.markdown("**Proxies**", help=PROXIES)
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        chosen = left.multiselect("Rank the networks by", list(labels), key=f"{key}.proxies.{start['resolution']}",
                                  default=list(dict.fromkeys(name for name in asked if name in labels)),
                                  format_func=labels.__getitem__, placeholder="Choose at least one")
        if gone := [name for name in asked if name not in labels]:
            st.caption(f"No longer offered: {widgets.plain(', '.join(gone))}.")
        sizes = {runs[name].config["ipc"] for name in chosen if name in runs}
        ipc = min(sizes) if len(sizes) == 1 and "ipc" not in given else start["ipc"]
        if any(name in METHODS for name in chosen):
            with right:
                ipc = form.widget(SearchConfig.param("ipc"), ipc, f"{key}.ipc.{ipc}")
            sizes.add(ipc)
        if not runs:
            titles = ", ".join(METHODS[name].title for name in menu.distillers())
            st.caption("No distilled run of this data set and image side is finished yet; make one on the page of a "
                       f"method ({titles}), and it is offered here.")
        if len(sizes) > 1:
            listed = " and ".join(f"{size:,}" for size in sorted(sizes))
            st.warning(f"These proxies have {listed} images per class: not the same stored size, so a better rank may "
                       "be due to more images alone.", icon=":material/balance:")
    return {"proxies": ",".join(chosen), "ipc": ipc}


def _distilled(start: Mapping[str, Any]) -> list[RunRecord]:
    """The finished distilled runs of this data set and image side, newest first."""
    return [
        run
        for run in frame.store().records("distill")
        if run.state == "done" and run.name in METHODS and METHODS[run.name].step
        and isinstance(run.config.get("ipc"), int)
        and (run.config.get("dataset"), run.config.get("resolution")) == (start["dataset"], start["resolution"])
    ]


def _newest(runs: Mapping[str, RunRecord], given: Mapping[str, Any]) -> list[str]:
    """The id of the newest of these runs, of the size that is given; [] where there is none."""
    return [run_id for run_id, run in runs.items() if run.config["ipc"] == given.get("ipc", run.config["ipc"])][:1]


def _label(run: RunRecord) -> str:
    """ "DM · digits · IPC 10 · 1f4fe945"."""
    return f"{tables.title(run)} · {run.id[:8]}"

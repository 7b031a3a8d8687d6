"""What a search is made of: data, space, proxies, strategy and truth, down to the launch."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ddcore import jobs, spaces
from ddcore.data import DATASETS
from ddcore.errors import ConfigError
from ddcore.evaluation import proxies
from ddcore.experiments import Spec, search
from ddcore.experiments.search import SearchConfig
from ddcore.methods import METHODS
from ddcore.report import tables, text
from ddcore.report.estimate import disk, total
from ddcore.runs.files import size
from ddcore.runs.store import RunRecord
from ddcore.settings import NetworkConfig
from ddcore.spaces import SPACES, Space
from pages.components import fields, form, frame, menu, whose, widgets
from pages.components.nas import truths

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
TRIAL_BYTES = 16_384  # a trial: a folder and three small files, 4 KiB each on most disks
TRUTH = """
The whole-data truth: these networks trained on **all** training images. It is a job of its own that every search of
this space shares, and it can be stopped and resumed.
"""


def new_search() -> None:
    """Data set and preset, then all that they fill in."""
    left, right = st.columns(2)
    dataset = widgets.data_set(left, "nas-dataset", help="Small sets are compared with the whole of it.")
    name = right.selectbox("Preset", [one.name for one in search.PRESETS], key="nas-preset", persist_state="session",
                           help="\n\n".join(f"**{one.name}**: {one.help}" for one in search.PRESETS))
    preset = search.preset(name)
    widgets.data_note(dataset)
    launch_form(preset.for_dataset(dataset), "nas", f"{dataset}.{name}")


def again(run: RunRecord) -> None:
    """The form as it stood for an earlier search."""
    widgets.starting_point(run)
    try:
        config = SearchConfig.build({n: v for n, v in run.config.items() if n in SearchConfig.model_fields})
    except ConfigError as error:
        st.warning(widgets.bullets("These parameters start no search here:", error.problems), icon=":material/rule:")
        return
    widgets.data_note(config.dataset)
    launch_form(config.values(), f"nas.{run.id}")


def launch_form(values: Mapping[str, Any], name: str, begun: str = "") -> None:
    """The form from these values, its estimate and its start button; name, begun: as `form.config_form` has them."""
    key = ".".join(filter(None, (name, begun)))
    start = SearchConfig.fill({name: value for name, value in values.items() if value is not None})
    start = {p.name: p.default for p in SearchConfig.params() if p.default is not None} | start
    drawn = _space(start, key)
    chosen, wrong = _proxies({**start, **drawn}, values, key)
    drawn |= chosen
    entered = form.config_form(SearchConfig, {**values, **drawn}, name, begun, hidden=DRAWN, words=WORDS)
    form.changed(name, entered.changed)
    wrong += entered.wrong
    if isinstance(entered.asked, SearchConfig) and not wrong:
        wrong = proxies.problems(entered.asked, frame.store())
    if isinstance(entered.asked, SearchConfig) and not wrong:
        _launch(entered.asked)
    else:
        with st.bottom:
            widgets.launch("search", None, wrong, label="Start search")


def _space(start: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Image side, space and the part of it that is searched."""
    facts = DATASETS[start["dataset"]]
    with st.container(border=True):
        st.markdown("**Search space**")
        left, right = st.columns(2)
        names, sides = list(SPACES), list(facts.resolutions)
        name = left.selectbox("Space", names, index=names.index(start["space"]) if start["space"] in SPACES else 0,
                              key=f"{key}.space", format_func=lambda n: SPACES[n].title,
                              help="\n\n".join(f"**{space.title}**: {space.help}" for space in SPACES.values()))
        side = start["resolution"]
        if len(sides) > 1:
            side = right.selectbox("Image side (px)", sides, index=sides.index(side) if side in sides else 0,
                                   key=f"{key}.resolution")
        space = SPACES[name]
        subset = _subset(space, start["subset"] if name == start["space"] else "", f"{key}.{name}")
        _count(space, subset, facts.shape(side))
    return {"space": name, "subset": subset, "resolution": side}


def _subset(space: Space, subset: str, key: str) -> str:
    """One menu an option, at first as `subset` has it; what is left empty keeps all its values."""
    first = spaces.read(subset)
    selected: dict[str, tuple[Any, ...]] = {}
    with st.grid(len(space.options), min_column_width=150):
        for option, values in space.options.items():
            p = NetworkConfig.param(option)
            selection = st.multiselect(
                p.label, values, default=[v for v in values if str(v) in first.get(option, ())], key=f"{key}.{option}",
                help=f"{p.help} Left empty: all.", placeholder="All: " + ", ".join(map(_word, values)),
                format_func=_word,
            )
            if selection:
                selected[option] = tuple(v for v in values if v in selection)
    return spaces.tidy(space, spaces.spelled(selected))


def _word(value: Any) -> str:
    """ "LeakyReLU" for "leakyrelu"; the others as they are."""
    return {**spaces.WORDS, "none": "none"}.get(value, text.value(value))


def _count(space: Space, subset: str, shape: spaces.Shape) -> None:
    """How many networks are searched, and why others are not."""
    number, left_out = len(spaces.members(space, subset, shape)), spaces.left_out(space, subset, shape)
    if left_out:
        why = "; ".join(f"{n:,} because {reason}" for reason, n in left_out.items())
        st.caption(f"**{number:,} of {number + sum(left_out.values()):,} networks** fit {shape[1]}×{shape[2]} images.",
                   help=f"Left out: {why}.")
    else:
        st.caption(f"**{number:,} networks** of the {space.size:,} in this space.")


def _proxies(start: Mapping[str, Any], values: Mapping[str, Any], key: str) -> tuple[dict[str, Any], list[str]]:
    """What the networks are ranked by, and how many images of each class the coresets have; what is wrong with that.

    What is not in `values` follows from the runs: the newest distilled one is a proxy too, the coresets get its size.
    """
    runs = {run.id: run for run in _distilled(start)}
    labels = {name: method.title for name, method in METHODS.items() if method.step is None}
    labels |= {search.EARLY: "Early stopping", **{i: f"{tables.title(run)} · {i[:8]}" for i, run in runs.items()}}
    first = [name for name in start["proxies"].split(",") if name]
    if "proxies" not in values:
        first += [i for i, run in runs.items() if run.config["ipc"] == values.get("ipc", run.config["ipc"])][:1]
    with st.container(border=True):
        st.markdown("**Proxies**", help=PROXIES)
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        selected = left.multiselect("Rank the networks by", list(labels), key=f"{key}.proxies.{start['resolution']}",
                                    default=list(dict.fromkeys(name for name in first if name in labels)),
                                    format_func=labels.__getitem__, placeholder="Choose at least one")
        if unknown := [name for name in first if name not in labels]:
            st.caption(f"No longer offered: {widgets.plain(', '.join(unknown))}.")
        sizes = {runs[name].config["ipc"] for name in selected if name in runs}
        ipc = min(sizes) if len(sizes) == 1 and "ipc" not in values else start["ipc"]
        wrong: list[str] = []
        if any(name in METHODS for name in selected):
            with right:
                typed = fields.number(SearchConfig.param("ipc"), ipc, f"{key}.ipc.{ipc}")
            ipc, wrong = (ipc, [typed.wrong]) if typed.wrong else (typed.value, [])
            sizes.add(ipc)
        if not runs:
            st.caption("Sets distilled from this data are offered here.")
        if len(sizes) > 1:
            listed = " and ".join(f"{size:,}" for size in sorted(sizes))
            st.warning(f"These proxies have {listed} images per class: not the same stored size, so a better rank may "
                       "be due to more images alone.", icon=":material/balance:")
    return {"proxies": ",".join(selected), "ipc": ipc}, wrong


def _distilled(start: Mapping[str, Any]) -> list[RunRecord]:
    """The finished distilled runs of this data set and image side, newest first."""
    return [
        run for run in frame.store().records("distill")
        if run.state == "done" and run.name in menu.distillers() and isinstance(run.config.get("ipc"), int)
        and (run.config.get("dataset"), run.config.get("resolution")) == (start["dataset"], start["resolution"])
    ]


def _launch(config: SearchConfig) -> None:
    """What it takes, and the button."""
    truth = config.truth_config()
    specs = [Spec("search", "search", config), *([Spec("truth", "truth", truth)] if truth else [])]
    runs = [widgets.answer(spec) for spec in specs]
    time = total(specs, frame.store().records(), frame.device())
    with st.bottom, st.container(horizontal=True, vertical_alignment="center"):
        if all(run and run.state == "done" for run in runs):
            pressed = widgets.open_result("launch-search", "search")
        elif widgets.refused("Start search", "launch-search"):
            return
        else:
            pressed = widgets.start("Start search", "launch-search", time.seconds,
                                    disabled=DATASETS[config.dataset].removed)
            for spec in specs:
                _takes(spec)
            whose.tick("search")
    if pressed:
        with st.spinner("Starting the search …"):
            started = [jobs.submit(spec) for spec in specs]
        truths.open_truth(started[0], *started[1:])


def _takes(spec: Spec) -> None:
    """How long a search or its truth takes, of how many trainings how many are known."""
    time, basis = widgets.time_of(spec)
    words, about = ("Whole-data truth", TRUTH) if spec.kind == "truth" else ("Search", "")
    known = f", of which {time.known:,} are known already" if time.known else ""
    bytes_ = (time.parts - time.known) * TRIAL_BYTES + disk([spec], frame.store().records())
    room = f"About {size(bytes_)} on disk. " if bytes_ else ""
    st.markdown(f"{words}: {time.parts:,} trials{known}, **{time}**", width="content",
                help=f"{about} {basis} {room}A trial is one network trained on one set, from each of its seeds. It is "
                "kept as a run of its own, so that no other search trains it again.")

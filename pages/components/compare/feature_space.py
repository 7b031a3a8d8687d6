"""Feature space: real and synthetic images as one fixed network sees them, and the nearest real image to each."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import streamlit as st

from ddcore.data import DATASETS, load
from ddcore.experiments import spec
from ddcore.experiments.features import MOST, FeaturesSummary
from ddcore.report import features, neighbours, results, tables, text
from ddcore.report.compare_runs import Compared
from ddcore.report.results import Result
from ddcore.runs.store import RunRecord
from ddcore.settings import network_title
from pages.components import charts, frame, images, pending, widgets
from pages.components.compare import selection

Data = tuple[str, int]  # a data set and the side of its images
Left = tuple[Compared, str]  # a run that is left out, and why
FIRST_CLASSES = 10  # chosen at first
FEW = 10  # pairs shown at first
LEAD = """
One network, trained on the real training images alone and the same for every set, looks at real and synthetic images;
each becomes a point. Points that lie together look alike **to this network**.
"""
WARNING = """
This is one network's view, in two of its many directions: what lies apart here may differ in little else, and what lies
together may differ elsewhere. It does not say which set trains better; the accuracies do.
"""
TSNE = """
t-SNE keeps neighbours together. Distances between groups, their sizes and their density mean nothing, and every point
lies where it does because of all the others: with other runs chosen the map is another one.
"""


class Space(NamedTuple):
    """What is known of the chosen runs: features, their images as the network sees them; tsne, the t-SNE of these."""

    features: Result
    tsne: Result


def show(runs: Sequence[Compared]) -> None:
    """The section: what is looked at, then the map, then the pairs."""
    by_data, reasons = _by_data(runs)
    data = _selected(list(by_data))
    together, others = _together(data, by_data) if data else ([], [])
    for run, reason in [*reasons, *others]:
        st.caption(f"Not shown: {widgets.plain(run.label)} {widgets.plain(reason)}.")
    if data is None or not together:
        st.info("None of the chosen runs can be looked at. Finished distilled sets and coresets can.",
                icon=":material/image:")
        return
    st.markdown(LEAD)
    pending.watch(partial(_space, data, together), list, partial(_show, together))


def _by_data(runs: Sequence[Compared]) -> tuple[dict[Data, list[Compared]], list[Left]]:
    """(the runs whose images can be looked at, by their data; the others, with the reason)."""
    by_data: dict[Data, list[Compared]] = {}
    left_out: list[Left] = []
    for run in runs:
        dataset, side = str(run.record.config.get("dataset")), run.record.config.get("resolution")
        if not run.record.makes_images:
            left_out.append((run, "is no set of images"))
        elif run.record.state != "done":
            left_out.append((run, f"has no final images, it is {run.record.state}"))
        elif dataset not in DATASETS:
            left_out.append((run, f"is of a data set that is not known here, {dataset}"))
        else:
            by_data.setdefault((dataset, side or DATASETS[dataset].resolution), []).append(run)
    return by_data, left_out


def _together(data: Data, by_data: Mapping[Data, Sequence[Compared]]) -> tuple[list[Compared], list[Left]]:
    """(the runs of this data that are looked at together; the others, with the reason)."""
    left_out = [(run, f"is of another data set, {other[0]} at {other[1]} px")
                for other, runs in by_data.items() if other != data for run in runs]
    same, here = [], load.fingerprint(*data)
    for run in by_data[data]:
        if (run.record.info.get("dataset") or {}).get("fingerprint") in (None, here):
            same.append(run)
        else:
            left_out.append((run, f"was made from other images of {data[0]} than those that are here now"))
    left_out += [(run, f"is one too many: {MOST} are looked at together") for run in same[MOST:]]
    return same[:MOST], left_out


def _selected(offered: Sequence[Data]) -> Data | None:
    """Which data to look at where runs of several are chosen; None without any."""
    if len(offered) < 2:
        return offered[0] if offered else None
    by_name = {f"{dataset}, {side} px": (dataset, side) for dataset, side in offered}
    first = next(iter(by_name))
    return by_name[st.segmented_control("Data set", list(by_name), default=first, required=True, key="fs-data",
                                        bind="query-params") or first]


def _space(data: Data, runs: Sequence[Compared]) -> Space:
    config = {"dataset": data[0], "resolution": data[1], "runs": ",".join(run.record.id for run in runs)}
    store = frame.store()
    return Space(results.result(store, "features", "Feature space", "", spec("features", "features", config)),
                 results.result(store, "tsne", "t-SNE map", "", spec("tsne", "tsne", config)))


def _show(runs: Sequence[Compared], space: Space) -> None:
    if space.features.missing:
        pending.button(
            "Look at the images", [space.features], runs[0].record, "fs-look", primary=True,
            help="Trains the network, once for each data set, then looks for the nearest real images.",
        )
    elif not space.features.active:
        assert space.features.record
        _map(runs, space.features.record, space.tsne)
        _pairs(runs, space.features.record)


def _map(runs: Sequence[Compared], run: RunRecord, tsne: Result) -> None:
    """Classes, kind of map and colours, then the map."""
    names = list(tables.classes(run))
    kinds, colours = st.columns(2, width=520)
    kind = kinds.segmented_control("Map", ["PCA", "t-SNE"], default="PCA", required=True, key="fs-map",
                                   bind="query-params")
    by = colours.segmented_control("Colour", ["classes", "runs"], default="classes", required=True, key="fs-colour",
                                   bind="query-params")
    classes = st.multiselect("Classes", names, default=names[:FIRST_CLASSES], key="fs-classes", bind="query-params",
                             format_func=str)
    if kind == "t-SNE" and tsne.missing:
        pending.button("Lay out with t-SNE", [tsne], runs[0].record, "fs-tsne", primary=True,
                       help="One joint t-SNE of all real and synthetic images: seconds for 1,000 of them, a minute or "
                       "more for 5,000.")
        return
    shown = tsne.record if kind == "t-SNE" else run
    if shown is None or shown.state != "done":
        return  # its bar is above
    looks = {run.record.id: (run.label, run.colour) for run in runs}
    figure = features.scatter(features.points(frame.store(), shown), looks, features.axes(shown), classes,
                              by_class=by != "runs")
    charts.chart(figure, f"fs-chart-{shown.id}")
    summary = run.answer(FeaturesSummary)
    accuracy = summary.val_accuracy
    right = "" if accuracy is None else f", right on {text.percent(accuracy)} of the validation images"
    st.caption(f"Seen by {network_title(run.config)}, trained for {run.config['steps']:,} steps on the "
               f"{summary.training_images:,} training images{right}. {summary.real_images:,} training images are "
               "shown.")
    st.caption(TSNE if kind == "t-SNE" else WARNING)


def _pairs(runs: Sequence[Compared], run: RunRecord) -> None:
    """The nearest real images beside the synthetic ones of one run and class."""
    st.subheader("Nearest real images", anchor=False)
    st.markdown("Is it a copy? Below each image of the set the training images nearest to it, of whatever class.")
    which, label_box, number_box = st.columns([3, 2, 1], vertical_alignment="bottom")
    subject = selection.run(which, "Images of", runs, "fs-set").record
    label = label_box.selectbox("Class", list(tables.classes(run)), key="fs-class", bind="query-params")
    ipc = int(subject.config.get("ipc", FEW))
    number = number_box.selectbox("Shown", [FEW, ipc], key="fs-shown", bind="query-params") if ipc > FEW else FEW
    strips, copies = _strips(run.id, run.created, subject.id, subject.created, label, number)
    with st.grid(min_column_width=340, gap="medium"):
        for i, strip in enumerate(strips):
            st.image(strip, width="stretch", alt=f"Strip {i + 1}: images of class {label} above the nearest real ones, "
                     "by pixels and by features")
    if copies:
        st.caption(f"{copies} of these {'is a real training image' if copies == 1 else 'are real training images'}, "
                   "pixel by pixel.")
    st.caption(_yardstick(run))


def _yardstick(run: RunRecord) -> str:
    """What the numbers under the real images mean, and which of them would be usual."""
    held = run.answer(FeaturesSummary).held_out
    words = "The numbers are distances (L2): of normalised pixels, and of what the network sees."
    if not held.images:
        return words
    return (
        f"{words} For comparison: real images that nobody trained on are {held.pixels:.3g} (pixels) and "
        f"{held.features:.3g} (features) away from their nearest training image (the median of {held.images}). "
        "Far below that, an image of the set is nearly a copy; far above it, it is unlike any single real one."
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _strips(
    run_id: str, created: float, subject: str, subject_created: float, label: str, number: int
) -> tuple[list[str], int]:
    """(the strips as data addresses, how many images are copies). The times are in the key: runs can be made again."""
    store = frame.store()
    pairs = neighbours.pairs(store, store.record(run_id), subject, label)[:number]
    strips = (neighbours.strip(pairs[at : at + neighbours.EACH]) for at in range(0, len(pairs), neighbours.EACH))
    return list(map(images.data_address, strips)), neighbours.copies(pairs)

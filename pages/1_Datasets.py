"""The data sets: sizes, balance, statistics, votes, examples."""

from __future__ import annotations

import streamlit as st

from ddcore.data import DATASETS
from ddcore.data.base import Dataset
from ddcore.experiments import spec
from ddcore.networks import NETWORKS
from ddcore.report import figures, tables, text
from ddcore.runs.store import RunRecord
from pages.components import charts, frame, parts, progress

LEAD = "What the networks learn from: how many images of which class, how they are split, what they look like."


def main() -> None:
    with frame.page("Datasets", LEAD):
        linked = frame.chosen_run("describe")
        names = list(DATASETS)
        name = st.segmented_control(
            "Data set", names, default=linked.config["dataset"] if linked else names[0], required=True,
            format_func=lambda n: DATASETS[n].title, key=f"dataset-{linked.id if linked else ''}",
        )  # fmt: skip
        facts = DATASETS[name or names[0]]
        about(facts)
        if linked is None or linked.config["dataset"] != facts.name:
            linked = described(facts)
        if linked is not None:
            show(linked)


def about(facts: Dataset) -> None:
    """What is known before a single image is read."""
    c, h, w = facts.shape()
    with st.grid(4, min_column_width=150):
        st.metric("Classes", len(facts.classes), help=", ".join(facts.classes))
        offered = ", ".join(map(str, facts.resolutions))
        st.metric("Image", f"{h} × {w}", help=f"Pixels. Sides offered: {offered}.")
        st.metric("Channels", c, help="1: grey, 3: red, green, blue.")
        st.metric("Usual network", NETWORKS[facts.network].title, help="The one the field uses for this data set.")
    st.caption(f"Source: {facts.source}")


def described(facts: Dataset) -> RunRecord | None:
    """The description of the data set, if it was made; else what to do to get one."""
    if not parts.data_note(facts.name):
        return None
    asked = spec("describe", "describe", {"dataset": facts.name})
    run_id = parts.known(asked)
    if run_id:
        return frame.store().record(run_id)
    st.markdown("Nobody has looked into this data set here yet.")
    parts.launch(asked, label=f"Describe {facts.title}")
    return None


def show(run: RunRecord) -> None:
    if run.active:
        progress.follow(run.id)
    elif run.state != "done":
        progress.stopped(run)
    else:
        summary = run.summary
        sizes(summary)
        voted = any(p.get("votes") for p in summary["splits"].values())
        cells = [[balance], [votes], [statistics], [checks]] if voted else [[balance], [statistics, checks]]
        with st.grid(2, min_column_width=340, gap="medium"):
            for cell in cells:
                with st.container():
                    for part in cell:
                        part(summary)
        examples(run)


def checks(summary: dict) -> None:
    """What was expected of the data set and found, differences first."""
    st.subheader("Checks", anchor=False)
    for check in sorted(summary.get("checks", []), key=lambda c: c["ok"]):
        icon = ":material/check:" if check["ok"] else ":material/warning:"
        st.markdown(f"{icon} {check['text'][:1].upper()}{check['text'][1:]}.")


def sizes(summary: dict) -> None:
    words = {
        "train": ("Training", "What is trained on and distilled."),
        "val": ("Validation", "Held out of the training data; every choice is made on it, never on the test set."),
        "test": ("Test", "The official test images; measured once, at the end."),
    }
    st.subheader("Splits", anchor=False)
    with st.grid(3, min_column_width=150):
        for name, part in summary["splits"].items():
            title, help = words[name]
            st.metric(title, f"{part['size']:,} images", help=help)


def balance(summary: dict) -> None:
    st.subheader("Images per class", anchor=False)
    frame_ = tables.class_counts(summary)
    charts.chart(figures.bars(frame_, "class", "images", x_title="Class", y_title="Images", series="split"), "balance")
    test = frame_[frame_["split"] == "test"]
    most = test.sort_values("images").iloc[-1]
    st.caption(
        f"Always answering “{most['class']}”, the most frequent class, is right on {most['share']:.1f} % of the test "
        "images: a network has to do better than that."
    )


def votes(summary: dict) -> None:
    frame_ = tables.votes(summary)
    st.subheader("Votes", anchor=False)
    charts.chart(
        figures.bars(frame_, "votes", "images", x_title=f"Annotators who voted {summary['classes'][-1]}",
                     y_title="Images", series="split"), "votes",
    )  # fmt: skip
    st.caption("Several experts judged each image; the label is the majority's. Votes in the middle are hard cases.")


def statistics(summary: dict) -> None:
    st.subheader("Pixel statistics", anchor=False)
    names = ["Grey"] if len(summary["mean"]) == 1 else ["Red", "Green", "Blue"]
    lines = ["| Channel | Mean | Standard deviation |", "|:--|--:|--:|"]
    lines += [f"| {n} | {m:.4f} | {s:.4f} |" for n, m, s in zip(names, summary["mean"], summary["std"], strict=True)]
    st.markdown("\n".join(lines))
    st.caption("Of the training images on a scale from 0 to 1; images are normalised with them before training.")


def examples(run: RunRecord) -> None:
    path = frame.store().picture(run.id, "examples")
    if path:
        st.subheader("Examples", anchor=False)
        words = "Real training images, one row for each class: " + ", ".join(run.summary["classes"])
        with st.container(width=560):  # an image of this width would be clipped on a narrow screen
            st.image(path.read_bytes(), caption=words, width="stretch")
    st.caption(f"Described {text.ago(run.created)} · run `{run.id}`")
    progress.log(run.id)


main()

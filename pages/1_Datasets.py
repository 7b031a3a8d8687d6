"""The data sets: sizes, balance, statistics, votes, examples."""

import streamlit as st

from ddcore.data import DATASETS
from ddcore.data import agreement as levels
from ddcore.data.base import Dataset
from ddcore.experiments import describe, spec
from ddcore.experiments.describe import DescribeSummary, Majority
from ddcore.networks import NETWORKS
from ddcore.report import figures, tables, text, votes
from ddcore.runs.store import RunRecord
from pages.components import charts, frame, progress, upload, widgets

LEAD = "What the networks learn from: how many images of which class, how they are split, what they look like."
SPLITS = {  # (title, help)
    "train": ("Training", "What is trained on and distilled."),
    "val": ("Validation", "Held out of the training data; every choice is made on it, never on the test set."),
    "test": ("Test", "The official test images; measured once, at the end."),
}


def main() -> None:
    with frame.page("Datasets", LEAD):
        if "bring" in st.query_params:
            upload.view()
            return
        upload.forget()
        run = frame.chosen_run("describe")
        if run and run.config["dataset"] not in DATASETS:
            name = widgets.plain(run.config["dataset"])
            st.warning(f"This describes “{name}”, a data set that is not known here (any more).",
                       icon=":material/folder_off:")
            if st.button("To the data sets", key="new-run"):
                frame.open_run(None)
        else:
            facts = selected(run)
            about(facts)
            if run is None or run.config["dataset"] != facts.name:
                run = description(facts)
            else:
                widgets.data_note(facts.name)
        if run is not None:
            progress.show(run, show)


def selected(run: RunRecord | None) -> Dataset:
    """The data set that the menu says, at first that of this description or of the address."""
    first = run.config["dataset"] if run else st.query_params.get("set", "")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        facts = DATASETS[widgets.data_set(st.container(width=320), f"dataset-{run.id if run else first}", first=first)]
        if st.button("Bring your own", icon=":material/add_photo_alternate:", key="bring"):
            st.query_params.from_dict({"bring": "own"})
            st.rerun()
        if facts.own and not facts.removed:
            upload.removal(facts)
    return facts


def about(facts: Dataset) -> None:
    """What is known before a single image is read."""
    c, h, w = facts.shape()
    with st.grid(4, min_column_width=150):
        st.metric("Classes", len(facts.classes), help=widgets.names(facts.classes))
        sides = ", ".join(map(str, facts.resolutions))
        st.metric("Image", f"{h} × {w}", help=f"Pixels. Sides offered: {sides}.")
        st.metric("Channels", c, help="1: grey, 3: red, green, blue.")
        st.metric("Usual network", NETWORKS[facts.network].title, help="The one the field uses for this data set.")
    st.caption(f"Source: {widgets.plain(facts.source) if facts.own else facts.source}")


def description(facts: Dataset) -> RunRecord | None:
    """The description of the data set, if there is one; else what to do to get one."""
    ready = widgets.data_note(facts.name)
    question = spec("describe", "describe", {"dataset": facts.name})
    if run := widgets.answer(question):
        return run
    if not ready and facts.steps:
        st.markdown("**How to get it**\n\n" + "\n".join(f"{i}. {step}" for i, step in enumerate(facts.steps, 1)))
    if ready:
        st.markdown("Nobody has looked into this data set here yet.")
        widgets.launch(question, label=f"Describe {facts.title}")
    return None


def show(run: RunRecord) -> None:
    summary = run.answer(DescribeSummary)
    sizes(summary)
    cells = [[balance], [statistics, checks]]
    if votes.voted(summary):
        cells = [[balance], [agreement], [statistics], [checks]]
    with st.grid(2, min_column_width=340, gap="medium"):
        for cell in cells:
            with st.container():
                for part in cell:
                    part(summary)
    examples(run)


def checks(summary: DescribeSummary) -> None:
    """What was expected of the data set and found, differences first."""
    st.subheader("Checks", anchor=False)
    for check in sorted(summary.checks, key=lambda check: check.ok):
        icon = ":material/check:" if check.ok else ":material/warning:"
        st.markdown(f"{icon} {check.text[:1].upper()}{check.text[1:]}.")


def sizes(summary: DescribeSummary) -> None:
    st.subheader("Splits", anchor=False)
    with st.grid(3, min_column_width=150):
        for name, part in summary.splits.items():
            title, help = SPLITS[name]
            st.metric(title, f"{part.size:,} images", help=help)


def balance(summary: DescribeSummary) -> None:
    st.subheader("Images per class", anchor=False)
    counts = tables.class_counts(summary)
    charts.chart(figures.bars(counts, "class", "images", x_title="Class", y_title="Images", series="split"), "balance")
    sentences = (in_words(part, majority)
                 for part, majority in describe.majorities(summary.splits, summary.classes).items())
    st.markdown(f"{' '.join(sentences)} A network that learnt nothing but to say the most frequent class reaches "
                "exactly that.")


def in_words(part: str, majority: Majority) -> str:
    words = describe.in_words(part, majority.model_copy(update={"name": f"“{majority.name}”"}))
    return f"{widgets.plain(words[:1].upper() + words[1:])}."


def agreement(summary: DescribeSummary) -> None:
    """How many annotators voted for the last class, coloured by how far they agreed."""
    images, last, voters = votes.by_agreement(summary), summary.classes[-1], summary.voters
    st.subheader("Votes", anchor=False)
    charts.chart(figures.agreement(images, x_title=f"Annotators of {voters} who said {last}"), "votes")
    st.caption(
        f"{voters} annotators judged each image; the label is the majority's. They were unanimous on "
        f"{text.percent(votes.unanimous(images))} of the images. Split votes are hard cases."
    )


def statistics(summary: DescribeSummary) -> None:
    st.subheader("Pixel statistics", anchor=False)
    names = ["Grey"] if len(summary.mean) == 1 else ["Red", "Green", "Blue"]
    lines = ["| Channel | Mean | Standard deviation |", "|:--|--:|--:|"]
    lines += [f"| {n} | {m:.4f} | {s:.4f} |" for n, m, s in zip(names, summary.mean, summary.std, strict=True)]
    st.markdown("\n".join(lines))
    st.caption("Of the training images on a scale from 0 to 1; images are normalised with them before training.")


def examples(run: RunRecord) -> None:
    path = frame.store().picture(run.id, "examples")
    if path:
        st.subheader("Examples", anchor=False)
        summary = run.answer(DescribeSummary)
        classes = summary.classes
        words = f"Real training images, one row for each class: {widgets.names(classes[: describe.ROWS])}"
        words += f" (the first {describe.ROWS} of {len(classes):,})." if len(classes) > describe.ROWS else "."
        if votes.voted(summary) and run.info.get("version", 1) > 1:  # the first version drew no frames
            words += " Each row goes from unanimous to split votes."
            # The colours of the frames: a square and its words for each level of agreement.
            square = "display:inline-block;width:.9em;height:.9em;margin-right:.4em;vertical-align:-.1em;background:rgb"
            st.html("".join(
                f'<span style="display:inline-block;margin-right:1.2em"><span style="{square}{colour}"></span>{word}'
                "</span>" for word, colour in zip(levels.words(summary.voters), levels.colours(summary.voters),
                                                  strict=True)
            ))
        with st.container(width=560):  # an image of this width would be clipped on a narrow screen
            st.image(path.read_bytes(), caption=words, width="stretch")
    st.caption(f"Described {text.ago(run.created)} · run `{run.id}`")
    progress.log(run.id)


main()

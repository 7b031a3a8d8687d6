"""The data sets: their images to browse, sizes, balance, statistics, votes; and the ways to distil them."""

import streamlit as st

from ddcore import jobs
from ddcore.data import DATASETS
from ddcore.data import agreement as levels
from ddcore.data.base import Dataset
from ddcore.experiments import Spec, describe, spec
from ddcore.experiments.describe import DescribeSummary, Majority
from ddcore.home import data_root
from ddcore.networks import NETWORKS
from ddcore.report import browse, figures, tables, text, votes
from ddcore.runs.store import RunRecord
from pages.components import charts, frame, gallery, menu, progress, upload, widgets
from pages.components.allowed import control

LEAD = "What the networks learn from: look through a data set, then distil it."
AT_ONCE = 30.0  # seconds that a description may take to be started by itself
LARGE = 250_000_000  # pixel values from which on it is not, however fast the machine


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
            if facts.check(data_root()).state in ("ready", "download"):
                distil(facts)
            if run is None or run.config["dataset"] != facts.name:
                run = description(facts)
            else:
                widgets.data_note(facts.name)
        if run is not None:
            if run.active:
                st.caption("Looking into this data set, once: classes, splits, balance, examples.")
            progress.show(run, show)


def selected(run: RunRecord | None) -> Dataset:
    """The data set that the menu says, at first that of this description or of the address."""
    if "dataset" in st.query_params:  # as the forms' pages are asked
        st.query_params["set"] = st.query_params.pop("dataset")
    first = run.config["dataset"] if run else st.query_params.get("set", "")
    if first and first not in DATASETS:
        widgets.no_such_set(first)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        facts = DATASETS[widgets.data_set(st.container(width=320), f"dataset-{run.id if run else first}", first=first)]
        if st.button("Bring your own", icon=":material/add_photo_alternate:", key="bring", **control("add-data")):
            st.query_params.from_dict({"bring": "own"})
            st.rerun()
        if facts.own and not facts.removed:
            upload.removal(facts)
    return facts


def about(facts: Dataset) -> None:
    """What is known before a single image is read, and where to go on with it."""
    c, h, w = facts.shape()
    with st.grid(6, min_column_width=120):
        st.metric("Classes", len(facts.classes), help=widgets.names(facts.classes))
        sides = ", ".join(map(str, facts.resolutions))
        colours = "grey" if c == 1 else "red, green, blue"
        st.metric("Image", f"{h} × {w}", help=f"Pixels, {colours}. Sides offered: {sides}.")
        for part, number in facts.parts.items():
            title, help = gallery.PARTS[part]
            st.metric(title, f"{number:,}", help=f"Images. {help}")
        st.metric("Usual network", NETWORKS[facts.network].title, help="The one the field uses for this data set.")
    st.caption(f"Source: {widgets.plain(facts.source) if facts.own else facts.source}")


def distil(facts: Dataset) -> None:
    """The ways on, in sight at the end of the page: the form of each method, with this data set chosen."""
    with st.bottom, st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Distil this** with", width="content")
        for name in menu.distillers():
            if entry := menu.of_method(name):
                primary = entry == menu.first_method()
                if st.button(entry.title, key=f"distil-{name}", icon=f":material/{entry.symbol}:",
                             type="primary" if primary else "secondary"):
                    st.switch_page(entry.page(), query_params={"set": facts.name})


def description(facts: Dataset) -> RunRecord | None:
    """The description of the data set, started by itself where that is quick; else what to do to get one."""
    status = widgets.data_note(facts.name)
    question = spec("describe", "describe", {"dataset": facts.name})
    if run := widgets.answer(question):
        return run
    if not status and facts.steps:
        st.markdown("**How to get it**\n\n" + "\n".join(f"{i}. {step}" for i, step in enumerate(facts.steps, 1)))
    if facts.check(data_root()).state == "ready" and quick(facts, question):
        with st.spinner("Starting to look into it …"):
            jobs.submit(question)
        return widgets.answer(question)
    if status:
        widgets.launch("describe", question, label=f"Describe {facts.title}")
    return None


def quick(facts: Dataset, question: Spec) -> bool:
    """Whether the description may be started though nobody asked for it."""
    values = browse.values(facts)
    return values is not None and values <= LARGE and widgets.time_of(question)[0].seconds <= AT_ONCE


def show(run: RunRecord) -> None:
    summary = run.answer(DescribeSummary)
    for check in summary.checks:
        if not check.ok:
            st.warning(f"{check.text[:1].upper()}{check.text[1:]}.", icon=":material/warning:")
    name = run.config["dataset"]
    if browsable := name in DATASETS and gallery.can_show(DATASETS[name]):
        gallery.section(DATASETS[name])
    cells = [[balance], [statistics, checks]]
    if votes.voted(summary):
        cells = [[balance], [agreement], [statistics], [checks]]
    with st.grid(2, min_column_width=340, gap="medium"):
        for cell in cells:
            with st.container():
                for part in cell:
                    part(summary)
    if not browsable or votes.voted(summary):
        examples(run)
    st.caption(f"Described {text.ago(run.created)} · run `{run.id}`")
    progress.log(run.id)


def checks(summary: DescribeSummary) -> None:
    """What was expected of the data set and found, differences first."""
    failed = sum(not check.ok for check in summary.checks)
    surprises = f"{failed or 'no'} surprise{'' if failed == 1 else 's'}"
    with st.expander(f"Counts and statistics: {surprises}", icon=":material/rule:"):
        for check in sorted(summary.checks, key=lambda check: check.ok):
            icon = ":material/check:" if check.ok else ":material/warning:"
            st.markdown(f"{icon} {check.text[:1].upper()}{check.text[1:]}.")


def balance(summary: DescribeSummary) -> None:
    st.header("Images per class", anchor=False)
    counts = tables.class_counts(summary)
    charts.chart(figures.bars(counts, "class", "images", x_title="Class", y_title="Images", series="split"), "balance")
    sentences = (in_words(part, majority)
                 for part, majority in describe.majorities(summary.splits, summary.classes).items())
    st.markdown(" ".join(sentences), help="A network that learnt nothing but to say the most frequent class reaches "
                "exactly that.")


def in_words(part: str, majority: Majority) -> str:
    words = describe.in_words(part, majority.model_copy(update={"name": f"“{majority.name}”"}))
    return f"{widgets.plain(words[:1].upper() + words[1:])}."


def agreement(summary: DescribeSummary) -> None:
    """How many annotators voted for the last class, coloured by how far they agreed."""
    images, last, voters = votes.by_agreement(summary), summary.classes[-1], summary.voters
    st.header("Votes", anchor=False)
    charts.chart(figures.agreement(images, x_title=f"Annotators of {voters} who said {last}"), "votes")
    st.caption(
        f"{voters} annotators judged each image; the label is the majority's. They were unanimous on "
        f"{text.percent(votes.unanimous(images))} of the images. Split votes are hard cases."
    )


def statistics(summary: DescribeSummary) -> None:
    st.header("Pixel statistics", anchor=False, help="Of the training images on a scale from 0 to 1; images are "
                 "normalised with them before training.")
    names = ["Grey"] if len(summary.mean) == 1 else ["Red", "Green", "Blue"]
    lines = ["| Channel | Mean | Standard deviation |", "|:--|--:|--:|"]
    lines += [f"| {n} | {m:.4f} | {s:.4f} |" for n, m, s in zip(names, summary.mean, summary.std, strict=True)]
    st.markdown("\n".join(lines))


def examples(run: RunRecord) -> None:
    path = frame.store().picture(run.id, "examples")
    if path:
        st.header("Examples", anchor=False)
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
            st.image(path.read_bytes(), caption=words, width="stretch", alt="Examples of each class")


main()

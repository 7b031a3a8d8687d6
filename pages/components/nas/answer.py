"""The answer of a search: in words, as a table, and one proxy looked at in charts."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from ddcore.experiments.search_results import ProxyResult
from ddcore.report import text
from ddcore.report.nas import answer as answers
from ddcore.report.nas import figures
from ddcore.report.nas import importance as importances
from ddcore.report.nas import study as studies
from ddcore.report.nas.answer import Answer
from ddcore.report.nas.study import Study
from ddcore.runs.store import RunRecord
from pages.components import charts, table, widgets
from pages.components.nas import leaderboard, truths, verdict

WORDS = """
**Proxy**: the images on which networks are trained in place of the whole data, to see cheaply which is good.

**Whole-data truth**: the same networks trained on all training images. Their ranking is taken for the true one; it is
measured too, by few seeds on few images, and its own chance makes every proxy look worse than it is.

**Spearman's ρ**: how well two rankings agree, the correlation of the ranks. 1: the same order; 0: no relation;
−1: the order turned round.

**Kendall's τ**: of all pairs of networks, the share that both rankings put in the same order less the share that they
put in opposite orders, from −1 to 1; mostly smaller than ρ for the same rankings. Equal accuracies count as ties.

**In brackets**: where the figure lies with 95 % confidence, the networks taken for a sample of such networks
(bootstrap). Few networks give wide brackets, and with very few none are given. What other seeds, or another set made in
the same way, would change is not in it.

**Top 20, 10, 5 %**: the same among the truly best networks alone, equally accurate ones included. These are what a
search is after, and the hardest to tell apart; n says how few they are.

**Regret**: how much less accurate the network that a proxy chose is than the best one known, both trained on the whole
data: points of accuracy on the validation split.

**Validation split**: real training images that are held out of all training. Everything is ranked and chosen by them;
the test images only judge what was chosen.

**Time**: making the set and all trainings. That of the whole data is projected: as many networks and seeds, each
trained to the end, at the pace of those that were.

**Stored images**: the size of the proxy. Two proxies compare fairly only at the same size.
"""
_text = st.column_config.TextColumn
COLUMNS: dict[str, Any] = {
    "Ranked on": _text(pinned=True, help="The images that the networks were trained on before they were ranked."),
    "Spearman": _text(help="Agreement with the true ranking, from −1 to 1, over all networks that both ranked."),
    "Regret (points)": _text(alignment="right", help="How far the selected network is behind the best known one."),
    "Time": _text(alignment="right", help="Making the set and all trainings, as long as they took when they were "
                  "computed."),
    "Whole data instead (projected)": _text(alignment="right", help="What as many networks and seeds would take on the "
                                            "whole data, each trained to the end, by those that were."),
    "Stored images": _text(alignment="right", width=110),
    "Selected network": _text(help="The best by its ranking; of equally accurate ones that with fewer FLOPs."),
    "Whole-data validation": _text(alignment="right", help="The selected network trained on the whole data."),
    "Whole-data test": _text(alignment="right", help="The same on the test images, which choose nothing."),
    "Kendall": _text(help="The same by pairs of networks: those in the same order less those in opposite orders."),
    **{f"Spearman, top {percent} %": _text(help=f"Among the truly best {percent} % of the networks alone, equally "
                                           "accurate ones included.") for percent in (20, 10, 5)},
    "Networks": _text(alignment="right", help="Networks ranked on it, and those given up before their last seed."),
    "Compared with": _text(alignment="right", width=110, help="Of these, how many the whole data has ranked: what the "
                          "coefficients are over."),
    "Trainings": _text(alignment="right", help="How often a network was trained, once a seed, and what one took."),
    "Making the set": _text(alignment="right", help="What distilling or choosing the images took before, with the "
                            "runs that they build on."),
}


BRIEF: dict[str, Any] = {
    "Ranked on": _text(help="The images that the networks were trained on before they were ranked."),
    "Network picked": _text(width="medium", help="The best by that ranking; of equally accurate ones that with fewer "
                            "FLOPs."),
    "Its true place": _text(alignment="right", help="Among the networks that were trained on the whole data."),
    "Points behind": _text(alignment="right", help="Validation accuracy of the best network known less that of this "
                           "one, both trained on the whole data."),
    "Spearman's ρ": _text(help="Agreement with the true ranking: 1 the same order, 0 none. In brackets where it lies "
                          "with 95 % confidence."),
    "Better than chance": _text(help="Whether the whole bracket lies above 0."),
    "Time": _text(alignment="right", help="Making the set and all trainings."),
    "Whole data": _text(alignment="right", help="What as many networks and seeds would take on the whole data, by "
                        "those that were trained."),
}


def show(search: RunRecord, study: Study, truth: RunRecord | None) -> None:
    """Everything that is known by now: a sentence, a table, a chart; all figures below, closed."""
    answer = answers.answer(study)
    st.header("Does a small set rank networks as the whole data does?", anchor=False)
    st.markdown(verdict.headline(answer))
    table.dataframe(answers.brief(answer), height="content", column_config=BRIEF, placeholder=text.NONE)
    _truth(search, study, truth)
    with st.expander("Set by set, with all figures"):
        _details(answer)
    _closer(answer, search)


def _details(answer: Answer) -> None:
    """A sentence a proxy, all figures, what they mean, and how sure the truth itself is."""
    study = answer.study
    st.markdown("\n".join(f"- {sentence}" for sentence in verdict.sentences(answer)))
    frame = answers.table(answer)
    table.dataframe(frame, width="stretch", height="content", column_config=COLUMNS,
                    column_order=[name for name in COLUMNS if name in frame], placeholder=text.NONE)
    with st.popover("What do these words mean?", type="tertiary", icon=":material/help:"):
        st.markdown(WORDS)
    shares = ((study.majority, study.val_images, "validation"), (study.majority_test, study.test_images, "test"))
    frequent = " and ".join(f"{text.percent(share)} of the {number:,} {name} images" for share, number, name in shares
                            if share is not None and number)
    majority = frequent and f"Always answering the most frequent class would be right on {frequent}."
    for lines in (answers.remarks(answer), [verdict.truth(answer), verdict.doubt(answer)], [majority]):
        if any(lines):
            st.caption(" ".join(lines))


def _truth(search: RunRecord, study: Study, truth: RunRecord | None) -> None:
    """What the rankings are compared with, and a button for (more of) it."""
    for note in study.notes:
        st.info(widgets.plain(note), icon=":material/info:")
    whole = study.whole
    if whole is not None and truth is not None and truth.active:
        st.caption(f"The whole data has ranked {len(whole.results):,} of {whole.asked or len(study.candidates):,} "
                   "networks so far; every one makes these figures surer.")
    elif whole is not None and 0 < len(whole.results) < len(study.candidates):
        st.caption(f"Compared with {len(whole.results):,} of the {len(study.candidates):,} networks, drawn at random "
                   "and trained on the whole data; what a set picked was trained on it too.")
    truths.more(search, truth)


def _closer(answer: Answer, search: RunRecord) -> None:
    """One proxy in charts."""
    study = answer.study
    if not any(proxy.ranked for proxy in study.sets):
        return
    st.header("A closer look", anchor=False)
    proxy = leaderboard.selected(study, f"closer-{search.id}")
    sections: dict[str, Callable[[Answer, ProxyResult, str], None]] = {
        "Ranks": _ranks, "Accuracy and FLOPs": _costs, "Options": _options,
        "Leaderboard": lambda answer, proxy, key: leaderboard.networks(answer.study, proxy),
    }
    name = st.segmented_control("Show", list(sections), default=next(iter(sections)), required=True, key="closer",
                                bind="query-params", label_visibility="collapsed")
    sections[name](answer, proxy, f"{search.id}-{proxy.name}")


def _ranks(answer: Answer, proxy: ProxyResult, key: str) -> None:
    if proxy is answer.study.whole:
        st.caption("The whole data is what the other rankings are compared with.")
        return
    ranked = answers.ranked(answer, proxy.name)
    if ranked.empty:
        st.caption("The chart appears here when networks are trained on the whole data.")
        return
    st.markdown("**Rank on this set over the true rank**: on the dotted line both agree",
                help="What matters in a search is the lower left corner: whether the truly best networks are among the "
                "first on this set. Equally accurate networks share their mean rank.")
    charts.chart(figures.scatter(ranked, proxy.title), f"scatter-{key}")
    if not ranked["selected"].any():
        st.caption(f"The network that this set picked is not among the {len(ranked):,} drawn for the comparison: it "
                   "was trained on the whole data beside them.")


def _costs(answer: Answer, proxy: ProxyResult, key: str) -> None:
    st.markdown("**Accuracy and what it costs**, after training on this set",
                help="The Pareto front joins the networks that no other beats in accuracy without more FLOPs, as "
                "measured on this set. FLOPs are those of one forward pass of one image.")
    charts.chart(figures.pareto(answers.costs(answer, proxy.name)), f"pareto-{key}")


def _options(answer: Answer, proxy: ProxyResult, key: str) -> None:
    study = answer.study
    rows = studies.frame(study, proxy.name)
    shares = importances.importance(rows, study.options)
    if shares.empty:
        st.caption("Too few networks, or too equal ones, to tell which option matters: it takes "
                   f"{importances.LEAST} for each value of an option beyond its first.")
    else:
        st.markdown("**Which option matters?** The share of the differences in accuracy that each explains by itself",
                    help="Functional ANOVA: how much the mean accuracy differs between an option's values, less what "
                    "is expected by chance; small bars may be chance all the same. The grey rest is how options work "
                    "together, and chance.")
        charts.chart(figures.importance(shares), f"importance-{key}")
    st.markdown(f"**The first {min(figures.SHOWN, len(proxy.ranked))} networks of the ranking**, a line each: from "
                "their options to their accuracy")
    charts.chart(figures.parallel(rows, study.options), f"parallel-{key}")
    standings = [score.standing for score in proxy.ranked.values()]
    equal = standings.count(max(standings, default=0))
    of = "" if equal < 2 else f": of {equal:,} equally accurate ones that with the fewest FLOPs"
    st.caption(f"The bold line is the first network{of}. Names appear at the pointer.")

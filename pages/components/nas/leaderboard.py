"""The networks that were tried so far, best first, a table a proxy."""

from typing import Any

import streamlit as st

from ddcore.experiments.search_results import ProxyResult
from ddcore.report import text
from ddcore.report.nas import study as studies
from ddcore.report.nas.study import Study
from pages.components import table
from pages.components.markdown import plain
from pages.components.nas import truths

HEIGHT = 420  # px of the table: the best dozen is seen, the others are scrolled to
_text = st.column_config.TextColumn
COLUMNS: dict[str, Any] = {
    "rank": st.column_config.NumberColumn("Rank", width=60), "network": _text("Network", width="medium"),
    "accuracy": _text("Accuracy", alignment="right", help="After training on this proxy: mean ± standard deviation "
                      "over n seeds."),
    "true": _text("On the whole data", alignment="right", help="The same network, trained on all images, on the same "
                  "validation images."),
    "test": _text("On the test images", alignment="right", help="Which choose nothing."),
    "flops": _text("FLOPs", alignment="right", help="Of one forward pass of one image."),
    "time": _text("Time", alignment="right", help="Training and judging, all seeds."),
    "state": _text("State", help="Given up early: left behind after its first seeds. Diverged: its loss was no number "
                   "any more, so it stands last."),
}


def show(study: Study, key: str) -> None:
    """The leaderboard of one proxy, chosen; nothing before the first network is trained."""
    if not any(proxy.results for proxy in study.sets):
        st.caption("The leaderboard appears here when the first networks are trained.")
        return
    st.markdown("**Leaderboard** · accuracy on the validation split",
                help="Real training images held out of all training. Networks are ranked by the mean over their "
                "seeds; of equally accurate ones the one with fewer FLOPs stands first.")
    networks(study, selected(study, key))


def networks(study: Study, proxy: ProxyResult) -> None:
    """The networks of one proxy, best first."""
    of = f" of {proxy.asked:,}" if proxy.asked else ""
    st.caption(f"{len(proxy.results):,}{of} networks tried, {text.duration(proxy.seconds)} of training.")
    rows, truth = studies.leaderboard(study, proxy), study.whole
    against = ["test"] if proxy is truth else ["true"] if study.true else []
    state = ["state"] if rows["state"].any() else []
    columns = ["accuracy", *against, "flops", "time", *state]
    table.dataframe(
        rows.assign(time=rows["seconds"].map(text.duration), flops=rows["flops"].map(text.count)),
        width="stretch", placeholder=text.NONE, height="content" if len(rows) <= 10 else HEIGHT,
        column_order=["rank", "network", *columns], card=["network", "rank", *columns], column_config=COLUMNS,
    )


def selected(study: Study, key: str, label: str = "Trained on", *, whole: bool = True) -> ProxyResult:
    """One of the proxies that have results, by the address, where other proxies begin or not; whole: or the whole data.

    key: its first word names the choice in the address.
    """
    offered = {proxy.name: proxy for proxy in (study.sets if whole else study.proxies) if proxy.results}
    first = next(iter(offered))
    if len(offered) == 1:
        st.caption(f"{label}: **{plain(offered[first].title)}**")
        return offered[first]
    parameter = f"{key.partition('-')[0]}-on"
    linked = str(st.query_params.get(parameter))
    st.session_state[key] = name = linked if linked in offered else first
    st.segmented_control(label, list(offered), required=True, key=key, on_change=truths.address, args=(parameter, key),
                         format_func=lambda n: plain(offered[n].title))
    return offered[name]

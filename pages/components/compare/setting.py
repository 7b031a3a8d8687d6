"""The setting that the compared runs are judged in: network, protocol and number of networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from ddcore.evaluation.plans import Question
from ddcore.protocols import PROTOCOLS
from ddcore.report import compare_runs, lacking
from ddcore.runs.store import RunRecord
from pages.components import frame
from pages.components.compare import address

NEWEST, ANOTHER = "each run's newest evaluation", "another setting …"


class Setting(NamedTuple):
    """name: one of `compare_runs.settings`, None for each run's newest; question: how runs are judged in it, None where
    no run can be."""

    name: str | None
    question: Question | None


def choose(records: Sequence[RunRecord]) -> Setting:
    """The setting of most runs, another of theirs, or one that is put together here.

    What is chosen is always in the address: the menu changes as runs are evaluated.
    """
    store = frame.store()
    names = compare_runs.settings(store, records)
    networks = lacking.networks(records)
    offered = [*names, *([NEWEST] if len(names) > 1 else []), *([ANOTHER] if networks else [])]
    if not offered:
        return Setting(None, None)
    address.tell(offered, key="on", what="setting")
    linked = st.query_params.get("on")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        selected = st.selectbox("Judged on", offered, index=offered.index(linked) if linked in offered else 0,
                                width=420, help="Accuracies compare only on the same network under the same protocol. "
                                "Any set can be judged on any network, whatever it was made with.")
        if selected != ANOTHER:
            st.query_params["on"] = selected
            name = names[0] if selected == NEWEST else selected
            return Setting(None if selected == NEWEST else selected, lacking.question(store, records, name))
        question = _another(networks)
    st.query_params["on"] = ANOTHER
    return Setting(lacking.setting(records, question), question)


def _another(networks: dict[str, dict[str, str]]) -> Question:
    """Network, protocol and n, each in the address."""
    network = st.selectbox("Network", list(networks), key="ask-network", bind="query-params", width=220)
    protocol = st.selectbox("Protocol", list(PROTOCOLS), key="ask-protocol", bind="query-params", width=130,
                            help="\n\n".join(f"**{one.name}**: {one.help}" for one in PROTOCOLS.values()))
    nets = st.selectbox("n · Networks", [1, 3, 5, 10], index=1, key="ask-nets", bind="query-params", width=110,
                        help="Networks that are trained on each set. More: a surer mean, more time.")
    return Question(protocol, nets, network=networks[network])

"""What differs between the compared runs, as axes: accuracy along them, and the images."""

from collections.abc import Sequence

import streamlit as st

from ddcore.report import compare_effects, text
from ddcore.report.compare_runs import Compared
from pages.components import closer, effects
from pages.components.markdown import plain

NAMED = 3  # runs that are left out named one by one


def show(runs: Sequence[Compared]) -> None:
    """A chart of what one, two or more parameters do, then the images along them; or why that cannot be said."""
    compared, left_out = compare_effects.of(runs)
    if left_out:
        named = text.listed([f"{plain(label)}: {why}" for label, why in left_out.items()], NAMED, "; ")
        st.caption(f"Left out: {named}.")
    if compared.problem:
        st.info(plain(compared.problem), icon=":material/info:")
        return
    st.markdown(_head(compared), help="Whatever parameters differ are axes; seeds are repeats, pooled as mean ± std "
                "over all their networks. Controls are trained and tested alike.")
    if any(point.accuracy for point in compared.points):
        effects.picture(compared, "compared")
        effects.importance(compared, "compared")
        effects.slices(compared, "compared")
    else:
        st.info("None of these runs is judged in this setting.", icon=":material/info:")
    effects.warned(compared)
    for sentence in compared.told:
        st.caption(plain(sentence))
    st.fragment(closer.show)(compared)


def _head(compared: compare_effects.Comparison) -> str:
    """ "**λ** (3 values) and **Initialisation** (2 values) · 12 runs, 2 seeds"."""
    axes = [f"**{plain(compared.title(axis.names))}** ({len(axis.points)} values)" for axis in compared.axes]
    seeds = f", {len(compared.seeds)} seeds" if len(compared.seeds) > 1 else ""
    return f"{' and '.join([', '.join(axes[:-1]), axes[-1]] if axes[1:] else axes)} · {len(compared.runs)} runs{seeds}"

from __future__ import annotations

from ddcore.data import agreement
from ddcore.experiments.describe import DescribeSummary, Part
from ddcore.report import figures, votes

SUMMARY = DescribeSummary(
    classes=("HP", "SSA"), voters=3,
    splits={
        "train": Part(size=6, per_class=(4, 2), votes=(3, 1, 0, 2)),
        "val": Part(size=1, per_class=(0, 1), votes=(0, 0, 1, 0)),
        "test": Part(size=2, per_class=(1, 1), votes=(1, 0, 0, 1)),
    },
)


def test_votes_of_all_parts_are_coloured_by_how_far_the_annotators_agreed() -> None:
    frame = votes.by_agreement(SUMMARY)
    assert frame["images"].tolist() == [4, 1, 1, 3]
    assert frame[["training", "validation", "test"]].values.tolist() == [[3, 0, 1], [1, 0, 0], [0, 1, 0], [2, 0, 1]]
    words = agreement.words(3)
    assert frame["agreement"].tolist() == [words[0], words[1], words[1], words[0]]
    assert votes.unanimous(frame) == 7 / 9


def test_the_chart_has_a_colour_and_a_legend_for_each_level_from_unanimous_to_split() -> None:
    chart = figures.agreement(votes.by_agreement(SUMMARY), x_title="Votes")
    assert [trace.name for trace in chart.data] == agreement.words(3)
    assert [trace.marker.color for trace in chart.data] == [f"rgb{colour}" for colour in agreement.colours(3)]
    assert [list(trace.x) for trace in chart.data] == [[0, 3], [1, 2]]


def test_one_annotator_or_none_cannot_disagree() -> None:
    assert votes.voted(SUMMARY)
    assert not votes.voted(SUMMARY.model_copy(update={"voters": 1}))
    assert not votes.voted(DescribeSummary(splits={"train": Part(size=1, per_class=(1,))}))

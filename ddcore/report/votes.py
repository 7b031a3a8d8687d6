"""What annotators said: how many images got how many votes, and how far the annotators agreed on them."""

from __future__ import annotations

from ddcore.data import agreement
from ddcore.experiments.describe import DescribeSummary
from ddcore.lazy import pd
from ddcore.report import tables

PARTS = ("training", "validation", "test")


def voted(summary: DescribeSummary) -> bool:
    """Whether several people voted on the images of this data set."""
    return summary.voters > 1 and any(part.votes for part in summary.splits.values())


def by_agreement(summary: DescribeSummary) -> pd.DataFrame:
    """A row for each number of votes: votes, agreement (words), colour, images, and those of each part."""
    voters = summary.voters
    parts = tables.votes(summary).pivot(index="votes", columns="split", values="images")
    frame = parts.reindex(index=range(voters + 1), columns=list(PARTS)).fillna(0).astype(int).reset_index()
    level = agreement.level(frame["votes"].to_numpy(), voters)
    colours = [f"rgb{colour}" for colour in agreement.colours(voters)]
    return pd.DataFrame(
        {
            "votes": frame["votes"], "agreement": [agreement.words(voters)[at] for at in level],
            "colour": [colours[at] for at in level], "images": frame[list(PARTS)].sum(axis=1), **frame[list(PARTS)],
        }
    )


def unanimous(frame: pd.DataFrame) -> float:
    """The share of images that all annotators judged alike."""
    ends = frame["votes"].isin([frame["votes"].min(), frame["votes"].max()])
    return float(frame.loc[ends, "images"].sum() / max(1, frame["images"].sum()))

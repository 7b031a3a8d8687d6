"""What annotators said: how many images got how many votes, and how far the annotators agreed on them."""

from __future__ import annotations

from ddcore.data import agreement
from ddcore.experiments.describe import DescribeSummary
from ddcore.lazy import pd
from ddcore.report import tables


def voted(summary: DescribeSummary) -> bool:
    """Whether several people voted on the images of this data set."""
    return summary.voters > 1 and any(part.votes for part in summary.splits.values())


def by_agreement(summary: DescribeSummary) -> pd.DataFrame:
    """A row for each number of votes: votes, agreement (words), colour, images, and those of each part."""
    voters, splits = summary.voters, list(tables.SPLITS.values())
    counts = tables.votes(summary).pivot(index="votes", columns="split", values="images")
    frame = counts.reindex(index=range(voters + 1), columns=splits).fillna(0).astype(int).reset_index()
    levels = agreement.level(frame["votes"].to_numpy(), voters)
    words, colours = agreement.words(voters), agreement.colours(voters)
    return pd.DataFrame({
        "votes": frame["votes"], "agreement": [words[level] for level in levels],
        "colour": [f"rgb{colours[level]}" for level in levels], "images": frame[splits].sum(axis=1), **frame[splits],
    })


def unanimous(frame: pd.DataFrame) -> float:
    """The share of images that all annotators judged alike."""
    ends = frame["votes"].isin([frame["votes"].min(), frame["votes"].max()])
    return float(frame.loc[ends, "images"].sum() / max(1, frame["images"].sum()))

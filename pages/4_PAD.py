"""PAD: from difficulty scores over experts to matched trajectories; choose a preset, start, watch, judge."""

from __future__ import annotations

from pages.components import method

LEAD = """
Networks learn from the real images, easy ones first, and their weights after every epoch are kept. PAD moves the
synthetic images until a student that learns from them alone **arrives at the same weights**; a share α of them, the
shallowest, need not agree.
"""

method.page("pad", LEAD, "experts", "scores")

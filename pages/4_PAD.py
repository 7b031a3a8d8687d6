"""PAD: from difficulty scores over experts to matched trajectories; choose a preset, start, watch, judge."""

from pages.components import method

method.page("pad")

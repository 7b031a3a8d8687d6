"""DataDAM: choose a preset, start a run, watch it, judge it."""

from pages.components import method

method.page("datadam")

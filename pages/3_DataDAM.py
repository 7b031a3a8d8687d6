"""DataDAM: choose a preset, start a run, watch it, judge it."""

from __future__ import annotations

from pages.components import method

method.page("datadam")

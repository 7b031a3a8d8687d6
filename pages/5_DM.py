"""DM: choose a preset, start a run, watch it, judge it."""

from __future__ import annotations

from pages.components import method

LEAD = """
A random network turns every image into features; DM moves the synthetic images until, class by class, their
**mean features** are those of the real images, each time with a fresh network that is never trained.
"""

method.page("dm", LEAD)

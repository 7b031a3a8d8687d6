"""DataDAM: choose a preset, start a run, watch it, judge it."""

from __future__ import annotations

from pages.components import method

LEAD = """
A random network looks at real and at synthetic images; DataDAM moves the synthetic ones until the network
**attends to the same places** in both, again and again with fresh networks.
"""

method.page("datadam", LEAD)

"""Curves of the compared runs: drawn as everywhere else."""

from pages.components.overlaid import show

__all__ = ["show"]

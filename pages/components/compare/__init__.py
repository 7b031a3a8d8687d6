"""Runs side by side: the table to choose from, and one module for each section of the comparison."""

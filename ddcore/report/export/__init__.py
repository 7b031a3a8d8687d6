"""Chosen runs as one zip for a report: figures, tables, images, parameters, and the commands that make them again."""

"""Tensors in, tensors out: the formulas of the field, each with its oracle test."""

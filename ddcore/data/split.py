"""Splits that every run sees alike: stratified, seeded once and for all, disjoint."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ddcore.data.base import Dataset, Split


def hold_out(labels: np.ndarray, share: Fraction, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (kept, held out) of a stratified split, each sorted; together every index once.

    Exactly `share` of all images are held out (rounded half up), and of each class its share to within one image. The
    order comes from PCG64's raw output, the one random stream that numpy promises never to change, so the split is the
    same for every run, version and machine.
    """
    classes, members, counts = np.unique(labels, return_inverse=True, return_counts=True)
    held_out = np.zeros(len(labels), dtype=bool)
    for c, (label, quota) in enumerate(zip(classes, _quotas(counts, share), strict=True)):
        held_out[_shuffled(np.flatnonzero(members == c), seed, int(label))[:quota]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def take(split: Split, indices: np.ndarray) -> Split:
    """The images at `indices`, with their labels and votes, in their order."""
    votes = None if split.votes is None else split.votes[indices]
    return Split(split.images[indices], split.labels[indices], votes)


def smallest_class(dataset: Dataset) -> tuple[str, int] | None:
    """(the class with the fewest training images, their number once the validation part is held out); None: unknown."""
    if dataset.counts is None:
        return None
    quotas = _quotas(np.array(dataset.counts), dataset.val_share)
    kept = [count - quota for count, quota in zip(dataset.counts, quotas, strict=True)]
    fewest = min(range(len(kept)), key=kept.__getitem__)
    return dataset.classes[fewest], kept[fewest]


def _quotas(counts: np.ndarray, share: Fraction) -> list[int]:
    """How many to take from each class: rounded down, then the largest remainders get one more."""
    exact = [share * int(count) for count in counts]
    quotas = [int(e) for e in exact]
    missing = int(share * int(counts.sum()) + Fraction(1, 2)) - sum(quotas)
    by_remainder = sorted(range(len(exact)), key=lambda c: (quotas[c] - exact[c], c))
    for c in by_remainder[:missing]:
        quotas[c] += 1
    return quotas


def _shuffled(indices: np.ndarray, *seed: int) -> np.ndarray:
    keys = np.random.PCG64(seed).random_raw(len(indices))
    return indices[np.argsort(keys, kind="stable")]

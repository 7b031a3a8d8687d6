"""How far annotators agreed on an image: levels from unanimous to split, each with its words and its colour.

Level 0: all said the same; one level more for each annotator that the minority has.
"""

from __future__ import annotations

import numpy as np

# From blue to orange over grey, as cividis goes from blue to yellow: lightness rises all the way, so the order is seen
# without telling hues apart, and neither end vanishes on white or on black.
_EASY, _HARD = (0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00)


def levels(voters: int) -> int:
    """How many levels there are; 7 voters agree 7:0, 6:1, 5:2 or 4:3."""
    return voters // 2 + 1


def level(votes: np.ndarray, voters: int) -> np.ndarray:
    """The level of each image from its votes for one of two classes."""
    return np.minimum(votes, voters - votes)


def words(voters: int) -> list[str]:
    """ "7 of 7 agree (unanimous)", "6 of 7 agree", …, one for each level."""
    texts = [f"{voters - minority} of {voters} agree" for minority in range(levels(voters))]
    texts[0] += " (unanimous)"
    if len(texts) > 1:
        texts[-1] += " (split)"
    return texts


def colours(voters: int) -> list[tuple[int, int, int]]:
    """Red, green, blue (0..255) of each level, evenly from one end of the scale to the other."""
    steps = np.linspace(0, 1, levels(voters))[:, None]
    mixed = np.rint((1 - steps) * _EASY + steps * _HARD).astype(int)
    return [(red, green, blue) for red, green, blue in mixed.tolist()]

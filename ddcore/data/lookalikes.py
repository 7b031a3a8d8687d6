"""Pictures that look the same though their pixels are not: one saved in two sizes, or compressed anew.

Each is brought to 16×16 colours. Two look the same where their brightness differs by at most 3 of 255 levels (root mean
square) and by at most a tenth of either one's contrast, so that two pale ones are not taken for one another, and where
the colours of 4×4 blocks differ by at most 6 levels. That finds what was scaled by a quarter up to double and what JPEG
compressed at qualities from 50 up, in pictures of some 96 pixels and more.

Of smaller ones 16×16 say too little: two of different sizes are brought to the smaller one's, in each of the ways by
which programs usually scale, and look the same where brightness differs by at most 2 levels, pixel by pixel, and by a
tenth of the contrast, and colours by at most 6. What was mirrored, turned, cut or thinned out (every second pixel) is
not looked for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

SIDE = 16
LEVELS = 3.0  # of 255: root mean square of brightness
COLOURS = 6.0  # the same of the blocks' colours, which JPEG keeps less well
CONTRAST = 0.1  # times the standard deviation of a picture's levels
FLAT = 2.0  # levels: with less contrast there is nothing to be told by
AT_ONCE = 1024  # pictures whose levels are in memory as numbers with fractions, four times as large
SCALED = 2.0  # levels of brightness: of 60,000 digits, halved by area or bilinearly, no two are nearer than 2.7
SMALL = 96  # pixels of the larger one's longer side, up to which two pictures are held against each other by pixels
NEIGHBOURS = 8  # of one picture that are held against it; thousands of frames of one film would all be near

WAYS = tuple(Image.Resampling[name] for name in ("BOX", "BILINEAR", "HAMMING", "BICUBIC", "LANCZOS"))
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of JPEG (ITU-R BT.601)
_BLOCKS = 4  # a side: no two pictures are nearer than the means of their blocks, which find the neighbours
_REACH = 2 * CONTRAST * _BLOCKS  # of the means: once for the levels, once for the contrasts that they are units of


def signature(plain: Image.Image) -> np.ndarray:
    """uint8 (16, 16, 3) of an 8-bit grey or RGB image."""
    small = plain.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=4.0)
    return np.asarray(small)


def scaled(one: Image.Image, other: Image.Image) -> bool:
    """Whether one 8-bit grey or RGB picture is the other in another size, by its pixels."""
    small, large = sorted((one.convert("RGB"), other.convert("RGB")), key=lambda picture: picture.size)
    (width, height), (wide, high) = small.size, large.size
    if small.size == large.size or abs(width * high - height * wide) > max(wide, high):  # a pixel, by rounding
        return False
    pixels = np.asarray(small, np.float32)
    brought = (np.asarray(large.resize(small.size, way), np.float32) for way in WAYS)
    return any(_as_bright(pixels, other, SCALED) and _distance(pixels, other) <= COLOURS for other in brought)


def alike(
    pictures: np.ndarray, others: np.ndarray | None = None,
    closer: Callable[[int, int], bool] = lambda index, other: False,
) -> list[tuple[int, int]]:
    """(index, index of the nearest other one that looks the same), for each picture that has one.

    pictures, others: uint8 (N, 16, 16, 3); without `others`, each is held against those before it. What has hardly any
    contrast looks like nothing. closer(index, other): a second look at two that are near and do not look the same.
    """
    from scipy.spatial import cKDTree

    earlier = others is None
    among = pictures if others is None else others
    (asked, means), (known, there) = _means(pictures), _means(among)
    if not len(asked) or not len(known):
        return []
    count = min(len(known), NEIGHBOURS + earlier)
    _, neighbours = cKDTree(there).query(means, k=[*range(1, count + 1)], distance_upper_bound=_REACH)
    pairs = []
    for index, nearest in zip(asked.tolist(), neighbours, strict=True):
        for other in known[nearest[nearest < len(known)]].tolist():
            if not (earlier and other >= index) and (
                    _look_alike(pictures[index], among[other]) or closer(index, other)):
                pairs.append((index, other))
                break
    return pairs


def _means(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the indices of pictures with contrast, the brightness of their blocks in units of it: float (N, 16))."""
    indices, units = [np.empty(0, np.intp)], [np.empty((0, _BLOCKS**2), np.float32)]
    for start in range(0, len(pictures), AT_ONCE):
        brightness = pictures[start : start + AT_ONCE].astype(np.float32) @ _LUMA
        contrast = brightness.std(axis=(1, 2))
        some = np.flatnonzero(contrast >= FLAT)
        means = _blocks(brightness[some][..., None]).reshape(len(some), _BLOCKS**2)
        indices.append(start + some)
        units.append((means - means.mean(axis=1, keepdims=True)) / contrast[some, None])
    return np.concatenate(indices), np.concatenate(units)


def _blocks(pictures: np.ndarray) -> np.ndarray:
    """(N, 16, 16, C) → float (N, 4, 4, C): the mean of each block."""
    size, channels = SIDE // _BLOCKS, pictures.shape[-1]
    return pictures.reshape(-1, _BLOCKS, size, _BLOCKS, size, channels).mean(axis=(2, 4), dtype=np.float32)


def _look_alike(one: np.ndarray, other: np.ndarray) -> bool:
    return _as_bright(one, other) and _distance(_blocks(one), _blocks(other)) <= COLOURS


def _as_bright(one: np.ndarray, other: np.ndarray, levels: float = LEVELS) -> bool:
    first, second = one @ _LUMA, other @ _LUMA
    return _distance(first, second) <= min(levels, CONTRAST * float(first.std()), CONTRAST * float(second.std()))


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.sqrt(((one - other) ** 2).mean()))

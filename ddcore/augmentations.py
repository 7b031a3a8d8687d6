"""Names of the differentiable siamese augmentation strategies (DSA; Zhao & Bilen, ICML 2021).

An image batch gets one operation drawn from the strategy. As published, its parameters are drawn once for the whole
batch while real and synthetic images are matched, so that both are changed alike, and for each image while a network is
trained, where nothing is compared. "color" stands for brightness, saturation and contrast together.
"""

from __future__ import annotations

STRATEGIES: dict[str, tuple[str, ...]] = {
    "none": (),
    "siamese": ("color", "crop", "cutout", "flip", "scale", "rotate"),
    "siamese-no-flip": ("color", "crop", "cutout", "scale", "rotate"),  # digits: a flipped 2 is no 2
}

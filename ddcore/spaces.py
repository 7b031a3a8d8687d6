"""Search spaces: which networks an architecture search chooses among, as declarations without torch."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ddcore.errors import ConfigError, UnknownName, suggestion
from ddcore.networks import Variant

Shape = tuple[int, int, int]
Subset = Mapping[str, tuple[Any, ...]]  # option → the values that are kept; all of an option that is not named
WORDS = {"relu": "ReLU", "leakyrelu": "LeakyReLU", "sigmoid": "sigmoid", "avg": "average", "none": "no"}


@dataclass(frozen=True)
class Space:
    """All combinations of these `options` of one `network`; what is not named has its published value."""

    name: str
    title: str
    help: str
    network: str
    options: Subset

    @property
    def size(self) -> int:
        """Networks in the whole space."""
        return len(list(itertools.product(*self.options.values())))


SPACES: Mapping[str, Space] = {
    one.name: one
    for one in (
        Space(
            "course", "Course, 54 networks",
            "2 to 4 convolutions (3×3, padding 1, each with 2×2 max pooling), 16 to 64 filters, a hidden layer of 64 "
            "to 256 units, ReLU or LeakyReLU.",
            "coursenet",
            {"depth": (2, 3, 4), "width": (16, 32, 64), "units": (64, 128, 256), "activation": ("relu", "leakyrelu")},
        ),
        Space(
            "convnet720", "ConvNet, 720 networks",
            "The ConvNets of the field's architecture searches: width, depth, normalisation, activation and pooling "
            "(DC, Zhao et al., ICLR 2021; repeated by DM and DataDAM).",
            "convnet3",
            {"width": (32, 64, 128, 256), "depth": (1, 2, 3, 4),
             "norm": ("none", "batch", "layer", "instance", "group"),
             "activation": ("sigmoid", "relu", "leakyrelu"), "pooling": ("none", "max", "avg")},
        ),
    )
}


def space(name: str) -> Space:
    """The declaration of `name`; raises UnknownName with the nearest match."""
    if name not in SPACES:
        raise UnknownName("search space", name, SPACES)
    return SPACES[name]


def read(text: str) -> dict[str, tuple[str, ...]]:
    """The subset that "depth=2,3 width=16" says, its values as text. Raises ConfigError for what is no such list."""
    found, wrong = {}, []
    for word in text.replace(";", " ").split():
        option, equals, values = word.partition("=")
        chosen = tuple(dict.fromkeys(filter(None, values.split(","))))
        if not equals or not option or not chosen or option in found:
            wrong.append(word)
        found[option] = chosen
    if wrong:
        raise ConfigError(
            [f"subset must be like 'depth=2,3 width=16', each option once, got {' '.join(map(repr, wrong))}"]
        )
    return found


def spelled(subset: Subset) -> str:
    """The text that `read` reads."""
    return " ".join(f"{option}={','.join(map(str, values))}" for option, values in subset.items())


def tidy(of: Space, text: str) -> str:
    """The one way to write this subset: options and values in the space's order, without what is chosen whole."""
    kept = _kept(of, read(text))
    return spelled({option: values for option, values in kept.items() if values != of.options[option]})


def misspelt(of: Space, text: str) -> list[str]:
    """What in this subset is no option or value of the space; [] where all is."""
    try:
        asked = read(text)
    except ConfigError as error:
        return list(error.problems)
    found = [
        f"{of.name} has no option {option!r}{suggestion(option, of.options)}"
        for option in asked if option not in of.options
    ]
    for option, values in of.options.items():
        named = tuple(map(str, values))
        strange = [value for value in asked.get(option, ()) if value not in named]
        found += [f"{option} of {of.name} is one of {', '.join(named)}, got {value!r}" for value in strange]
    return found


def problems(of: Space, text: str, shape: Shape) -> list[str]:
    """Why no search can be made of this subset on images of `shape` (C, H, W); [] if it can.

    A value that was asked for and fits in no network is a problem; where nothing was, what does not fit is left out.
    """
    if found := misspelt(of, text):
        return found
    asked = read(text)
    product = _product(of, asked)
    why = [one.problems(shape) for one in product]
    reasons: list[str] = []
    for option, values in asked.items():
        for value in values:
            alike = [w for one, w in zip(product, why, strict=True) if str(one.options[option]) == value]
            if all(alike):
                reasons += alike[0]
    nothing = ["no network of this space can be built on such images"] if all(why) else []
    return list(dict.fromkeys(reasons)) or nothing


def members(of: Space, text: str, shape: Shape) -> tuple[Variant, ...]:
    """The networks of the subset that can be built on images of `shape`, in the space's order."""
    return tuple(one for one in _product(of, read(text)) if not one.problems(shape))


def left_out(of: Space, text: str, shape: Shape) -> dict[str, int]:
    """Why networks of the subset cannot be built on images of `shape`: reason → how many."""
    return dict(Counter(reasons[0] for one in _product(of, read(text)) if (reasons := one.problems(shape))))


def named(variant: Variant) -> str:
    """A network of a space in a few words: "3 conv × 32, fc 128, ReLU"."""
    o = variant.values
    words = [f"{o['depth']} conv × {o['width']}"]
    if "units" in o:
        words.append(f"fc {o['units']}")
    if "norm" in o:
        words.append(f"{WORDS.get(o['norm'], o['norm'])} norm")
    words.append(WORDS[o["activation"]])
    if "pooling" in o:
        words.append(f"{WORDS.get(o['pooling'], o['pooling'])} pooling")
    return ", ".join(words)


def _product(of: Space, asked: Mapping[str, tuple[str, ...]]) -> list[Variant]:
    combined = itertools.product(*_kept(of, asked).values())
    return [Variant(of.network, dict(zip(of.options, values, strict=True))) for values in combined]


def _kept(of: Space, asked: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[Any, ...]]:
    """The values of every option that are asked for, as the space has them; all of one that is not named."""
    return {
        option: tuple(v for v in values if option not in asked or str(v) in asked[option])
        for option, values in of.options.items()
    }

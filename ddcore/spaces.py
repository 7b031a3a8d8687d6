"""Search spaces: which networks an architecture search chooses among, as declarations without torch."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ddcore.errors import ConfigError, UnknownName, suggestion
from ddcore.networks import Shape, Variant

Subset = Mapping[str, tuple[Any, ...]]  # option → the values that are kept; all of an option that is not named
WORDS = {"relu": "ReLU", "leakyrelu": "LeakyReLU", "sigmoid": "sigmoid", "avg": "average", "none": "no"}


@dataclass(frozen=True)
class Space:
    """All combinations of these `options` of one `network`; what is not named has its published value.

    plural: what its networks are called.
    """

    name: str
    title: str
    plural: str
    help: str
    network: str
    options: Subset

    @property
    def size(self) -> int:
        """Networks in the whole space."""
        return math.prod(map(len, self.options.values()))


SPACES: Mapping[str, Space] = {
    space.name: space
    for space in (
        Space("course", "Course, 54 networks", "CourseNets",
              "2 to 4 convolutions (3×3, padding 1, each with 2×2 max pooling), 16 to 64 filters, a hidden layer of 64 "
              "to 256 units, ReLU or LeakyReLU.",
              "coursenet",
              {"depth": (2, 3, 4), "width": (16, 32, 64), "units": (64, 128, 256),
               "activation": ("relu", "leakyrelu")}),
        Space("convnet720", "ConvNet, 720 networks", "ConvNets",
              "The ConvNets of the field's architecture searches: width, depth, normalisation, activation and pooling "
              "(DC, Zhao et al., ICLR 2021; repeated by DM and DataDAM).",
              "convnet3",
              {"width": (32, 64, 128, 256), "depth": (1, 2, 3, 4),
               "norm": ("none", "batch", "layer", "instance", "group"),
               "activation": ("sigmoid", "relu", "leakyrelu"), "pooling": ("none", "max", "avg")}),
    )
}


def space(name: str) -> Space:
    """The declaration of `name`; raises UnknownName with the nearest match."""
    if name not in SPACES:
        raise UnknownName("search space", name, SPACES)
    return SPACES[name]


def read(text: str) -> dict[str, tuple[str, ...]]:
    """The subset that "depth=2,3 width=16" says, its values as text. Raises ConfigError for what is no such list."""
    subset, wrong = {}, []
    for word in text.replace(";", " ").split():
        option, _, values = word.partition("=")
        names = tuple(dict.fromkeys(filter(None, values.split(","))))
        if not option or not names or option in subset:
            wrong.append(word)
        subset[option] = names
    if wrong:
        raise ConfigError([f"subset must be like 'depth=2,3 width=16', each option once, "
                           f"got {' '.join(map(repr, wrong))}"])
    return subset


def spelled(subset: Subset) -> str:
    """The text that `read` reads."""
    return " ".join(f"{option}={','.join(map(str, values))}" for option, values in subset.items())


def tidy(space: Space, text: str) -> str:
    """The same subset in its one spelling: in the space's order, without options of which all values are named."""
    return spelled({option: values for option, values in _values(space, read(text)).items()
                    if values != space.options[option]})


def misspelt(space: Space, text: str) -> list[str]:
    """What in this subset is no option or value of the space; [] where nothing is wrong."""
    try:
        subset = read(text)
    except ConfigError as error:
        return list(error.problems)
    problems = [f"{space.name} has no option {option!r}{suggestion(option, space.options)}"
                for option in subset if option not in space.options]
    for option, values in space.options.items():
        names = tuple(map(str, values))
        problems += [f"{option} of {space.name} is one of {', '.join(names)}, got {value!r}"
                     for value in subset.get(option, ()) if value not in names]
    return problems


def problems(space: Space, text: str, shape: Shape) -> list[str]:
    """Why no search can be made of this subset on images of `shape` (C, H, W); [] if it can.

    A value that is named in the subset and fits in no network is a problem; other networks that do not fit are left
    out of the search.
    """
    if wrong := misspelt(space, text):
        return wrong
    subset = read(text)
    reasons = [(variant, variant.problems(shape)) for variant in _product(space, subset)]
    unusable: list[str] = []
    for option, values in subset.items():
        for value in values:
            of_value = [why for variant, why in reasons if str(variant.options[option]) == value]
            if all(of_value):
                unusable += of_value[0]
    nothing = ["no network of this space can be built on such images"] if all(why for _, why in reasons) else []
    return list(dict.fromkeys(unusable)) or nothing


def members(space: Space, text: str, shape: Shape) -> tuple[Variant, ...]:
    """The networks of the subset that can be built on images of `shape`, in the space's order."""
    return tuple(variant for variant in _product(space, read(text)) if not variant.problems(shape))


def left_out(space: Space, text: str, shape: Shape) -> dict[str, int]:
    """Why networks of the subset cannot be built on images of `shape`: reason → how many."""
    return dict(Counter(why[0] for variant in _product(space, read(text)) if (why := variant.problems(shape))))


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


def _product(space: Space, subset: Mapping[str, tuple[str, ...]]) -> list[Variant]:
    """Every network of the subset, in the space's order."""
    return [Variant(space.network, dict(zip(space.options, values, strict=True)))
            for values in itertools.product(*_values(space, subset).values())]


def _values(space: Space, subset: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[Any, ...]]:
    """The values of every option in the subset, as the space has them; all of an option that the subset leaves out."""
    return {option: tuple(v for v in values if option not in subset or str(v) in subset[option])
            for option, values in space.options.items()}

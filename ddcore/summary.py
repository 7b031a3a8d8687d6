"""One declaration per answer: what a run measured, as frozen typed models, as a Config declares what it was asked.

Each kind of run declares a `Summary` of its own. A fraction is a share of 1 here and becomes a percentage only where
people read it; seconds are wall time; images, steps and parameters are counts. What a kind does not measure is None.
"""

from __future__ import annotations

import math
import reprlib
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_serializer, model_validator
from pydantic.fields import FieldInfo
from pydantic_core.core_schema import ValidationInfo

from ddcore.matrix import Count, Matrix
from ddcore.run_id import LARGEST, is_number

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Number = Annotated[float, Field(strict=True, ge=-LARGEST, le=LARGEST)]
Seconds = Annotated[float, Field(strict=True, ge=0, le=LARGEST)]
Flag = Annotated[bool, Field(strict=True)]


def _checked(value: Any) -> Any:
    """A value that a parameter may have: a number that can be calculated with, a text, a switch, None."""
    if value is None or isinstance(value, str) or is_number(value):
        return value
    raise ValueError("no parameter has such a value")


Values = Mapping[str, Annotated[Any, AfterValidator(_checked)]]  # of parameters, by name


class Answer(BaseModel):
    """Base of all that a summary is made of: frozen; names that this version does not know are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, protected_namespaces=(),
                              populate_by_name=True, ignored_types=(cached_property,))

    def to_json(self) -> dict[str, Any]:
        """As it is stored: what the run did not say is left out."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)


@dataclass(frozen=True)
class Interval:
    """A confidence interval for a difference, first minus second, in fractions: its mean, its two ends."""

    mean: float
    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether zero lies outside, so that one of the two is better as far as these networks tell."""
        return self.low > 0 or self.high < 0

    @property
    def known(self) -> bool:
        """Whether it rules out any difference that there can be."""
        return self.low > -1 or self.high < 1


class Accuracy(Answer):
    """A fraction measured on n networks: an accuracy, a balanced accuracy or an AUC.

    std: sample standard deviation (n − 1), None of one network. values: of each network, where they are known.
    protocol, split: how and on which part of the data; seeds: over how many distillation seeds it was pooled;
    imported: that it, or a part of it, was not measured here, as where it is stored tells: it is not stored itself.
    """

    mean: Share
    std: Annotated[float, Field(strict=True, ge=0, le=LARGEST)] | None = None
    n: Annotated[int, Field(strict=True, ge=1, le=2**63)]
    protocol: str | None = None
    split: str | None = None
    values: tuple[Share, ...] | None = None
    seeds: Count | None = None
    imported: Flag = False

    @model_validator(mode="before")
    @classmethod
    def _where(cls, values: Any, info: ValidationInfo) -> Any:
        """An accuracy of an imported run says so of itself; one that is computed with keeps what it says."""
        if info.context is None or not isinstance(values, Mapping):
            return values
        return {**values, "imported": bool(info.context.get("imported"))}

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        """Mean and standard deviation are those of the values, as far as these are there."""
        if self.values is None:
            return self
        if len(self.values) != self.n:
            raise ValueError(f"{len(self.values)} values of {self.n} networks")
        if abs(self.mean - (mean := statistics.fmean(self.values))) > CLOSE:
            raise ValueError(f"its mean is {self.mean:g}, that of its values is {mean:g}")
        if self.std is not None and self.n > 1 and abs(self.std - (std := statistics.stdev(self.values))) > CLOSE:
            raise ValueError(f"its std is {self.std:g}, that of its values is {std:g}")
        return self

    @classmethod
    def of(cls, values: Sequence[float], protocol: str | None = None, split: str | None = None) -> Self:
        """Mean and sample standard deviation of one value for each network."""
        std = statistics.stdev(values) if len(values) > 1 else None
        return cls(mean=statistics.mean(values), std=std, n=len(values), protocol=protocol, split=split,
                   values=tuple(values))

    @classmethod
    def pooled(cls, groups: Iterable[Accuracy | None]) -> Accuracy | None:
        """Over all networks of these groups, with the protocol of the first; None where one of them is not known.

        From the values where all are known, else from (mean, std, n) of each group: the squares within the groups add
        up, Σ (n_i − 1) s_i², and those of the groups' means, Σ n_i (m_i − m)², make the rest of (n − 1) s².
        """
        groups = list(groups)
        parts = [group for group in groups if group is not None]
        if not parts or len(parts) < len(groups):
            return None
        first, n, came = parts[0], sum(part.n for part in parts), {"imported": any(part.imported for part in parts)}
        if all(part.values for part in parts):
            values = [value for part in parts for value in part.values or ()]
            return cls.of(values, first.protocol, first.split).model_copy(update={"seeds": len(parts), **came})
        mean = sum(part.n * part.mean for part in parts) / n
        squares = sum((part.n - 1) * (part.std or 0) ** 2 + part.n * (part.mean - mean) ** 2 for part in parts)
        std = math.sqrt(squares / (n - 1)) if n > 1 else None
        return cls(mean=mean, std=std, n=n, protocol=first.protocol, split=first.split, seeds=len(parts), **came)

    @property
    def each(self) -> tuple[float, ...]:
        """One value for each network; the mean alone where no more is known."""
        return self.values or (self.mean,)

    def minus(self, other: Accuracy, level: float = 0.95) -> Interval | None:
        """Welch's interval for the difference of two means, of samples with unequal variances.

        d ± t(ν)·√(s₁²/n₁ + s₂²/n₂) with Welch and Satterthwaite's ν (Welch 1947, Biometrika 34). None where a sample
        has fewer than two values: one network has no spread to judge by. No end lies beyond −1 or 1: no two shares
        differ by more.
        """
        if self.std is None or other.std is None:
            return None
        from scipy import special

        difference = self.mean - other.mean
        squares = [(self.std**2 / self.n, self.n - 1), (other.std**2 / other.n, other.n - 1)]
        if not (square := sum(part for part, _ in squares)):
            return Interval(difference, difference, difference)
        freedom = square**2 / sum(part**2 / free for part, free in squares)
        reach = float(special.stdtrit(freedom, (1 + level) / 2)) * math.sqrt(square)
        return Interval(difference, max(-1.0, difference - reach), min(1.0, difference + reach))

    @model_serializer
    def _stored(self) -> dict[str, Any]:
        """mean, std and n always, the rest where it is known."""
        rest = {name: getattr(self, name) for name in ("protocol", "split", "values", "seeds")}
        return {"mean": self.mean, "std": self.std, "n": self.n,
                **{name: list(v) if isinstance(v, tuple) else v for name, v in rest.items() if v is not None}}


class Scores(Answer):
    """The scores of networks that learnt one set; None where something was not measured.

    auc: of two classes only. seconds_train: of training one of these networks; passes: how often it saw each training
    image.
    """

    accuracy: Accuracy
    balanced_accuracy: Accuracy | None = None
    auc: Accuracy | None = None
    seconds_train: Seconds | None = Field(None, title="Time of training one network")
    passes: Number | None = None

    @classmethod
    def pooled(cls, groups: Iterable[Scores]) -> Scores | None:
        """Over all networks of these groups; None where there is no group."""
        groups = list(groups)
        if (accuracy := Accuracy.pooled(group.accuracy for group in groups)) is None:
            return None
        return cls(accuracy=accuracy, balanced_accuracy=Accuracy.pooled(group.balanced_accuracy for group in groups),
                   auc=Accuracy.pooled(group.auc for group in groups))

    def get(self, name: str) -> Accuracy | None:
        """The score of this name: accuracy, balanced_accuracy or auc."""
        score: Accuracy | None = getattr(self, name)
        return score

    def to_json(self) -> dict[str, Any]:
        """The accuracy's own numbers, with those of the others under their names."""
        others = {name: score and score.to_json() for name in BESIDE for score in [self.get(name)]}
        cost = {"seconds_train": self.seconds_train, "passes": self.passes}
        return {**self.accuracy.to_json(), **others, **{name: v for name, v in cost.items() if v is not None}}


CLOSE = 1e-4  # by which shares that are worked out in two ways, in half of the cases in float32, may differ
BESIDE = ("balanced_accuracy", "auc")  # the scores that are shown beside an accuracy


class Arithmetic(Answer):
    """How a run computed: plainly (exact), compiled, with real images in bfloat16 (half)."""

    exact: Flag = False
    compiled: Flag = False
    half: Flag = False

    def __str__(self) -> str:
        words = [word for name, word in (("compiled", "compiled"), ("half", "bfloat16")) if getattr(self, name)]
        return ", ".join(["exact"] * self.exact + words) or "float32, not compiled"


class Source(Answer):
    """Which images an evaluation tested: those of which run and method, as they were at which step."""

    run: str | None = None
    method: str | None = None
    images: str | None = None
    step: Count | None = None
    ipc: Count | None = None
    seed: Annotated[int, Field(strict=True, ge=-(2**63), le=2**63)] | None = None


class Summary(Answer):
    """What tables, charts and reports read of a run of any kind; a kind's own Summary adds what only it measures.

    accuracy … auc: of networks that the run trained; majority: accuracy of always answering the most frequent class of
    the images that judged them; confusion[i][j]: images of class i that were taken for class j, over all networks;
    per_class: accuracy of each class. images: that the run made or learnt from. macs: of one forward pass of one image.
    seconds: of all the work; seconds_train: of training one network. notes: what must be known of these numbers.
    """

    accuracy: Accuracy | None = None
    balanced_accuracy: Accuracy | None = None
    auc: Accuracy | None = None
    majority: Share | None = Field(None, title="Majority class")
    classes: tuple[str, ...] = ()
    per_class: tuple[Share, ...] = ()
    confusion: Matrix = Matrix()
    images: Count | None = None
    test_images: Count | None = Field(None, title="Test images")
    steps: Count | None = None
    batch_size: Count | None = Field(None, title="Batch size")
    stored_floats: Count | None = Field(None, title="Stored numbers")
    parameters: Count | None = None
    macs: Count | None = Field(None, title="MACs of one image")
    flops: Count | None = Field(None, title="FLOPs of one image")
    seconds: Seconds | None = Field(None, title="Time")
    seconds_train: Seconds | None = None
    seconds_test: Seconds | None = Field(None, title="Time of testing")
    source: Source | None = None
    arithmetic: Arithmetic | None = None
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _as_many_classes(self) -> Self:
        """Names, accuracies and the sides of the confusion are of the same classes, as far as they are there."""
        sizes = {len(self.classes), len(self.per_class), len(self.confusion), *map(len, self.confusion)} - {0}
        if len(sizes) > 1:
            raise ValueError(f"classes, per_class and confusion are of {' and '.join(map(str, sorted(sizes)))} classes")
        return self

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        """What the confusion matrix says is what stands beside it, as far as that is there."""
        rows = tuple(self.confusion)
        if not (counted := [sum(row) for row in rows]) or self.accuracy is None:
            return self
        networks, total, right = self.accuracy.n, sum(counted), [row[i] for i, row in enumerate(rows)]
        shares = [r / images if images else None for r, images in zip(right, counted, strict=True)]
        seen = [share for share in shares if share is not None]
        if self.test_images is not None and total != networks * self.test_images:
            raise ValueError(f"its confusion counts {total} images, {networks} networks with {self.test_images} test "
                             f"images each saw {networks * self.test_images}")
        balanced = self.balanced_accuracy.mean if self.balanced_accuracy else None
        told: list[tuple[str, float | None, float | None]] = [
            ("accuracy", self.accuracy.mean, sum(right) / max(1, total)), ("balanced_accuracy", balanced, _mean(seen)),
            ("majority", self.majority, max(counted) / max(1, total)),
            *(("per_class", own, share) for own, share in zip(self.per_class, shares, strict=False)),
        ]
        for name, own, share in told:
            if own is not None and share is not None and abs(own - share) > CLOSE:
                raise ValueError(f"its {name} is {own:g}, that of its confusion is {share:g}")
        return self

    @property
    def scores(self) -> Scores | None:
        """The accuracy with what stands beside it; None of a run that measured none."""
        if self.accuracy is None:
            return None
        return Scores(accuracy=self.accuracy, balanced_accuracy=self.balanced_accuracy, auc=self.auc)

    @property
    def notes_on_data(self) -> tuple[str, ...]:
        """What must be known of the data behind these numbers: other images than the official ones, leaks, …"""
        return self.notes

    @property
    def runs_shown(self) -> int:
        """How many other runs' images it shows; 0 where it is about itself alone."""
        return 0

    def lines(self) -> tuple[str, ...]:
        """What the command line prints of it beyond its scores."""
        return ()


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def is_share(field: FieldInfo) -> bool:
    """Whether this field of an answer is declared as a `Share`, or as one or None: people read it in percent."""
    # Pydantic takes the bounds of a plain number to the field, and leaves those of one that may be None in its type.
    return field.metadata == FieldInfo.from_annotation(Share).metadata or bool(field.annotation == Share | None)


def problems(error: ValidationError) -> list[str]:
    """One sentence for each thing that is wrong with a stored answer: where it stands, what was found."""
    return [_problem(one) for one in error.errors(include_url=False)]


def _problem(one: ErrorDetails) -> str:
    place = ".".join(map(str, one["loc"])) or "summary"
    if one["type"] == "missing":
        return f"its {place!r} is missing"
    wanted = one["msg"].removeprefix("Value error, ").lower().partition(" or instance of ")[0]
    return f"its {place!r} is {reprlib.repr(one['input'])}: {wanted}"

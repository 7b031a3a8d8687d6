"""Expert trajectories: the parameters of the networks whose training a method imitates, and of their data scheduler.

The experts are trained by a run of kind "experts", which is computed first and shared by all runs with the same
experts. In every epoch they see the images that the scheduler has in use (PAD's filtering information extraction):
of each class, ordered from easy to hard, first the easiest share IR, then more until all are in use at epoch AEE;
from the removal epochs on the easiest are left out.
"""

from __future__ import annotations

from typing import Any, Literal

from ddcore.augmentations import STRATEGIES
from ddcore.methods.base import Need
from ddcore.methods.scored import AgentsConfig, scores_of
from ddcore.params import Param

SCHEDULER = ("initial_ratio", "add_end_epoch", "remove_epoch", "remove_ratio", "second_remove_epoch",
             "second_remove_ratio")
SCORED = ("difficulty", "score_epochs", "el2n_epochs", "agents")


class TrajectoryConfig(AgentsConfig):
    """The experts: how many, how long and how they train, and which images they see when."""

    experts: int = Param(10, label="Experts", group="Experts", unit="networks", ge=1, le=1000, step=1,
                         help="Networks trained on real images, whose weights after every epoch are kept: "
                              "the trajectories.")
    train_epochs: int = Param(25, label="Epochs of an expert", group="Experts", ge=1, le=1000, step=1,
                              help="Length of a trajectory. It must reach beyond the last epoch that is matched.")
    lr_teacher: float = Param(0.01, label="Expert learning rate", group="Experts", gt=0, le=10, log=True,
                              help="Constant step size of plain SGD on the real images.")
    momentum_teacher: float = Param(0.0, label="Expert momentum", group="Experts", ge=0, le=0.999, step=0.1,
                                    help="Published experts have none: students imitate plain SGD steps.")
    batch_train: int = Param(256, label="Expert batch", group="Experts", unit="images", ge=1, le=8192, step=16,
                             help="Real images per step of an expert.")
    augment: str = Param("none", label="Augmentation", group="Experts", choices=STRATEGIES,
                         help="Random changes of every image, the same kind for experts and students.")
    precision: Literal["full", "half"] = Param("full", label="Stored precision", group="Experts",
                                               help="Of the kept weights: 'half' takes half of the disk space and "
                                                    "rounds to three digits.")
    initial_ratio: float = Param(0.75, label="First share of the data", symbol="IR", group="Scheduler", gt=0, le=1,
                                 step=0.05,
                                 help="Experts begin with this easiest share of each class; 1 is no scheduling.")
    add_end_epoch: int = Param(5, label="All data from epoch", symbol="AEE", group="Scheduler", ge=0, le=1000, step=1,
                               used=lambda values: values["initial_ratio"] < 1,
                               help="Harder images are added evenly until all are in use at this epoch.")
    remove_epoch: int = Param(12, label="First removal at epoch", group="Scheduler", ge=0, le=1000, step=1,
                              used=lambda values: values["remove_ratio"] > 0,
                              help="From this epoch on the easiest images are left out.")
    remove_ratio: float = Param(0.1, label="First removal", group="Scheduler", ge=0, le=0.9, step=0.05,
                                help="Share of each class, from the easy end, that is left out then; "
                                     "0 leaves out none.")
    second_remove_epoch: int = Param(18, label="Second removal at epoch", group="Scheduler", ge=0, le=1000, step=1,
                                     used=lambda values: values["second_remove_ratio"] > 0,
                                     help="From this epoch on the second share is left out instead of the first.")
    second_remove_ratio: float = Param(0.2, label="Second removal", group="Scheduler", ge=0, le=0.9, step=0.05,
                                       help="Share of each class, from the easy end, that is left out from then on; "
                                            "0 keeps the first.")
    difficulty: Literal["el2n", "forgetting", "grad_norm"] = Param(
        "el2n", label="Difficulty", group="Scheduler",
        help="What orders the images: size of the error early in training (EL2N, the paper), how often an image is "
        "forgotten, or the gradient norm of the last layer (GraNd, the published code).",
    )
    score_epochs: int = Param(5, label="Agent epochs", group="Scores", ge=1, le=5000, step=1,
                              help="Epochs that the agents train; EL2N and gradient norms are means over the first "
                                   "five at most.")

    def problems(self) -> list[str]:
        for epoch, (low, high) in enumerate(self.windows):
            if low >= high:
                return [*super().problems(),
                        f"the scheduler must leave some images in use: at epoch {epoch} the easiest {low:.0%} are "
                        f"removed, got initial_ratio {self.initial_ratio:g} with only the easiest {high:.0%} added"]
        return super().problems()

    def key_values(self) -> dict[str, Any]:
        """The scheduler enters by what it does in each epoch; where it does nothing, no score decides anything."""
        values = {name: value for name, value in super().key_values().items() if name not in SCHEDULER}
        if not self.scheduled:
            return {name: value for name, value in values.items() if name not in SCORED}
        return {**values, "windows": [list(window) for window in self.windows]}

    @property
    def removals(self) -> tuple[tuple[int, float], ...]:
        """(epoch, share of each class that is left out from then on) of each removal that takes effect, by epoch."""
        both = (self.remove_epoch, self.remove_ratio), (self.second_remove_epoch, self.second_remove_ratio)
        return tuple(sorted((epoch, ratio) for epoch, ratio in both if ratio and epoch < self.train_epochs))

    @property
    def windows(self) -> tuple[tuple[float, float], ...]:
        """The `window` of every epoch."""
        return tuple(map(self.window, range(self.train_epochs)))

    @property
    def scheduled(self) -> bool:
        """Whether the scheduler does anything at all."""
        return any(window != (0.0, 1.0) for window in self.windows)

    def window(self, epoch: int) -> tuple[float, float]:
        """(low, high): of each class, from easy to hard, the shares between which images are in use in this epoch.

        high = IR + (1 − IR)·epoch/AEE, at most 1; low = the share that the latest removal left out. Epochs
        count from 0.
        """
        progress = epoch / self.add_end_epoch if self.add_end_epoch else 1.0
        high = min(1.0, self.initial_ratio + (1 - self.initial_ratio) * progress)
        removed = [0.0, *(ratio for start, ratio in self.removals if start <= epoch)]
        return removed[-1], high


def needs_scores(config: TrajectoryConfig) -> tuple[Need, ...]:
    """The one run of scores that orders the images; none where nothing is scheduled."""
    return (scores_of(config, config.score_epochs),) if config.scheduled else ()


def needs_experts(config: TrajectoryConfig) -> tuple[Need, ...]:
    """The one run that trains the experts."""
    return (("experts", "experts", {name: getattr(config, name) for name in TrajectoryConfig.model_fields}),)

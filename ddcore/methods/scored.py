"""Coresets that use networks trained on the data: their parameters, and how they pick.

The networks are trained by a run of kind "scores", which is computed first and shared by all coresets with the same
network, agents, epochs, images and seed. Only the images that it scored can be picked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from ddcore.errors import ConfigError
from ddcore.lazy import lazy
from ddcore.methods import quick
from ddcore.methods.base import Need, State, Task
from ddcore.methods.coreset import CoresetConfig
from ddcore.params import Param
from ddcore.presets import Preset
from ddcore.settings import NetworkConfig

if TYPE_CHECKING:
    import torch

    from ddcore.ops import coreset, nets, train
else:
    torch = lazy("torch")
    coreset, nets, train = (lazy(f"ddcore.ops.{m}") for m in ("coreset", "nets", "train"))


class AgentsConfig(NetworkConfig):
    """The networks that are trained for scores, and the images they learn."""

    agent_length: ClassVar[str] = "score_epochs"  # the parameter that says how many epochs an agent trains

    agents: int = Param(3, label="Agents", group="Scores", unit="networks", ge=1, le=100, step=1,
                        help="Networks trained on the data from different random weights; "
                             "scores are taken over all of them.")
    train_images: int = Param(0, label="Training images", group="Scores", ge=0, le=10_000_000, step=1000,
                              help="Real images that are learnt and scored, drawn so that classes keep their shares; "
                                   "0 takes all.")
    el2n_epochs: int | None = Param(
        None, label="EL2N epochs", group="Scores", ge=1, le=5000, step=1, follows=("score_epochs", "epochs"),
        help="EL2N and the gradient norm are means over so many first epochs of an agent; left empty, the first five "
        "at most. Late in training few images have an error left.",
    )

    @classmethod
    def fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        values = super().fill(values)
        length = values.get(cls.agent_length, cls.model_fields[cls.agent_length].default)
        if str(length).isdecimal() and int(length):  # what is wrong is reported later
            values.setdefault("el2n_epochs", min(5, int(length)))
        return values

    def problems(self) -> list[str]:
        problems, length = super().problems(), getattr(self, self.agent_length)
        if (self.el2n_epochs or 0) > length:
            problems.append(f"el2n_epochs must be at most {length}, the epochs of an agent, got {self.el2n_epochs}")
        return problems


class ScoredConfig(CoresetConfig, AgentsConfig):
    """The parameters of a coreset that builds on scores."""

    score_epochs: int = Param(10, label="Agent epochs", group="Scores", ge=1, le=5000, step=1,
                              help="Epochs that the agents train. EL2N is the mean over the first five at most; "
                                   "features are of the end.")

    def problems(self) -> list[str]:
        classes, problems = len(self.facts.classes), super().problems()
        if 0 < self.train_images < self.ipc * classes:
            problems.append(f"train_images must be 0 or at least {self.ipc * classes}, {self.ipc} for each of "
                            f"{classes} classes, got {self.train_images}")
        return problems


def needs(config: ScoredConfig) -> tuple[Need, ...]:
    """The one run of scores."""
    return (scores_of(config, config.score_epochs),)


def scores_of(config: AgentsConfig, epochs: int) -> Need:
    """The run of scores by these agents, each trained for so many epochs."""
    values = {name: getattr(config, name) for name in AgentsConfig.model_fields}
    return "scores", "scores", {**values, "epochs": epochs}


def by_features(task: Task, choose: Callable[[torch.Tensor, int], torch.Tensor]) -> State:
    """The images of each class that choose(features (N, F), IPC) picks, in the features of the first agent."""
    network, candidates, indices = _agent(task), _candidates(task), []
    total, done = sum(map(len, candidates)), 0
    for members in candidates:
        features = []
        for batch in members.split(train.images_at_once(task.config.shape)):
            task.tell(done, total, "Choosing real images")
            features.append(_embed(network, task.data.batch(batch)))
            done += len(batch)
        indices.append(members[choose(torch.cat(features), task.config.ipc)])
    return _state(task, indices)


def by_scores(task: Task, name: str, hardest: bool) -> State:
    """The images of each class with the highest scores called `name`, or the lowest; equals in a drawn order."""
    stored = task.parents[0].arrays("scores")
    scores = torch.full((len(task.data),), torch.nan, device=task.device)
    scores[stored["indices"].to(task.device)] = stored[name].float().to(task.device)
    indices = []
    for label, members in enumerate(_candidates(task)):
        order = coreset.ranked(scores[members], task.generator("equal scores", label), descending=hardest)
        indices.append(members[order[: task.config.ipc]])
    return _state(task, indices)


def embedding_cost(config: ScoredConfig, macs: int, classes: int) -> int:
    """Multiply-adds of one forward pass of every candidate; the scores are a run of their own."""
    official = config.facts.sizes[0] if config.facts.sizes else 0
    return macs * (config.train_images or round(official * (1 - config.facts.val_share)))


def presets(**values: Any) -> tuple[Preset, ...]:
    """`quick` and `full`, with the method's own values."""
    return (
        Preset("quick", "For a small CPU: one narrow network (MNIST: width 16) that trains a few epochs, on MNIST on "
                        "6,000 images. About a minute on two cores with the scores; "
                        "later coresets with the same agents take seconds.",
               {"ipc": 10, "agents": 1, "score_epochs": 3, **values},
               {"digits": {"score_epochs": 10}, "mhist": {"train_images": 0}},
               lambda dataset: {**quick.network(dataset), **quick.some_images(dataset, 4_704_000)}),
        Preset("full", "All training images and the data set's own network at its published size: three agents, "
                       "20 epochs. Wants a GPU.",
               {"ipc": 10, "agents": 3, "score_epochs": 20, "train_images": 0, **values}),
    )


def _agent(task: Task) -> nets.Net:
    """The first agent, as its training left it."""
    config = task.config
    network = nets.build(config.network, config.shape, task.classes, config.network_options(),
                         generator=task.generator("agent"), device=task.device)
    network.load_state_dict(task.parents[0].arrays("network"))
    return network.eval().to(memory_format=torch.channels_last)


def _embed(network: nets.Net, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return network.embed(images.contiguous(memory_format=torch.channels_last))


def _candidates(task: Task) -> list[torch.Tensor]:
    """Indices of each class's scored images, ascending; ConfigError where a class has fewer than IPC."""
    scored = task.parents[0].arrays("scores")["indices"].to(task.device)
    labels = task.data.labels[scored]
    members = [scored[labels == label] for label in range(task.classes)]
    fewest = min(map(len, members))
    if task.config.ipc > fewest:
        raise ConfigError([f"ipc must be at most {fewest}, the scored images of the smallest class of "
                           f"{task.config.dataset}, got {task.config.ipc}"])
    return members


def _state(task: Task, indices: list[torch.Tensor]) -> State:
    """The images at the indices for each class; nothing is left to do."""
    labels = torch.arange(task.classes, device=task.device).repeat_interleave(task.config.ipc)
    return State(task.data.batch(torch.cat(indices)), labels)

"""The way in which the published scripts work, in our own words: what our speed is held against.

Each habit below is one of a released script (VICO: the DC/DSA/DM code's `main_DM.py` and `utils.py`; DAM: DataDAM's
`main_DataDAM.py`; MTT/PAD: `distill.py` of trajectory matching and what descends from it). Where they differ the
faster one is taken, and nothing is done that they do not do, so that no ratio flatters us:

- a new network object for every step, drawn from torch's global generator, which the clock seeds (VICO, DAM, MTT/PAD);
- the images of a class picked by a NumPy permutation of all of its indices, out of float images on the device (all);
- DM forward class by class; the real side is computed without `no_grad` and then detached (VICO, instance norm);
- DataDAM forward at once, with hooks put on every ReLU and taken off again at every step, each storing a clone; all
  attention maps and features brought to the host before their class means; the allocator's cache emptied (DAM);
- augmentation with parameters for each image, also where all are the same: matrices made of Python lists, a grid made
  on the host, shifts and holes by index arrays (the DSA code, in all of them);
- `.item()` of the loss at every step (all);
- PAD: all student steps remembered, one flat parameter cut into views at each; the expert's weights come as lists of
  tensors, and the loss is looked at on the host before anything moves (MTT/PAD);
- evaluation: one network after another, each on a deep copy of the set; DataLoaders over tensors, which collate item
  by item; each batch's answers counted in NumPy; the test pass builds a graph, for nothing turns it off (VICO).

`Draws` draws as they do. What a draw decides can be given instead (the comparison of losses does), so that both ways
of working see the same networks, images and changes.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from ddcore.ops import augment, device
from ddcore.ops.augment import Draw

MOMENTUM_LABELS, MOMENTUM_LR = 0.9, 0.5


class ConvNet(nn.Module):
    """The network of the field: `features` ends in a map that is flattened, `classifier` is one linear layer."""

    def __init__(self, shape: Sequence[int], classes: int, width: int, depth: int, norm: str) -> None:
        super().__init__()
        channels, side, _ = shape
        layers: list[nn.Module] = []
        for block in range(depth):
            padding = 3 if block == 0 and channels == 1 else 1
            side = (side + 2 * padding - 2) // 2
            normed = nn.BatchNorm2d(width) if norm == "batch" else nn.GroupNorm(width, width)
            layers += [nn.Conv2d(channels, width, 3, padding=padding), normed, nn.ReLU(inplace=True), nn.AvgPool2d(2)]
            channels = width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(width * side * side, classes)

    def embed(self, images: Tensor) -> Tensor:
        found: Tensor = self.features(images)
        return found.reshape(len(images), -1)

    def forward(self, images: Tensor) -> Tensor:
        said: Tensor = self.classifier(self.embed(images))
        return said


class Draws:
    """What is random in a step, drawn as the scripts draw it."""

    def __init__(self, config: Any, images: Tensor, labels: Tensor, classes: int) -> None:
        """images: float, normalised, on the device."""
        self.config, self.images, self.classes = config, images, classes
        self.members = [(labels == c).nonzero().flatten().tolist() for c in range(classes)]

    def network(self) -> ConvNet:
        torch.random.manual_seed(int(time.time() * 1000) % 100_000)
        config = self.config
        network = ConvNet(config.shape, self.classes, config.width, config.depth, config.norm)
        return network.to(self.images.device)

    def real(self, label: int, n: int) -> Tensor:
        """n images of a class."""
        return self.images[np.random.permutation(self.members[label])[:n]]

    def change(self, images: int | None = None) -> Draw:
        """One augmentation, for all images alike or, with a number, for each of so many."""
        seeded = torch.Generator().manual_seed(int(time.time() * 1000) % 100_000)
        return augment.draw(self.config.augment, seeded, self.config.shape, images=images)

    def order(self, n: int) -> Tensor:
        return torch.randperm(n)

    def piece(self) -> tuple[int, int]:
        """(which expert, its epoch where the student starts)."""
        config = self.config
        return np.random.randint(config.experts), np.random.randint(
            config.min_start_epoch, config.first_max_start_epoch
        )


class Set:
    """The synthetic images with their optimiser; one step of a method at a time."""

    def __init__(self, config: Any, images: Tensor) -> None:
        self.config = config
        self.images = images.clone().requires_grad_()
        self.optimiser = torch.optim.SGD([self.images], lr=config.lr_img, momentum=config.momentum_img)

    def of_class(self, label: int) -> Tensor:
        ipc = self.config.ipc
        return self.images[label * ipc : (label + 1) * ipc]

    def move(self, loss: Tensor) -> float:
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return loss.item()


def dm_step(made: Set, draws: Draws) -> float:
    """One step of DM: the loss."""
    network = _frozen(draws.network())
    loss = torch.tensor(0.0).to(made.images.device)
    for label in range(draws.classes):
        drawn = draws.change()
        real = changed(draws.real(label, made.config.batch_real), drawn)
        synthetic = changed(made.of_class(label), drawn)
        target = network.embed(real).detach()
        loss = loss + torch.sum((target.mean(0) - network.embed(synthetic).mean(0)) ** 2)
    return made.move(loss)


def datadam_step(made: Set, draws: Draws) -> float:
    """One step of DataDAM, with a fresh network and without training it: the loss."""
    config, network = made.config, _frozen(draws.network())
    real, synthetic = [], []
    for label in range(draws.classes):
        drawn = draws.change()
        real.append(changed(draws.real(label, config.batch_real), drawn))
        synthetic.append(changed(made.of_class(label), drawn))
    maps: list[Tensor] = []
    hooks = [
        layer.register_forward_hook(lambda module, given, found: maps.append(found.clone()))
        for layer in network.features.modules()
        if isinstance(layer, nn.ReLU)
    ]
    features = network.embed(torch.cat(real)).detach()
    real_maps = [one.detach() for one in maps]
    maps.clear()
    synthetic_features = network.embed(torch.cat(synthetic))
    for hook in hooks:
        hook.remove()
    loss = torch.tensor(0.0)
    for theirs, ours in zip(real_maps[:-1], maps[:-1], strict=True):
        attended, sought = (_attention(one, config.attn_power) for one in (theirs, ours))
        loss = loss + 100 * _distance(attended, sought, draws.classes)
    moved = made.move(loss + 100 * config.lambda_task * _distance(features, synthetic_features, draws.classes))
    if made.images.is_cuda:
        torch.cuda.empty_cache()
    return moved


def _frozen(network: ConvNet) -> ConvNet:
    network.train()
    for p in network.parameters():
        p.requires_grad = False
    return network


def _attention(maps: Tensor, power: float) -> Tensor:
    attended = torch.sum(torch.abs(maps) ** power, dim=1)
    return F.normalize(attended.reshape(len(attended), -1), p=2.0)


def _distance(real: Tensor, synthetic: Tensor, classes: int) -> Tensor:
    """Squared differences of class means, summed, on the host."""
    theirs, ours = (torch.mean(one.cpu().reshape(classes, len(one) // classes, -1), 1) for one in (real, synthetic))
    return torch.sum((theirs - ours) ** 2)


class LearntSet(Set):
    """Images, label logits and a learning rate, each with its optimiser, and the experts to imitate.

    trajectories: for each expert the weights of each epoch, as a list of tensors on the host.
    """

    def __init__(
        self, config: Any, images: Tensor, logits: Tensor, trajectories: Sequence[Sequence[Sequence[Tensor]]]
    ) -> None:
        super().__init__(config, images)
        self.trajectories = trajectories
        self.logits = logits.clone().requires_grad_()
        self.rate = torch.tensor(config.lr_student).to(images.device).requires_grad_()
        self.optimisers = [
            self.optimiser,
            torch.optim.SGD([self.logits], lr=config.lr_y, momentum=MOMENTUM_LABELS),
            torch.optim.SGD([self.rate], lr=config.lr_lr, momentum=MOMENTUM_LR),
        ]

    def move(self, loss: Tensor) -> float:
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        loss.backward()
        if loss.detach().cpu() <= self.config.threshold:
            for optimiser in self.optimisers:
                optimiser.step()
        return loss.item()


def pad_step(made: LearntSet, draws: Draws) -> float:
    """One iteration of PAD: the matching loss."""
    config, where = made.config, made.images.device
    network = draws.network().train()
    expert, epoch = draws.piece()
    trajectory = made.trajectories[expert]
    begin, target = (
        torch.cat([p.to(where).reshape(-1) for p in trajectory[at]]) for at in (epoch, epoch + config.expert_epochs)
    )
    students, chunks = [begin.clone().requires_grad_()], list[Tensor]()
    for _ in range(config.student_steps):
        chunks = chunks or list(draws.order(len(made.images)).split(config.batch_syn))
        chosen = chunks.pop(0)
        x = changed(made.images[chosen], draws.change(len(chosen)))
        said = functional_call(network, _views(network, students[-1]), (x,))
        loss = -(made.logits[chosen].softmax(1) * said.log_softmax(1)).sum(1).mean()
        (gradient,) = torch.autograd.grad(loss, students[-1], create_graph=True)
        students.append(students[-1] - made.rate * gradient)
    dropped = int(config.shallow_ratio * len(begin))
    reached, apart = ((one - target)[dropped:].square().sum() for one in (students[-1], begin))
    return made.move(reached / apart)


def _views(network: ConvNet, flat: Tensor) -> dict[str, Tensor]:
    sizes = [p.numel() for p in network.parameters()]
    pieces = zip(network.named_parameters(), flat.split(sizes), strict=True)
    return {name: part.view(p.shape) for (name, p), part in pieces}


def evaluated(
    draws: Draws, images: Tensor, labels: Tensor, test_images: Tensor, test_labels: Tensor, setting: Any, epochs: int
) -> tuple[float, tuple[float, float, float]]:
    """(share of the test images that one network, trained from scratch, gets right; seconds until its first step, of
    training, of testing).

    setting: lr, momentum, weight_decay and batch_size. Where the learning rate goes decides no time, so it stays.
    """
    began = device.now(images.device)
    network = draws.network()
    mine = copy.deepcopy(images.detach()), copy.deepcopy(labels.detach())
    optimiser = optimiser_of(network, setting)
    loader = DataLoader(TensorDataset(*mine), batch_size=setting.batch_size, shuffle=True, num_workers=0)
    ready = device.now(images.device)
    for _ in range(epochs):
        one_epoch(network, loader, optimiser, draws.change)
    trained = device.now(images.device)
    tested = DataLoader(TensorDataset(test_images, test_labels), batch_size=256, shuffle=False, num_workers=0)
    _, right = one_epoch(network, tested, None, None)
    return right, (ready - began, trained - ready, device.now(images.device) - trained)


def optimiser_of(network: ConvNet, setting: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        network.parameters(), lr=setting.lr, momentum=setting.momentum, weight_decay=setting.weight_decay
    )


def one_epoch(
    network: ConvNet, loader: Iterable[Any], optimiser: torch.optim.Optimizer | None,
    change: Callable[[int], Draw] | None,
) -> tuple[float, float]:
    """(mean loss, share answered right) of one pass, which trains where there is an optimiser."""
    network.train(optimiser is not None)
    where = next(network.parameters()).device
    loss_sum, right, seen = 0.0, 0, 0
    for given, labels in loader:
        images, labels = given.float().to(where), labels.long().to(where)
        if change is not None:
            images = changed(images, change(len(images)))
        said = network(images)
        loss = F.cross_entropy(said, labels)
        answers = np.argmax(said.cpu().data.numpy(), axis=-1)
        right += int(np.sum(np.equal(answers, labels.cpu().data.numpy())))
        loss_sum += loss.item() * len(labels)
        seen += len(labels)
        if optimiser is not None:
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return loss_sum / seen, right / seen


def changed(images: Tensor, drawn: Draw) -> Tensor:
    """The images after a draw, whose parameters are first written out for every image."""
    for name, values in drawn.steps:
        every = [v if isinstance(v, Tensor) else torch.tensor([v] * len(images)) for v in values]
        images = CHANGES[name](images, *every)
    return images


def _column(value: Tensor, images: Tensor) -> Tensor:
    return value.to(images.device, images.dtype).view(-1, 1, 1, 1)


def _saturation(images: Tensor, factor: Tensor) -> Tensor:
    grey = images.mean(1, keepdim=True)
    return (images - grey) * _column(factor, images) + grey


def _contrast(images: Tensor, factor: Tensor) -> Tensor:
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * _column(factor, images) + mean


def _crop(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    n, _, height, width = images.shape
    number, row, column = _places(n, height, width, images.device)
    row = torch.clamp(row + down.to(images.device).view(-1, 1, 1) + 1, 0, height + 1)
    column = torch.clamp(column + right.to(images.device).view(-1, 1, 1) + 1, 0, width + 1)
    framed = F.pad(images, (1, 1, 1, 1)).permute(0, 2, 3, 1).contiguous()
    return framed[number, row, column].permute(0, 3, 1, 2)


def _cutout(images: Tensor, row: Tensor, column: Tensor, height: Tensor, width: Tensor) -> Tensor:
    n, _, tall, wide = images.shape
    down, right = int(height[0]), int(width[0])
    number, rows, columns = _places(n, down, right, images.device)
    rows = torch.clamp(rows + row.to(images.device).view(-1, 1, 1) - down // 2, 0, tall - 1)
    columns = torch.clamp(columns + column.to(images.device).view(-1, 1, 1) - right // 2, 0, wide - 1)
    mask = torch.ones(n, tall, wide, dtype=images.dtype, device=images.device)
    mask[number, rows, columns] = 0
    return images * mask.unsqueeze(1)


def _places(n: int, height: int, width: int, where: torch.device) -> tuple[Tensor, ...]:
    return torch.meshgrid(*(torch.arange(size, device=where) for size in (n, height, width)), indexing="ij")


def _flip(images: Tensor, flipped: Tensor) -> Tensor:
    return torch.where(flipped.to(images.device).view(-1, 1, 1, 1), images.flip(3), images)


def _scale(images: Tensor, across: Tensor, down: Tensor) -> Tensor:
    return _affine(images, [[[across[i], 0, 0], [0, down[i], 0]] for i in range(len(images))])


def _rotate(images: Tensor, angle: Tensor) -> Tensor:
    turned = [
        [[torch.cos(angle[i]), torch.sin(-angle[i]), 0], [torch.sin(angle[i]), torch.cos(angle[i]), 0]]
        for i in range(len(images))
    ]
    return _affine(images, turned)


def _affine(images: Tensor, matrices: list[Any]) -> Tensor:
    grid = F.affine_grid(torch.tensor(matrices, dtype=torch.float), list(images.shape), align_corners=True)
    return F.grid_sample(images, grid.to(images.device), align_corners=True)


CHANGES: dict[str, Callable[..., Tensor]] = {
    "brightness": lambda images, added: images + _column(added, images),
    "saturation": _saturation,
    "contrast": _contrast,
    "crop": _crop,
    "cutout": _cutout,
    "flip": _flip,
    "scale": _scale,
    "rotate": _rotate,
}

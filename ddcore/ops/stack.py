"""Networks of one kind as one: every weight gets a first dimension n, and one forward pass serves all n."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from ddcore.ops.nets.base import Net


class Stack:
    """n networks of one kind with their weights stacked: parameters and buffers are (n, …).

    together: whether one vectorised pass serves all (torch.func.vmap) or each has its own; the results agree to
    float error. None: on a GPU, which one small batch does not fill; on a CPU each has its own pass, which took 2.5
    against 4.1 ms for each image of each network (ConvNet-3 of width 128, three networks, batch 25, two cores).
    """

    def __init__(self, networks: Sequence[Net], together: bool | None = None) -> None:
        self._one = networks[0]
        vectorised = next(self._one.parameters()).is_cuda if together is None else together
        self.together = vectorised and len(networks) > 1
        self.parameters: dict[str, Tensor]
        self.buffers: dict[str, Tensor]
        self.parameters, self.buffers = stack_module_state(list(networks))

    def __len__(self) -> int:
        return len(next(iter(self.parameters.values())))

    def __call__(self, images: Tensor) -> Tensor:
        """Logits (n, B, classes) of images (n, B, C, H, W), each network's own batch."""
        if self.together:
            logits: Tensor = vmap(self._forward)(self.parameters, self.buffers, images)
            return logits
        return torch.stack([self._forward(*self.weights(i), images[i]) for i in range(len(self))])

    def train(self, mode: bool = True) -> None:
        """Training or evaluation mode for all of them."""
        self._one.train(mode)

    def member(self, i: int) -> Net:
        """Network i as a module; the same module at every call, with the weights of i put in."""
        parameters, buffers = self.weights(i)
        self._one.load_state_dict({**parameters, **buffers})
        return self._one

    def state(self) -> dict[str, Tensor]:
        """All stacked tensors by name."""
        return {**self.parameters, **self.buffers}

    def weights(self, i: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """(parameters, buffers) of network i by name: views of the stacked ones."""
        return {k: v[i] for k, v in self.parameters.items()}, {k: v[i] for k, v in self.buffers.items()}

    def _forward(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor) -> Tensor:
        logits: Tensor = functional_call(self._one, (parameters, buffers), (images,))
        return logits

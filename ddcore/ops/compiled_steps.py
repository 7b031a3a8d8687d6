"""Forward and backward passes through networks of one kind, compiled once for all of them where that pays.

Notation: n networks, B images of a batch. Other weights need no other graph: for training, they come with every call;
for evaluation, they are put into one network that stays. Both are in float32 (TF32 on a GPU), whatever is faster: these
numbers are what images are judged by.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value, vmap
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_map

from ddcore.ops.acceleration import Acceleration
from ddcore.ops.nets.base import Net
from ddcore.ops.stack import Stack

Tensors = dict[str, Tensor]  # by name
Learnt = tuple[Tensor, Tensor, Tensors, Tensors]  # loss, images answered right, gradients, buffers afterwards
LOOKED_AT = 10_000  # images of the largest evaluated set, where a run does not say how many


class CompiledSteps:
    """Training steps and evaluation passes of networks like this one, for one run.

    looked_at: images of the largest set that is evaluated. A graph has one size, so all sets go through it in pieces of
    the size that suits this one.
    """

    def __init__(self, network: Net, speed: Acceleration, looked_at: int = LOOKED_AT) -> None:
        self.speed, self.looked_at = speed, looked_at
        # Two copies, for the mode of a network is part of its graph.
        self._learner, self._looker = copy.deepcopy(network).train(), copy.deepcopy(network).eval()
        # A forward pass of ConvNet-3 takes 0.5 to 0.75 of the time in this layout on two cores with AVX-512.
        self._looker.to(memory_format=torch.channels_last)
        self._mixes = any(isinstance(layer, _BatchNorm) for layer in network.modules())
        gpu = speed.device.type == "cuda"
        self._one = speed.compiled(self._gradients, layout=gpu)
        self._all = speed.compiled(self._gradients_together, layout=gpu)
        self.logits = speed.compiled(self._logits)
        self.embeddings = speed.compiled(self._embeddings)

    @torch.no_grad()
    def gradients(self, stack: Stack, x: Tensor, y: Tensor, targets: Tensor,
                  batch: int) -> tuple[Tensor, Tensor, list[Tensor]]:
        """(mean losses (n,), images answered right (n,), gradients of each network's loss (n, …)) on x (n, B, C, H, W).

        In pieces of one size that follows from `batch`, the size of a full batch; the last piece is filled up with
        images that count for nothing. Only where batch normalisation mixes the images of a batch is it one piece.
        """
        size = x.shape[1]
        full = x[0, :1].expand(batch, *x.shape[2:])
        piece = size if self._mixes else self.speed.piece(self._learner, full)
        places = torch.arange(-(-size // piece) * piece, device=x.device)
        shares = (places < size).to(x.dtype) / size
        losses, right, gradients = self._piece(stack, x, y, targets, places[:piece] % size, shares[:piece])
        for indices, share in zip((places % size).split(piece)[1:], shares.split(piece)[1:], strict=True):
            more_loss, more_right, more = self._piece(stack, x, y, targets, indices, share)
            losses, right = losses + more_loss, right + more_right
            torch._foreach_add_(gradients, more)
        return losses, right, gradients

    @torch.no_grad()
    def look(self, network: Net) -> CompiledSteps:
        """Use this network's weights in `logits` and `embeddings` from here on."""
        self._looker.load_state_dict(network.state_dict())
        return self

    def piece(self, image: Tensor) -> int:
        """How many images like this one (1, C, H, W) to look at in one pass."""
        return self.speed.piece(self._looker, image.expand(self.looked_at, *image.shape[1:]))

    def _piece(self, stack: Stack, x: Tensor, y: Tensor, targets: Tensor, indices: Tensor,
               share: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """The part that these images of the batch contribute to `gradients`."""
        x, y, targets = x[:, indices], y[:, indices], targets[:, indices]
        if stack.together:
            parameters = {name: p.detach() for name, p in stack.parameters.items()}
            learnt = self._all(parameters, stack.buffers, x, y, targets, share)
        else:
            each = [self._one(*stack.weights(i), x[i], y[i], targets[i], share) for i in range(len(stack))]
            learnt = tree_map(lambda *parts: torch.stack(parts), *each)
        losses, right, gradients, buffers = learnt
        for name, buffer in stack.buffers.items():
            buffer.copy_(buffers[name])
        return losses, right, [gradients[name] for name in stack.parameters]

    def _gradients(self, parameters: Tensors, buffers: Tensors, x: Tensor, y: Tensor, targets: Tensor,
                   share: Tensor) -> Learnt:
        """What one network learns from images x, each with its share in the mean.

        Forward and backward pass are one function of tensors, so one graph: a step on 100 images took 0.62 to 0.76 of
        the eager processor time in it (ConvNet-3 of width 128, one thread of a busy CPU).
        """

        def loss(parameters: Tensors) -> tuple[Tensor, tuple[Tensor, Tensors]]:
            after = {name: buffer.clone() for name, buffer in buffers.items()}
            logits: Tensor = functional_call(self._learner, (parameters, after), (x,))
            return (F.cross_entropy(logits, targets, reduction="none") * share).sum(), (logits, after)

        gradients, (value, (logits, after)) = grad_and_value(loss, has_aux=True)(parameters)
        return value, ((logits.argmax(1) == y) & (share > 0)).sum(), gradients, after

    def _gradients_together(self, parameters: Tensors, buffers: Tensors, x: Tensor, y: Tensor, targets: Tensor,
                            share: Tensor) -> Learnt:
        """The same of all networks in one vectorised pass."""
        learnt: Learnt = vmap(self._gradients, in_dims=(0, 0, 0, 0, 0, None))(parameters, buffers, x, y, targets, share)
        return learnt

    def _logits(self, x: Tensor) -> Tensor:
        """Logits of images x by the network of `look`, in evaluation mode."""
        return self._looker(x)

    def _embeddings(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(the same logits, ‖embedding‖₂ of each image (B,))."""
        embedded = self._looker.embed(x)
        return self._looker.classifier(embedded), embedded.norm(dim=1)

"""How the arithmetic of a run is done: plainly, or compiled and in the fastest precision that keeps the result.

Everything here follows from the run's config and the machine, never from a clock, so that the same run on the same
machine gives the same bits. `exact` is the plain path that the fast ones are held to: eager, float32, whole batches.
"""

from __future__ import annotations

import contextlib
import copy
import math
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from torch._functorch import config as _functorch
from torch.utils._pytree import tree_map_only

from ddcore.counts import WORTH_COMPILING
from ddcore.ops.nets import Net, reinitialise

Function = TypeVar("Function", bound=Callable[..., Any])

# Numbers of the largest map that a piece of images may have on a CPU: 8 MB, 16 images through ConvNet-3 of width 128.
# Larger pieces leave the cache: 320 images took 0.73 s of two cores at once, 0.53 s in such pieces.
CACHED = 2**21
GPU_MAPS = 2**33  # bytes that the maps of one piece may take on a GPU
MAPS_KEPT = 4  # tensors of a map's size that a layer keeps: convolved, normalised, activated, pooled


class Acceleration:
    """What one run may use of the machine.

    work: multiply-adds of the whole run; note(text): called once, where something is not as fast as it could be. Sets
    torch's own switches for the whole process (TF32, and how backward passes are compiled): a process computes one run.

    long: whether compiling pays for this run, which follows from its config alone; compiles: whether `compiled`
    compiles; graphs: how many functions it was given; half: whether `precision` lowers anything; beside: whether the
    device works beside the host, so that waiting for one another is avoided.
    """

    def __init__(
        self, device: torch.device, *, exact: bool = False, work: float = 0,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.device, self.exact, self._note = device, exact, note
        self.half, self.long = not exact and has_half(device), not exact and work >= WORTH_COMPILING[device.type]
        self.beside = not exact and works_beside(device)
        self.compiles, self.graphs = self.long, 0
        self._used = {"compiled": False, "half": False}
        self._fitting: dict[tuple[Net, torch.Size], int] = {}
        if self.compiles and (missing := no_compiler(device)):
            self._stop_compiling(missing)
        if self.compiles:
            # A backward pass is compiled with its forward pass, so that it fails where it is guarded; DataDAM runs it
            # twice.
            _functorch.force_non_lazy_backward_lowering, _functorch.donated_buffer = True, False
        if device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = not exact

    def compiled(self, function: Function, *, layout: bool = True, graphs: bool = True) -> Function:
        """The function, compiled where that pays; the same function where it does not or the compiler fails.

        layout: whether the compiler may choose the memory layout of convolutions. Forward passes gain by it; training
        on a CPU loses (0.57 against 0.42 s for a step on 100 images). graphs: whether a GPU replays all launches as one
        (CUDA graphs); small batches are limited by their launches.
        """
        if not self.compiles:
            return function
        replayed = graphs and self.device.type == "cuda"
        options: dict[str, Any] = {"layout_optimization": layout, "triton.cudagraphs": replayed}
        # A whole graph or none: what breaks into pieces would silently run at half the speed.
        fast = torch.compile(function, dynamic=False, fullgraph=True, options=options)
        self.graphs += 1

        def call(*arguments: Any) -> Any:
            if not self.compiles:
                return function(*arguments)
            try:
                result = fast(*arguments)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # whatever a compiler may raise; our own errors the plain function raises again
                result = function(*arguments)
                self._stop_compiling(f"the compiler failed ({type(error).__name__})")
                return result
            self._used["compiled"] = True
            if replayed and not torch.is_grad_enabled():  # in memory that the next replay does not write
                return tree_map_only(Tensor, Tensor.clone, result)
            return result

        return cast("Function", call)

    @contextlib.contextmanager
    def precision(self) -> Iterator[None]:
        """bfloat16 for convolutions and products where this machine is fast in it; else nothing changes."""
        if not self.half:
            yield
            return
        self._used["half"] = True
        with torch.autocast(self.device.type, torch.bfloat16):
            yield

    @torch.no_grad()
    def piece(self, network: Net, images: Tensor) -> int:
        """How many of these images (N, C, H, W) to put through the network at once, at least 1; all N where exact.

        On a CPU their maps stay in its cache. Where a slightly smaller piece divides N, that one: a last, smaller one
        would be compiled by itself.
        """
        if self.exact:
            return len(images)
        key = network, images.shape[1:]
        if key not in self._fitting:
            sizes = map_sizes(network, images[:1].detach()) or [images[0].numel()]
            on_cpu, on_gpu = CACHED // max(sizes), GPU_MAPS // (4 * MAPS_KEPT * sum(sizes))
            self._fitting[key] = max(1, on_cpu if self.device.type == "cpu" else on_gpu)
        return even(len(images), self._fitting[key])

    def told(self) -> dict[str, bool]:
        """How the run was computed so far, for its summary."""
        return {"exact": self.exact, **self._used}

    def differs(self, long: bool) -> str:
        """Why this run cannot go on from a shorter or longer one's results; "" where it can.

        long: of that run. Computed at once, all steps would be compiled or none, and compiling changes how numbers are
        rounded.
        """
        if long == self.long:
            return ""
        done, whole = ("not worth", "is") if self.long else ("worth", "is not")
        return f"what is done was {done} compiling, the whole {whole}, and compiled arithmetic rounds otherwise"

    def _stop_compiling(self, why: str) -> None:
        """Compute without the compiler from here on."""
        self.compiles = False
        self._note(f"Computed without a compiler, which takes longer: {why}.")


class Redrawn:
    """A network whose weights are drawn anew again and again: draw k gives the very ones of `nets.build`.

    Where the device works beside the host (`Acceleration.beside`), draw k + 1 goes into a spare network while k is at
    work, on a GPU by a stream of its own, and is put in with one copy. Elsewhere each is drawn in its place.
    """

    def __init__(self, network: Net, generator: Callable[[int], torch.Generator], speed: Acceleration) -> None:
        """generator(k): what draw k is drawn from."""
        self._network, self._generator = network, generator
        self._spare = copy.deepcopy(network) if speed.beside else None
        self._held: int | None = None  # the draw that the spare holds
        gpu = speed.beside and speed.device.type == "cuda"
        self._stream = torch.cuda.Stream(speed.device) if gpu else None

    @torch.no_grad()
    def draw(self, number: int) -> None:
        """Give the network the weights of this draw, in place."""
        if self._spare is None:
            # Weights are drawn in the order of memory, so in the plain layout.
            self._network.to(memory_format=torch.contiguous_format)
            reinitialise(self._network, self._generator(number))
            return
        if self._held != number:  # at the start of a run, also of a resumed one
            self._prepare(number)
        if self._stream:
            torch.cuda.current_stream(self._stream.device).wait_stream(self._stream)
        torch._foreach_copy_(list(self._network.state_dict().values()), list(self._spare.state_dict().values()))
        self._prepare(number + 1)

    def _prepare(self, number: int) -> None:
        """Draw into the spare, as soon as its last weights have been copied."""
        assert self._spare is not None
        if self._stream:
            self._stream.wait_stream(torch.cuda.current_stream(self._stream.device))
        with torch.cuda.stream(self._stream):  # None: no other stream
            reinitialise(self._spare, self._generator(number))
        self._held = number


def works_beside(device: torch.device) -> bool:
    """Whether the host goes on while this device works."""
    return device.type == "cuda"


def has_half(device: torch.device) -> bool:
    """Whether this device multiplies bfloat16 faster than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # private: another torch may not have them
    return any(getattr(torch.cpu, name, bool)() for name in checks)


def no_compiler(device: torch.device) -> str:
    """Why nothing can be compiled for this device; "" if it can."""
    if device.type == "cuda":
        from torch.utils._triton import has_triton

        return "" if has_triton() else "Triton, the compiler for GPUs, is not installed"
    compilers = (os.environ.get("CXX", ""), "g++", "clang++", "c++", "cl")
    return "" if any(map(shutil.which, compilers)) else "no C++ compiler was found (g++ or clang++)"


@torch.no_grad()
def map_sizes(network: Net, image: Tensor) -> list[int]:
    """Numbers in each map of this image (1, C, H, W), shallow to deep; the network stays in its mode."""
    was_training = network.training
    maps, _ = network.eval().maps(image)
    network.train(was_training)
    return [one.numel() for one in maps]


def even(n: int, most: int) -> int:
    """The largest divisor of n up to `most`, unless that is less than a quarter of it: then `most` itself."""
    if n <= most:
        return n
    divisor = max(d for k in range(1, math.isqrt(n) + 1) if n % k == 0 for d in (k, n // k) if d <= most)
    return divisor if 4 * divisor >= most else most

"""Image sets on disk: safetensors, read as numpy arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddcore.errors import RunBroken
from ddcore.runs.files import write_bytes

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Images:
    """images: float32 (N, C, H, W), normalised with mean, std; labels: int64 (N,).

    Where a method learnt them: label_logits, float32 (N, classes); lr, a learning rate.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    label_logits: np.ndarray | None = None
    lr: float | None = None


def write_images(path: Path, images: Images) -> None:
    """Store a set, atomically."""
    import numpy as np

    labels = {"labels": np.ascontiguousarray(images.labels, dtype=np.int64)}
    _write(path, images, "float32", labels, classes=images.classes, mean=images.mean, std=images.std)


def write_snapshot(path: Path, images: Images) -> None:
    """Store what a method learns of a set: pixels, in half precision, and any label logits and learning rate."""
    _write(path, images, "float16", {})


def _write(path: Path, images: Images, dtype: str, arrays: dict[str, np.ndarray], **facts: Any) -> None:
    import numpy as np
    from safetensors.numpy import save

    tensors = {"images": np.ascontiguousarray(images.images, dtype=dtype), **arrays}
    if images.label_logits is not None:
        tensors["label_logits"] = np.ascontiguousarray(images.label_logits, dtype=np.float32)
    facts = {**facts, "lr": images.lr}
    write_bytes(path, save(tensors, metadata={name: json.dumps(value) for name, value in facts.items()}))


def read_images(path: Path) -> Images:
    """A stored set. FileNotFoundError when absent, RunBroken when the file is not one."""
    tensors, facts = _read(path, "images", "labels")
    try:
        classes, mean, std = (tuple(json.loads(facts[name])) for name in ("classes", "mean", "std"))
        lr = json.loads(facts.get("lr", "null"))
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise RunBroken(f"{path.name} does not say its classes, mean and std ({error})") from None
    images, labels = tensors["images"], tensors["labels"]
    if images.ndim != 4 or labels.shape != images.shape[:1]:
        raise RunBroken(f"{path.name} holds images {images.shape} but labels {labels.shape}")
    soft = _soft_labels(path.name, tensors, len(classes))
    return Images(
        images.astype("float32", copy=False), labels.astype("int64", copy=False), classes, mean, std, soft, lr
    )


def read_std(path: Path) -> tuple[float, ...]:
    """What a stored set was normalised with, without reading its images; () where that cannot be told."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            std = tuple(map(float, json.loads((file.metadata() or {})["std"])))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return ()
    return std if all(one > 0 for one in std) else ()


def read_snapshot(path: Path, initial: Images) -> Images:
    """The set that began as `initial`, as it was then. FileNotFoundError when absent, RunBroken where it cannot be."""
    tensors, facts = _read(path, "images")
    images, name = tensors["images"].astype("float32"), f"snapshot {path.stem}"
    if images.shape != initial.images.shape:
        raise RunBroken(f"{name} has another shape than the initial images")
    soft = _soft_labels(name, tensors, len(initial.classes))
    try:
        return replace(initial, images=images, label_logits=soft, lr=json.loads(facts.get("lr", "null")))
    except (ValueError, RecursionError) as error:
        raise RunBroken(f"{name} does not tell its learning rate ({error})") from None


def _soft_labels(name: str, tensors: Mapping[str, np.ndarray], classes: int) -> np.ndarray | None:
    """The label logits of a file's images; RunBroken where they are not (N, classes)."""
    soft, n = tensors.get("label_logits"), len(tensors["images"])
    if soft is not None and soft.shape != (n, classes):
        raise RunBroken(f"{name} holds images {tensors['images'].shape} but label logits {soft.shape}")
    return soft


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file by name. FileNotFoundError when absent, RunBroken when it is none of ours."""
    return _read(path)[0]


def _read(path: Path, *needed: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """(all arrays by name, header). RunBroken where one that is needed is not there."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        with safe_open(path, framework="np") as file:
            if missing := set(needed) - set(file.keys()):
                raise RunBroken(f"{path.name} holds no {', '.join(sorted(missing))}")
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise RunBroken(f"{path.name} cannot be read: {error}") from None

"""A Recorder in memory, for tests of what a run does rather than of where it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ddcore.errors import Cancelled, StepsAside
from ddcore.experiments import ImageSet


class MemoryRecorder:
    """Keeps everything it is told. cancel_at: raise Cancelled at this many looks at the flag; aside: others wait, and
    this run has had its time."""

    aside = False

    def __init__(
        self, point: tuple[dict[str, Any], dict[str, Any]] | None = None, cancel_at: int | None = None
    ) -> None:
        self.point, self.cancel_at, self.looks = point, cancel_at, 0
        self.events: list[dict[str, Any]] = []
        self.snapshots: dict[int, Any] = {}
        self.sets: dict[str, ImageSet] = {}
        self.arrays: dict[str, dict[str, Any]] = {}
        self.maps: dict[str, np.ndarray] = {}
        self.pictures: dict[str, bytes] = {}
        self.points: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.parents: dict[str, Any] = {}
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def event(self, event: str, **fields: Any) -> None:
        self.events.append({"event": event, **fields})

    def progress(self, done: int, total: int, phase: str = "") -> None:
        assert 0 <= done <= total

    def check_cancelled(self) -> None:
        self.looks += 1
        if self.cancel_at is not None and self.looks >= self.cancel_at:
            raise Cancelled("stopped by the test")

    def slice_over(self) -> bool:
        return self.aside

    def give_way(self) -> None:
        if self.aside:
            raise StepsAside("stopped by the test")

    def snapshot(self, step: int, images: ImageSet) -> None:
        self.snapshots[step] = images.images.clone()

    def save_images(self, name: str, images: ImageSet) -> None:
        self.sets[name] = images

    def save_arrays(self, name: str, arrays: Mapping[str, Any]) -> None:
        self.arrays[name] = dict(arrays)

    def mapped(self, name: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        kept = self.maps.get(name)
        if kept is None or (kept.shape, kept.dtype) != (shape, np.dtype(dtype)):
            kept = self.maps[name] = np.zeros(shape, dtype)
        return kept

    def save_picture(self, name: str, png: bytes) -> None:
        self.pictures[name] = png

    def uses(self, told: Callable[[], Mapping[str, bool]]) -> None:
        pass

    def checkpoint(self, tensors: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        self.points.append((dict(tensors), dict(meta)))

    def resume_point(
        self, refuse: Callable[[Mapping[str, Any]], str] = lambda meta: ""
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        return None if self.point is None or refuse(self.point[1]) else self.point

    def parent(self, run_id: str) -> Any:
        return self.parents[run_id]

    def built_on(self) -> tuple[Any, ...]:
        return tuple(self.parents.values())

    def told(self, event: str) -> list[dict[str, Any]]:
        return [e for e in self.events if e["event"] == event]

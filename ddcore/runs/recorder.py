"""What a running experiment says, written into its run folder."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ddcore.errors import Cancelled, RunBroken, StepsAside, Waits
from ddcore.experiments.base import Ended, ImageSet, Parent, Point, Spec
from ddcore.runs import checkpoint, clock, provenance, validation, whole
from ddcore.runs.checkpoint import Checkpoint
from ddcore.runs.events import read_events, rewind
from ddcore.runs.files import check_room, dumps, size, sweep, usable, write_bytes, write_json
from ddcore.runs.images import Images, write_images, write_snapshot
from ddcore.runs.parent import finished
from ddcore.runs.record import RunRecord
from ddcore.runs.state import CANCEL_FLAG, SLICE_FLAG, awaited, ended_at, resumes, sessions
from ddcore.runs.store import Store, checked_name, final_step
from ddcore.summary import Arithmetic, Summary

if TYPE_CHECKING:
    import torch

PROGRESS_SECONDS = 0.25
MOST_SESSIONS = 3  # after which a run that is interrupted again and again is given up by the one that waits for it
SPEED_WINDOW = 60  # progress notes over which the speed is measured


class FolderRecorder:
    """Implements `experiments.base.Recorder` on the folder of the run `run_id`.

    Made by the one worker that runs it; seconds: spent on it before. Events and time go back to the run's checkpoint,
    if there is one, so that what a killed worker did after it is not told twice.
    """

    def __init__(self, store: Store, run_id: str, seconds: float = 0.0) -> None:
        self.record = store.own(run_id, "computed again")
        self.store = store.known_to(self.record)
        self.folder: Path = self.record.folder
        self._began = time.monotonic() - seconds
        self._last: tuple[int, int, str] = (0, 0, "")
        self._written = float("-inf")
        self._speed: deque[tuple[float, int]] = deque(maxlen=SPEED_WINDOW)
        self._first = 0
        self._mapped: list[np.memmap] = []
        self._told: Callable[[], Mapping[str, bool]] = dict
        self._worked_since: float | None = None
        sweep(self.folder)
        self._start = self._starting_point()
        self._awaited = awaited(self.folder)
        self.progress(0, 0, "Starting")

    def note(self, text: str) -> None:
        with open(self.folder / "log.txt", "a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")

    def event(self, event: str, **fields: Any) -> None:
        with open(self._events, "ab") as file:
            file.write((dumps({"event": event, **fields}) + "\n").encode())

    def progress(self, done: int, total: int, phase: str = "") -> None:
        now = time.monotonic()
        if done < self._last[0] or total != self._last[1]:
            self._speed.clear()
            self._first = done
        changed = (total, phase) != self._last[1:] or done >= total
        self._last = (done, total, phase)
        if changed or now - self._written >= PROGRESS_SECONDS:
            if done > self._first:  # the first step also loads, compiles and warms up
                self._speed.append((now, done))
            self._write_progress(now)

    def check_cancelled(self) -> None:
        if (self.folder / CANCEL_FLAG).exists():
            raise Cancelled("stopped because somebody asked for it")

    def slice_over(self) -> bool:
        if self._worked_since is None:
            self._worked_since = time.monotonic()
        try:
            seconds = float((self.folder / SLICE_FLAG).read_bytes())
        except FileNotFoundError:
            return False
        return time.monotonic() - self._worked_since >= seconds

    def give_way(self) -> None:
        if self.slice_over():
            self._write_progress(time.monotonic())
            done, total, phase = self._last
            self.note(f"Steps aside for others ({phase}, {done} of {total}).")
            raise StepsAside("others wait, and it has had its time")

    def snapshot(self, step: int, images: ImageSet) -> None:
        write_snapshot(self._subfolder("snapshots") / f"{step}.safetensors", _stored(images))

    def save_images(self, name: str, images: ImageSet) -> None:
        write_images(self.folder / f"{checked_name(name)}.safetensors", _stored(images))

    def save_arrays(self, name: str, arrays: Mapping[str, torch.Tensor]) -> None:
        write_bytes(self.folder / f"{checked_name(name)}.safetensors", checkpoint.serialised(arrays))

    def mapped(self, name: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        path = self.folder / f"{checked_name(name)}.npy"
        with usable(self.folder):
            if (array := _present(path, shape, dtype)) is None:
                check_room(self.folder, math.prod(shape) * np.dtype(dtype).itemsize)
                _reserve(path, shape, dtype)
                array = np.lib.format.open_memmap(path, mode="r+")
        self._mapped.append(array)
        return array

    def save_picture(self, name: str, png: bytes) -> None:
        write_bytes(self._subfolder("pictures") / f"{checked_name(name)}.png", png)

    def uses(self, told: Callable[[], Mapping[str, bool]]) -> None:
        self._told = told

    def parent(self, run_id: str) -> Parent:
        return finished(self.store, run_id)

    def answered(self, spec: Spec) -> Parent | None:
        one = self._question(spec)
        return finished(self.store, one.key) if self._is_done(one) else None

    def _question(self, question: Spec) -> Spec:
        """The question as this run asks it: a private one where it would be everybody's and nobody has answered it, for
        what it asks on its way tells of it."""
        if not self.record.private or self.store.place(question) != self.store.root:
            return question
        own = question.private(self.record.salt)
        return question if self._is_done(question) and not self.store.exists(own.key) else own

    def _is_done(self, question: Spec) -> bool:
        return self.store.exists(question.key) and self.store.record(question.key).state == "done"

    def answer(self, spec: Spec, summary: Summary, seconds: float) -> Parent:
        with self.store.lock():
            record = self.store.create(self._question(spec))
            if record.state != "done":
                part = FolderRecorder(self.store, record.id, seconds)
                part.finish(summary, {"started": max(0.0, clock.now() - seconds)})
        return finished(self.store, record.id)

    def built_on(self) -> tuple[Parent, ...]:
        return tuple(finished(self.store, run_id) for run_id in self.record.info["parents"])

    def ended(self, spec: Spec) -> Ended | None:
        one = self._question(spec)
        if not self.store.exists(one.key):
            return None
        record = self.store.record(one.key)
        if record.active or (record.state != "done" and (record.id not in self._awaited or self._goes_on(record))):
            return None
        return Ended(record.id, record.state, record.problem or "", record.summary)

    def _goes_on(self, record: RunRecord) -> bool:
        """Whether a run that is not done ended by chance: its process was killed, or that of a run it builds on."""
        begun = sessions(record.folder)
        if record.state == "interrupted" and begun:
            return begun < max(MOST_SESSIONS, resumes() + 1)  # as often as it goes on by itself, too
        if record.state not in ("failed", "interrupted") or begun:
            return False
        given_up = ended_at(record.folder)
        parents = [self.store.record(one) for one in record.info["parents"] if self.store.exists(one)]
        return any(parent.info["times"].get("finished", 0.0) > given_up if parent.state == "done"
                   else parent.active or self._goes_on(parent) for parent in parents)

    def wait_for(self, specs: Sequence[Spec]) -> NoReturn:
        raise Waits([self._question(one) for one in specs])

    def checkpoint(self, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> None:
        self._flush()
        head = replace(self._start, meta=dict(meta), seconds=self.seconds(), events=_length(self._events),
                       used=self._used(), sessions=self._sessions())
        head.write(tensors)

    def resume_point(self, refuse: Callable[[Mapping[str, Any]], str] = lambda meta: "") -> Point | None:
        if self._own.exists():
            if not (why := refuse(self._start.meta)):
                return self._start.tensors(), self._start.meta
            self.note(f"Begins anew: {why}.")
            self._start = self._beginning()
        if (shorter := self.store.longest_prefix(self.record)) is None:
            return None
        try:
            point = Checkpoint.read(shorter.folder)
            self._check_taken(shorter)
        except RunBroken as error:
            self.note(f"Begins anew, not where run {shorter.id} ended: {error}.")
            return None
        if point is None:  # thrown away meanwhile
            return None
        if why := refuse(point.meta):
            self.note(f"Begins anew, not where run {shorter.id} ended: {why}.")
            return None
        self._take_over(shorter, point)
        self._start = replace(point, path=self._own, meta={}, origin=shorter.id)
        self.note(f"Continues run {shorter.id}: {shorter.info['length']} of {self.record.info['length']} are done.")
        return point.tensors(), point.meta

    def _starting_point(self) -> Checkpoint:
        """The run's own checkpoint, else the very beginning."""
        try:
            own = Checkpoint.read(self.folder)
        except RunBroken as error:
            self.note(f"Begins anew: {error}.")
            return self._beginning()
        if own is None:
            return self._beginning()
        if _length(self._events) < own.events:
            own = self._with_a_gap(own)
        rewind(self._events, own.events)
        return own

    def _with_a_gap(self, own: Checkpoint) -> Checkpoint:
        """The checkpoint as it is once events from before it were lost: what this session adds stands behind those that
        are left whole, and is taken back where the next one begins here too."""
        left = read_events(self._events)[1]
        self.note(f"{size(own.events - left)} of what was recorded are lost: curves have a gap.")
        own = replace(own, events=left, lost=own.lost + own.events - left)
        own.write(own.tensors())
        return own

    def _beginning(self) -> Checkpoint:
        """The very beginning, to which nothing of an earlier session belongs."""
        self._own.unlink(missing_ok=True)
        rewind(self._events, 0)
        for snapshot in self.folder.glob("snapshots/*"):
            snapshot.unlink()
        return Checkpoint(self._own)

    def _check_taken(self, shorter: RunRecord) -> None:
        """RunBroken where what is taken over from a shorter run is not what was written."""
        taken = ("events.jsonl", "images.safetensors", "snapshots/")
        if damaged := whole.problems(shorter, [n for n in validation.names(shorter.folder) if n.startswith(taken)]):
            raise RunBroken("; ".join(damaged))

    def _take_over(self, shorter: RunRecord, point: Checkpoint) -> None:
        """The shorter run's events, snapshots and result become the beginning of this one's history."""
        if (events := shorter.folder / "events.jsonl").exists():
            write_bytes(self._events, events.read_bytes()[: point.events])
        if (shorter.folder / "snapshots").is_dir():
            shutil.copytree(shorter.folder / "snapshots", self._subfolder("snapshots"), dirs_exist_ok=True)
        if (last := final_step(shorter)) is not None:
            write_snapshot(self._subfolder("snapshots") / f"{last}.safetensors", self.store.images(shorter.id))

    def seconds(self) -> float:
        """Time spent on the result so far: all sessions since its beginning, also of the run it continues."""
        return round(self._start.seconds + time.monotonic() - self._began, 3)

    def finish(self, summary: Summary, job: Mapping[str, Any]) -> None:
        """Write run.json: from then on the run is done. job: what job.json says of this session."""
        info = self.record.info
        times = {"submitted": info["times"].get("submitted"), "started": job.get("started"), "finished": clock.now(),
                 "seconds": self.seconds()}
        if summary.arithmetic is not None:
            used = Arithmetic(**{**vars(summary.arithmetic), **self._used()})
            summary = summary.model_copy(update={"arithmetic": used})
        self._flush()
        now = provenance.session()
        answer = {
            **info, **now, "earlier": [one for one in self._sessions() if one != now] or None,
            "times": times, "sessions": job.get("sessions", 1), "continued_from": self._start.origin,
            "peak_memory_bytes": provenance.peak_memory_bytes(), "outcome": "done", "summary": summary.to_json(),
            "lost_events": self._start.lost or None, "files": whole.hashes(self.folder, validation.names(self.folder)),
        }
        done, total, phase = self._last
        self._last = (max(done, total), total, phase)
        self._write_progress(time.monotonic())
        write_json(self.folder / "run.json", {name: value for name, value in answer.items()
                                              if value is not None or name not in ("earlier", "lost_events")})

    def _used(self) -> dict[str, bool]:
        """How all sessions of this run computed, as far as they said."""
        now, before = self._told(), self._start.used
        return {name: bool(now.get(name)) or bool(before.get(name)) for name in {**before, **now}}

    def _sessions(self) -> list[dict[str, Any]]:
        """Where and with what this run was computed so far, each once."""
        now = provenance.session()
        return [*(one for one in self._start.sessions if one != now), now]

    def _flush(self) -> None:
        """What was written to mapped arrays survives a power cut from now on, as what is told after it does."""
        for array in self._mapped:
            array.flush()

    @property
    def _events(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def _own(self) -> Path:
        return self.folder / checkpoint.FILE

    def _subfolder(self, name: str) -> Path:
        place = self.folder / name
        place.mkdir(exist_ok=True)
        return place

    def _write_progress(self, now: float) -> None:
        (done, total, phase), self._written = self._last, now
        note = {"done": done, "total": total, "phase": phase, "elapsed": self.seconds(), "eta": self._eta()}
        write_json(self.folder / "progress.json", note, durable=False)

    def _eta(self) -> float | None:
        """Seconds to go at the speed of the last while; None until steps after the first are timed."""
        if len(self._speed) < 2:
            return None
        (t0, d0), (t1, d1) = self._speed[0], self._speed[-1]
        if d1 <= d0 or t1 - t0 < 2 * PROGRESS_SECONDS:
            return None
        return round((self._last[1] - self._last[0]) * (t1 - t0) / (d1 - d0), 1)


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _present(path: Path, shape: tuple[int, ...], dtype: str) -> np.memmap | None:
    """The whole array of this shape and dtype that lies there, writable; None where there is none."""
    try:
        length = path.stat().st_size
        array = np.lib.format.open_memmap(path, mode="r+")  # a file that was cut short is filled up with zeros
    except (FileNotFoundError, ValueError):
        return None
    whole = array.offset + array.nbytes == length
    return array if whole and (array.shape, array.dtype) == (shape, np.dtype(dtype)) else None


def _reserve(path: Path, shape: tuple[int, ...], dtype: str) -> None:
    """Make a file of zeros that has its place on the disk: one that filled up later would kill the process."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        np.lib.format.open_memmap(temporary, mode="w+", dtype=dtype, shape=shape)
        with open(temporary, "r+b") as file:
            if hasattr(os, "posix_fallocate"):  # macOS has none
                os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _stored(images: ImageSet) -> Images:
    """The set as numpy arrays."""
    soft = None if images.label_logits is None else _array(images.label_logits)
    arrays = _array(images.images), _array(images.labels)
    return Images(*arrays, images.classes, images.mean, images.std, soft, images.lr)


def _array(values: Any) -> np.ndarray:
    """A tensor (of any device and precision) or an array, as numpy."""
    if not hasattr(values, "detach"):
        return np.asarray(values)
    values = values.detach().cpu()
    return np.asarray((values.float() if values.is_floating_point() else values).numpy())

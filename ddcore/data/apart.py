"""What people bring is looked into by a process of its own: a hostile archive may keep it busy, fill it or kill it.

    python -m ddcore.data.apart

reads a task, a line of JSON, from standard input and writes lines of JSON: how far it is, then its answer. It ends when
its input does, with whoever asked. Pages and the command line share this way, and its limits.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from ddcore import home
from ddcore.data import adding, arranging, images, own, preview, source
from ddcore.data.base import Dataset
from ddcore.data.layout import Choice, Doubtful, Layout, Problem, Row
from ddcore.data.preview import Fact, Preview, Progress
from ddcore.errors import ConfigError, DataRefused, DDCoreError
from ddcore.hosting import owners, quotas, rights
from ddcore.hosting.people import acting

MEMORY = 2 * 2**30  # bytes: the largest image that is allowed takes a third, with all that is made of it
SECONDS = 900  # of one task
AT_ONCE = 2  # processes of one server
TICK = 0.2  # seconds between two signs of life
MAX_LINE = 16 * 2**20  # characters of an answer
LAST = 5.0  # seconds that a process has to end after its last word
COMMAND = (sys.executable, "-m", "ddcore.data.apart")
SPARING = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}  # of address space
NICE = 10

_turns = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Brought:
    """What somebody brought.

    place: a folder or a zip; name: its own; notes: a file in which `look` leaves what it found of every image, for
    `examples` and `add`.
    """

    place: Path
    name: str
    notes: Path

    @property
    def kind(self) -> str:
        return "folder" if self.place.is_dir() else "zip"

    @property
    def called(self) -> str:
        return source.called(self.name)


def look(brought: Brought, reading: str = "", on_progress: Progress = lambda done, total: None,
         waits: Callable[[], object] = lambda: None) -> Preview:
    """What is in it, as a page tells it: without its rows and facts, and with the first few of what cannot be read.

    reading: see arranging.arrange; on_progress: called at least every TICK seconds, with a total of 0 until the files
    are listed; waits: called as often while others are at it. What either raises ends the process. Raises DataRefused,
    and Doubtful where it is not certain how it is meant.
    """
    return _preview(_asked("look", brought, {"reading": reading}, on_progress, waits))


def noted(brought: Brought) -> Preview:
    """All that `look` found."""
    return _preview(json.loads(brought.notes.read_text()))


def examples(
    brought: Brought, on_progress: Progress = lambda done, total: None, waits: Callable[[], object] = lambda: None,
    **given: Any,
) -> dict[str, list[np.ndarray]]:
    """preview.examples of what was looked at, with what is given; raises DataRefused where it has changed since."""
    answer = _asked("examples", brought, given, on_progress, waits)
    return {name: [np.frombuffer(base64.b64decode(data), np.uint8).reshape(shape) for shape, data in some]
            for name, some in answer.items()}


def add(
    brought: Brought, config: adding.AddConfig, root: Path, on_progress: Progress = lambda done, total: None,
    reserved: Callable[[], bool] = lambda: True, waits: Callable[[], object] = lambda: None,
) -> Dataset:
    """adding.add of what was looked at; raises as that does. Nothing is left behind then, even of a killed process."""
    given = {"config": config.values(), "root": str(root)}
    with rights.deed("add-data", config.name):
        if quotas.limited():
            _check_quota(brought, config, root)
        facts = _asked("add", brought, given, on_progress, waits, reserved, lambda pid: own.clear(root, pid))
        owners.take_over(acting().id, owners.data_set(config.name))
    return own.described(facts, removed=False)


def _check_quota(brought: Brought, config: adding.AddConfig, root: Path) -> None:
    """QuotaReached where who acts has as many data sets as may be, or this one would take too much of the disk."""
    me = acting().id
    mine = [one for one in owners.owned(me) if one.startswith(owners.data_set("")) and own.exists(one[5:], root)]
    quotas.check("datasets", len(mine))
    quotas.check_disk(lambda: adding.most_bytes(noted(brought), config))


# The one that asks


def _asked(
    task: str, brought: Brought, given: Mapping[str, Any], on_progress: Progress, waits: Callable[[], object],
    reserved: Callable[[], bool] = lambda: True, ended: Callable[[int], object] = lambda pid: None,
) -> Any:
    """The answer of a process that does this task; ended: called with its process id when it is over."""
    question = {"task": task, "place": str(brought.place.absolute()), "name": brought.name,
                "notes": str(brought.notes.absolute()), "given": given}
    with _turn(waits), _child(ended) as child:
        assert child.stdin is not None
        lines = _lines(child)
        _tell(child.stdin, question)
        until = time.monotonic() + SECONDS
        done = (0, 0)
        said: Any
        while True:
            if time.monotonic() > until:
                raise DataRefused(f"{brought.called} takes more than the {SECONDS // 60} minutes allowed: bring fewer "
                                  "or smaller images")
            with contextlib.suppress(queue.Empty):
                line = lines.get(timeout=TICK)
                word, said = line or ("", None)
                if word == "answer":
                    return said
                if word == "refused":
                    raise DataRefused(said)
                if word == "doubt":
                    text, choices = said
                    raise Doubtful(text, [Choice(*choice) for choice in choices])
                if word == "problems":
                    raise ConfigError(said)
                if word == "reserved":
                    _tell(child.stdin, reserved())
                elif word != "done":
                    raise DataRefused(_death(brought.called, child))
                else:
                    done = (int(said[0]), int(said[1]))
            on_progress(*done)


@contextlib.contextmanager
def _turn(waits: Callable[[], object]) -> Iterator[None]:
    while not _turns.acquire(timeout=TICK):
        waits()
    try:
        yield
    finally:
        _turns.release()


@contextlib.contextmanager
def _child(ended: Callable[[int], object]) -> Iterator[subprocess.Popen[str]]:
    """The process; in whatever way this is left, it is no longer there then."""
    place = {"DDCORE_HOME": str(home.home()), "DDCORE_DATA": str(home.data_root())}
    child = subprocess.Popen(
        COMMAND, cwd=home.PROJECT, env={**os.environ, **place, **SPARING}, text=True, encoding="utf-8",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]
        ended(child.pid)


def _lines(child: subprocess.Popen[str]) -> queue.Queue[tuple[str, Any] | None]:
    """What the process says, as it comes; None at its end, or where it says what no process of ours says."""
    said: queue.Queue[tuple[str, Any] | None] = queue.Queue(maxsize=1000)

    def read(stream: IO[str]) -> None:
        with contextlib.suppress(ValueError, TypeError, OSError):
            while line := stream.readline(MAX_LINE):
                word, value = json.loads(line)
                said.put((word, value), timeout=SECONDS)
        said.put(None, timeout=SECONDS)

    threading.Thread(target=read, args=(child.stdout,), daemon=True).start()
    return said


def _tell(stream: IO[str], message: Any) -> None:
    with contextlib.suppress(OSError):  # it died: its output says so
        stream.write(json.dumps(message) + "\n")
        stream.flush()


def _death(called: str, child: subprocess.Popen[str]) -> str:
    """What is said of a process that ended without an answer."""
    try:
        status = child.wait(LAST)
    except subprocess.TimeoutExpired:
        how = "said nothing that makes sense"
    else:
        names = {-number: number.name for number in signal.Signals}
        how = f"was killed ({names[status]}; out of memory?)" if status in names else f"ended with status {status}"
    return f"{called} could not be worked on: the process that did it {how}. Nothing else was touched; try it again, " \
           "or bring fewer or smaller images"


# The process itself


def main() -> None:
    answers = _requests()
    question = answers.get()
    _limit()
    say = _Saying()

    def reserved() -> bool:
        say("reserved", None)
        return bool(answers.get())

    try:
        brought = Brought(Path(question["place"]), question["name"], Path(question["notes"]))
        say("answer", _TASKS[question["task"]](brought, question["given"], say.progress, reserved))
    except Doubtful as doubt:
        say("doubt", [doubt.text, doubt.choices])
    except ConfigError as error:
        say("problems", [str(problem) for problem in error.problems])
    except DDCoreError as error:
        say("refused", str(error))
    except MemoryError:
        say("refused", f"{source.called(question['name'])} takes more than the {MEMORY // 2**20:,} MB of memory "
                       "allowed: bring fewer or smaller images")
    except images.Unreadable as error:
        say("refused", f"{source.called(question['name'])} could be read before and cannot now: {error}")


class _Saying:
    """Lines on standard output; what libraries print goes elsewhere."""

    def __init__(self) -> None:
        self._stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._moved = 0.0

    def __call__(self, word: str, said: Any) -> None:
        self._stream.write(_json([word, said]) + "\n")
        self._stream.flush()

    def progress(self, done: int, total: int) -> None:
        if done == total or time.monotonic() - self._moved > TICK / 2:
            self._moved = time.monotonic()
            self("done", [done, total])


def _requests() -> queue.Queue[Any]:
    """What the one that asked writes; when that one is no more, neither is this process."""
    asked: queue.Queue[Any] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            asked.put(json.loads(line))
        os._exit(1)

    threading.Thread(target=read, daemon=True).start()
    return asked


def _limit() -> None:
    """No more memory than MEMORY, and everybody else first: also when the system has to choose whom it kills."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with contextlib.suppress(AttributeError, OSError):
        os.nice(NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _look(brought: Brought, given: Mapping[str, Any], on_progress: Progress, reserved: Callable[[], bool]) -> Any:
    opened = source.open_source(brought.place, brought.name)
    seen = preview.look(opened, arranging.arrange(opened, given["reading"]), on_progress)
    brought.notes.write_text(_json(_plain(seen)))
    some = dict(list(seen.unreadable.items())[: images.SHOWN])
    return _plain(replace(seen, layout=replace(seen.layout, rows=()), facts={}, unreadable=some))


def _examples(brought: Brought, given: Mapping[str, Any], on_progress: Progress, reserved: Callable[[], bool]) -> Any:
    opened = source.open_source(brought.place, brought.name)
    shown = preview.examples(opened, noted(brought), **given, on_progress=on_progress)
    return {name: [[image.shape, base64.b64encode(image.tobytes()).decode()] for image in some]
            for name, some in shown.items()}


def _add(brought: Brought, given: Mapping[str, Any], on_progress: Progress, reserved: Callable[[], bool]) -> Any:
    opened = source.open_source(brought.place, brought.name)
    config, root = adding.AddConfig.build(given["config"]), Path(given["root"])
    name = adding.add(opened, noted(brought), config, root, on_progress, reserved).name
    return own.read_facts(own.place(root) / name)


_TASKS = {"look": _look, "examples": _examples, "add": _add}


# A preview as JSON


def _json(value: Any) -> str:
    return json.dumps(value, default=bytes.hex)


def _plain(seen: Preview) -> dict[str, Any]:
    layout = {**vars(seen.layout), "rows": [[*vars(row).values()] for row in seen.layout.rows],
              "problems": [*map(vars, seen.layout.problems)]}
    return {**vars(seen), "layout": layout, "sizes": [[*size, images] for size, images in seen.sizes.items()],
            "facts": {path: [*vars(fact).values()] for path, fact in seen.facts.items()},
            "problems": [*map(vars, seen.problems)]}


def _preview(told: Mapping[str, Any]) -> Preview:
    rows = tuple(Row(*row) for row in told["layout"]["rows"])
    layout = {**_tuples(told["layout"]), "rows": rows, "problems": _problems(told["layout"]["problems"])}
    sizes = Counter({(width, height): images for width, height, images in told["sizes"]})
    facts = {path: _fact(values) for path, values in told["facts"].items()}
    return Preview(**{**_tuples(told), "layout": Layout(**layout), "sizes": sizes, "modes": Counter(told["modes"]),
                      "facts": facts, "problems": _problems(told["problems"])})


def _fact(values: list[Any]) -> Fact:
    told = dict(zip((field.name for field in fields(Fact)), values, strict=True))
    return Fact(**{**_tuples(told), "digest": bytes.fromhex(told["digest"])})


def _problems(told: list[dict[str, Any]]) -> tuple[Problem, ...]:
    return tuple(Problem(**_tuples(problem)) for problem in told)


def _tuples(told: Mapping[str, Any]) -> dict[str, Any]:
    """With the tuples that JSON made lists of."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}


if __name__ == "__main__":
    main()

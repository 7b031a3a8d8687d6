"""The settings of a hosted workbench: `hosting.toml` in the home, read by server, command line and runner alike.

A section is a class, a setting one line of it; what a file says is checked as a whole, and all that is wrong is told
at once. A file that is wrong refuses everything: nobody gets a right because of a typing error.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from ddcore import home
from ddcore.errors import ConfigError, suggestion

FILE = "hosting.toml"
SIGN_IN = ("oidc", "headers")
ROLES = ("none", "viewer", "student", "teacher", "admin")  # each may what those before it may

S = TypeVar("S")


@dataclass(frozen=True)
class People:
    """Who comes in, and as what. sign_in: "oidc" for Streamlit's own, "headers" for those of a trusted proxy; visitors:
    the role of somebody who has not signed in; claim: the claim that names somebody's groups; each role: the people and
    groups that have it, by e-mail, "issuer subject" or "group:NAME", "*" for everybody who signs in."""

    sign_in: str = field(default="oidc", metadata={"of": SIGN_IN})
    visitors: str = field(default="none", metadata={"of": ROLES[:2]})
    claim: str = "groups"
    viewer: tuple[str, ...] = ()
    student: tuple[str, ...] = ("*",)
    teacher: tuple[str, ...] = ()
    admin: tuple[str, ...] = ()


@dataclass(frozen=True)
class Queue:
    """How people take turns. slice_minutes: after which a run steps aside while others wait, 0 for never; half_life:
    hours after which a GPU second that somebody used counts half."""

    slice_minutes: float = 10.0
    half_life: float = 24.0


@dataclass(frozen=True)
class Quota:
    """What one person may use at most, 0 for no limit: runs that wait and that work, GPU minutes in 24 hours, GB of
    disk, own data sets, hours of one run."""

    waiting: int = 50
    working: int = 0
    gpu_minutes: float = 0.0
    disk_gb: float = 0.0
    datasets: int = 5
    run_hours: float = 0.0


@dataclass(frozen=True)
class Retention:
    """Days after which the trash is emptied, and checkpoints and expert trajectories of finished runs are deleted; 0
    for never. announced: days before that for which it is told."""

    trash: float = 0.0
    checkpoints: float = 0.0
    announced: float = 3.0


@dataclass(frozen=True)
class Notices:
    """webhook: an address to which a line is posted when a run has ended; "" for none. It learns the run's name and
    state, no person."""

    webhook: str = ""


@dataclass(frozen=True)
class Settings:
    """All of `hosting.toml`. address: of the workbench, as a browser names it, for links in notices."""

    address: str = ""
    people: People = People()
    queue: Queue = Queue()
    quota: Quota = Quota()
    retention: Retention = Retention()
    notices: Notices = Notices()


def settings() -> Settings | None:
    """The settings of this home; None where nobody hosts it. ConfigError with all that is wrong in the file."""
    path = home.home() / FILE
    try:
        stat = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError([f"{path} cannot be read: {error.strerror}"]) from None
    return _settings(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)


@lru_cache(maxsize=8)
def _settings(path: Path, *_: int) -> Settings:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path} cannot be read: {error}"]) from None
    problems: list[str] = []
    read = _section(Settings, table, "", problems)
    if problems:
        raise ConfigError(f"{FILE}: {one}" for one in problems)
    return read


def _section(of: type[S], table: Mapping[str, Any], prefix: str, problems: list[str]) -> S:
    """A section from what the file says; what is wrong joins `problems`."""
    known = {one.name: one for one in fields(of)}  # type: ignore[arg-type]
    defaults: dict[str, Any] = {name: one.default for name, one in known.items()}
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            problems.append(f"there is no setting {prefix}{name}{suggestion(name, known)}")
        elif is_dataclass(default := defaults[name]):
            if isinstance(value, dict):
                values[name] = _section(type(default), value, f"{prefix}{name}.", problems)
            else:
                problems.append(f"{prefix}{name} is a section, written [{prefix}{name}], got {value!r}")
        else:
            words = list(_wrong(value, default, known[name].metadata.get("of")))
            problems += [f"{prefix}{name} {one}" for one in words]
            if not words:
                values[name] = tuple(value) if isinstance(value, list) else type(default)(value)
    return of(**values)


def _wrong(value: Any, default: Any, allowed: tuple[str, ...] | None) -> Iterator[str]:
    """What is wrong with a value, of the type of its default."""
    if isinstance(default, tuple):
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            yield f"must be a list of texts, got {value!r}"
    elif isinstance(default, str):
        if not isinstance(value, str):
            yield f"must be a text, got {value!r}"
        elif allowed and value not in allowed:
            yield f"must be one of {', '.join(allowed)}, got {value!r}{suggestion(value, allowed)}"
    elif isinstance(value, bool) or not isinstance(value, (int, float) if isinstance(default, float) else int):
        yield f"must be a {'number' if isinstance(default, float) else 'whole number'}, got {value!r}"
    elif not math.isfinite(value) or value < 0:
        yield f"must be 0 or more, got {value!r}"

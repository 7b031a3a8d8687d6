"""What can be recomputed: thumbnails, coordinates, FLOPs, statistics. Losing it costs time only.

diskcache would unpickle what it finds in its folder, so whoever can write there could run code
(CVE-2025-69872). Our `Disk` stores and reads bytes only.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from diskcache import Cache, Disk, Timeout
from diskcache.core import DEFAULT_SETTINGS, MODE_BINARY, MODE_RAW

from ddcore import home
from ddcore.errors import DDCoreError
from ddcore.runs.files import dumps

P = ParamSpec("P")
R = TypeVar("R")

SIZE_LIMIT = 256 * 2**20  # bytes; the oldest go first


class NotBytesError(DDCoreError):
    """Something other than bytes was to be stored in or read from the memo."""


class SafeDisk(Disk):
    """Text keys, bytes values, nothing else: no value is ever unpickled."""

    def put(self, key: Any) -> Any:
        if not isinstance(key, str):
            raise NotBytesError(f"a memo key must be text, got {type(key).__name__}")
        return super().put(key)

    def get(self, key: Any, raw: bool) -> Any:
        if not raw or not isinstance(key, str):
            raise NotBytesError("a memo key that is not text was found and refused")
        return key

    def store(self, value: Any, read: bool, key: Any = None) -> Any:
        if read or not isinstance(value, bytes):
            raise NotBytesError(f"a memo value must be bytes, got {type(value).__name__}")
        return super().store(value, read, key=key)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        if mode not in (MODE_RAW, MODE_BINARY) or (filename and not self._inside(filename)):
            raise NotBytesError("a memo value that is not plain bytes was found and refused")
        content = super().fetch(mode, filename, value, read)
        if not read and not isinstance(content, bytes):
            raise NotBytesError(f"a memo value must be bytes, found {type(content).__name__}")
        return content

    def _inside(self, filename: str) -> bool:
        root = Path(self._directory).resolve()
        return (root / filename).resolve().is_relative_to(root)


# What may go wrong with a cache on disk: none of it may reach a page.
TROUBLE = (NotBytesError, Timeout, sqlite3.Error, OSError, ValueError)


def memo() -> Cache:
    """The memo of this home; one that is damaged is thrown away and begun again."""
    return _open(home.memo_root())


def get_bytes(key: str) -> bytes | None:
    """What was put under `key`; None when nothing was, or it was evicted, or cannot be read."""
    try:
        return memo().get(key)
    except TROUBLE:
        return None


def put_bytes(key: str, value: bytes) -> None:
    """Keep `value`, if that can be done."""
    if not isinstance(value, bytes):
        raise NotBytesError(f"a memo value must be bytes, got {type(value).__name__}")
    try:
        memo().set(key, value)
    except TROUBLE:
        return


def get_json(key: str) -> Any:
    """What `put_json` kept under `key`; None when there is nothing."""
    if (content := get_bytes(key)) is None:
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def put_json(key: str, value: Any) -> None:
    """Keep a JSON-ready value, if that can be done."""
    put_bytes(key, dumps(value).encode())


def memoise(version: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator: keep the JSON-ready results of a function of JSON-ready arguments on disk.

    version: change it when the function comes to give other results. None is not kept.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        name = f"{function.__module__}.{function.__qualname__}"

        @functools.wraps(function)
        def remembered(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            question = json.dumps([name, version, bound.arguments], sort_keys=True, separators=(",", ":"))
            key = f"{name}:{hashlib.sha256(question.encode()).hexdigest()}"
            if (known := get_json(key)) is not None:
                return known
            result = function(*args, **kwargs)
            put_json(key, result)
            return result

        return remembered

    return decorate


@functools.lru_cache(maxsize=8)
def _open(root: Path) -> Cache:
    try:
        return _cache(root)
    except (sqlite3.Error, Timeout):
        shutil.rmtree(root, ignore_errors=True)
        return _cache(root)


def _cache(root: Path) -> Cache:
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o700)
    # All settings are given: what the folder says of them could be wrong, and would break every call.
    settings = {**DEFAULT_SETTINGS, "size_limit": SIZE_LIMIT, "eviction_policy": "least-recently-stored"}
    return Cache(str(root), disk=SafeDisk, timeout=5, **settings)

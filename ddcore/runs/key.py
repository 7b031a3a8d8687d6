"""What a stored run must say of itself, by the question that is stored with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ddcore.experiments import KINDS
from ddcore.experiments.base import digest, family


def of_stored(info: Mapping[str, Any]) -> dict[str, Any]:
    """The id that the question in run.json has, and its family and length where its kind is known here.

    A run that says what entered its key is held to that; an older one to what this version makes of its parameters:
    raises UnknownName or ConfigError where it makes nothing of them.
    """
    values, kind = info.get("in_key"), info["kind"]
    if values is None:
        values = KINDS[kind].config(info["name"]).build(info["config"]).key_values()
    identity = {name: info.get(name) for name in ("kind", "name", "version", "dataset", "parents")}
    identity["config"] = values
    if salt := info.get("salt"):
        identity["salt"] = salt
    expected: dict[str, Any] = {"id": digest(identity)}
    if kind in KINDS and info["name"] in KINDS[kind].known:
        # A run of a kind that could not be continued when it was made has no length, and shares its family with none.
        length = "" if info.get("length") is None else KINDS[kind].config(info["name"]).length_param
        expected |= {"family": family(identity, length), "length": values.get(length)}
    return expected

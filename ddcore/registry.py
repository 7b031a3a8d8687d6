"""Names to things, one file each: adding a method or a data set is adding a file."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import ModuleType
from typing import Any, Generic, TypeVar

from ddcore.errors import DDCoreError, UnknownName

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """All entries of a package: the `attribute` of each of its modules that has one, by the entry's `name`.

    Modules outside the tree are named in `DDCORE_PLUGINS`, separated by commas. All must be importable without torch.
    A name that is not there raises `UnknownName` with the nearest match. Entries come in order of (`rank`, name).
    """

    def __init__(self, kind: str, package: str, attribute: str) -> None:
        self.kind, self.package, self.attribute = kind, package, attribute

    @cached_property
    def _entries(self) -> dict[str, T]:
        package = importlib.import_module(self.package)
        names = [f"{self.package}.{info.name}" for info in pkgutil.iter_modules(package.__path__)]
        modules = [*map(importlib.import_module, names), *_plugins()]
        entries: list[Any] = [entry for m in modules if (entry := getattr(m, self.attribute, None)) is not None]
        return {e.name: e for e in sorted(entries, key=lambda e: (getattr(e, "rank", 100), e.name))}

    def known(self) -> Mapping[str, T]:
        """Every entry by its name."""
        return self._entries

    def __getitem__(self, name: str) -> T:
        entries = self.known()
        try:
            return entries[name]
        except (KeyError, TypeError):
            raise UnknownName(self.kind, str(name), entries) from None

    def __contains__(self, name: object) -> bool:
        return name in self.known()

    def __iter__(self) -> Iterator[str]:
        return iter(self.known())

    def __len__(self) -> int:
        return len(self.known())


def _plugins() -> list[ModuleType]:
    """The modules named in `DDCORE_PLUGINS`. Raises DDCoreError for one that is not there."""
    modules = []
    for name in filter(None, os.environ.get("DDCORE_PLUGINS", "").split(",")):
        try:
            modules.append(importlib.import_module(name))
        except ModuleNotFoundError as error:
            if error.name != name.partition(".")[0] and error.name != name:
                raise
            raise DDCoreError(f"DDCORE_PLUGINS names {name!r}, but there is no such module in the folders of "
                              "PYTHONPATH and of the project") from error
    return modules

"""The data sets, one file each, those that a person brought, and the way they are read."""

from collections.abc import Mapping
from functools import cached_property

from ddcore import home
from ddcore.data import own
from ddcore.data.base import Availability, Data, Dataset, Split
from ddcore.registry import Registry


class Datasets(Registry[Dataset]):
    """The shipped data sets, then the own ones of the present data root, then those removed of which runs are left.

    The own ones are looked for at every use: they come and go while the app runs.
    """

    @property
    def shipped(self) -> Mapping[str, Dataset]:
        return self._entries

    def offered(self) -> list[str]:
        """The names that menus show: all but the removed ones."""
        return [name for name, dataset in self.known().items() if not dataset.removed]

    def __getitem__(self, name: str) -> Dataset:
        try:
            return self._entries[name]  # a shipped one is asked for all the time, and needs no look at the disk
        except (KeyError, TypeError):
            return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        try:
            return name in self._entries or super().__contains__(name)
        except TypeError:  # what cannot be a key, as a list that a config holds by mistake, is no name
            return False

    def known(self) -> dict[str, Dataset]:
        root = home.data_root()
        state, brought = self._brought
        if (now := own.state(root)) != state:
            state, brought = self._brought = (now, own.known(root))
        return {**self._entries, **{name: one for name, one in brought.items() if name not in self._entries}}

    @cached_property
    def _brought(self) -> tuple[object, dict[str, Dataset]]:
        return None, {}


DATASETS = Datasets("data set", "ddcore.data", "DATASET")

__all__ = ["DATASETS", "Availability", "Data", "Dataset", "Datasets", "Split"]

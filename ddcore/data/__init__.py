"""The data sets, one file each, those that a person brought, and the way they are read."""

from collections.abc import Mapping
from functools import cached_property

from ddcore import home
from ddcore.data import own
from ddcore.data.base import Availability, Data, Dataset, Split
from ddcore.registry import Registry


class Datasets(Registry[Dataset]):
    """The shipped data sets, then the own ones under the present data root, then removed ones that runs still name.

    Own ones are looked for at every use: they come and go while the app runs.
    """

    @property
    def shipped(self) -> Mapping[str, Dataset]:
        return self._entries

    def offered(self) -> list[str]:
        """The names that menus show: all but the removed ones."""
        return [name for name, dataset in self.known().items() if not dataset.removed]

    def __getitem__(self, name: str) -> Dataset:
        try:
            return self._entries[name]  # shipped ones, needed all the time, take no look at the disk
        except (KeyError, TypeError):
            return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        try:
            return name in self._entries or super().__contains__(name)
        except TypeError:  # unhashable, such as a list that a config holds by mistake
            return False

    def known(self) -> dict[str, Dataset]:
        root = home.data_root()
        if (state := own.state(root)) != self._own[0]:
            self._own = state, own.known(root)
        return self._entries | {name: data for name, data in self._own[1].items() if name not in self._entries}

    @cached_property
    def _own(self) -> tuple[object, dict[str, Dataset]]:
        """(the state in which the own data sets were read, they by name)."""
        return None, {}


DATASETS = Datasets("data set", "ddcore.data", "DATASET")

__all__ = ["DATASETS", "Availability", "Data", "Dataset", "Datasets", "Split"]

"""The data sets, one file each, and the way they are read."""

from ddcore.data.base import Availability, Data, Dataset, Split
from ddcore.registry import Registry

DATASETS: Registry[Dataset] = Registry("data set", "ddcore.data", "DATASET")

__all__ = ["DATASETS", "Availability", "Data", "Dataset", "Split"]

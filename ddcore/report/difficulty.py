"""How hard the images of a data set are: the stored scores of a run, and where a data scheduler cuts them."""

from __future__ import annotations

from itertools import pairwise

from ddcore.lazy import np, pd
from ddcore.report import tables
from ddcore.runs.store import RunRecord, Store

TITLES = {"el2n": "EL2N", "forgetting": "Forgetting", "grad_norm": "Gradient norm"}
HELP = {
    "el2n": "Length of the error vector: the network's probabilities minus the right answer, a mean over agents and "
    "their first epochs. Near 0 the image is learnt at once, near 1.4 the network is sure of a wrong answer.",
    "forgetting": "How often an image that was answered right is answered wrong after a later epoch, over all agents. "
    "An image that was never learnt counts as if it was forgotten after every epoch.",
    "grad_norm": "Length of the gradient of the last layer: how strongly the image pulls at the network, a mean over "
    "agents and their first epochs.",
}
BINS = 40


def names(store: Store, run: RunRecord) -> list[str]:
    """The scores that a run kept and that can be shown by class; [] for a run that is older than its labels."""
    arrays = store.arrays(run.id, "scores")
    return [name for name in TITLES if name in arrays] if "labels" in arrays else []


def scores(store: Store, run: RunRecord, name: str) -> pd.DataFrame:
    """One row a scored image: its class (by name, an ordered category) and its score."""
    arrays = store.arrays(run.id, "scores")
    classes = tables.classes(run) or tuple(map(str, range(int(arrays["labels"].max()) + 1)))
    labels = pd.Categorical.from_codes(arrays["labels"].tolist(), categories=pd.Index(classes), ordered=True)
    return pd.DataFrame({"class": labels, "score": arrays[name].astype(float)})


def histogram(frame: pd.DataFrame, bins: int = BINS) -> pd.DataFrame:
    """Images by class and score: columns class, left, right, images; the same bins for all classes."""
    edges = np.histogram_bin_edges(frame["score"], bins)
    rows: list[tuple[str, float, float, int]] = []
    for name, of_class in frame.groupby("class", observed=True):
        counts, _ = np.histogram(of_class["score"], edges)
        rows += [(str(name), left, right, int(images))
                 for (left, right), images in zip(pairwise(edges), counts, strict=True)]
    return pd.DataFrame(rows, columns=["class", "left", "right", "images"])


def limits(frame: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
    """Where a window cuts each class: columns class, low, high, the scores of the easiest and hardest image in use.

    low, high: shares of the images of a class, from easy to hard.
    """
    rows = []
    for name, of_class in frame.groupby("class", observed=True):
        values = np.sort(of_class["score"])
        first = min(int(low * len(values) + 0.5), len(values) - 1)  # as ops.schedule rounds
        last = max(int(high * len(values) + 0.5) - 1, first)
        rows.append((str(name), values[first], values[last]))
    return pd.DataFrame(rows, columns=["class", "low", "high"])

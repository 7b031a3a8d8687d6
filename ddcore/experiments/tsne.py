"""The same real and synthetic images as a features run, laid out so that neighbours stay neighbours (t-SNE).

Kept: "space", like that of the features run (features.py), its coordinates those of one joint t-SNE of all points.
"""

from __future__ import annotations

import math

from ddcore.experiments.base import RUNS_PAGE, Kind, Recorder, Spec
from ddcore.experiments.features import SPACE, FeaturesConfig, FeaturesSummary
from ddcore.experiments.heavy import device, embedding, seeds, torch
from ddcore.params import Param
from ddcore.summary import Number

ROUNDS, POINT_COST = 1000, 100_000  # of t-SNE; multiply-adds that take about as long as a point in one round


class TsneConfig(FeaturesConfig):
    """What is laid out, and how many neighbours count."""

    perplexity: float = Param(
        30.0, label="Perplexity", group="Map", ge=2, le=500, step=5,
        help="About how many neighbours of a point count; at most a third of all points. A map of 1,000 points takes "
        "seconds, one of 5,000 a minute or more, one of 10,000 some minutes.",
    )

    def features(self) -> Spec:
        """The question whose answer is laid out."""
        values = self.values()
        config = FeaturesConfig.build({name: values[name] for name in FeaturesConfig.model_fields})
        return Spec("features", "features", config)


class TsneSummary(FeaturesSummary):
    """perplexity: that was used, which is less than was asked for where there are few points."""

    perplexity: Number | None = None


def run(name: str, config: TsneConfig, recorder: Recorder) -> TsneSummary:
    """One joint map: where a point lies depends on all others, unlike in the lens's plane."""
    features, lens = recorder.built_on()
    real, space = lens.arrays("real"), features.arrays("space")
    points = torch.cat([real["features"], features.arrays("features")["features"]])
    recorder.progress(0, 1, f"Laying out {len(points):,} images")
    watch = device.Stopwatch(torch.device("cpu"))
    seed = seeds.integer(config.seed, "tsne")
    coords, perplexity = embedding.neighbour_map(points, config.perplexity, seed, recorder.check_cancelled)
    real_coords, coords = coords.split([len(real["features"]), len(space["labels"])])
    recorder.save_arrays("space", {**space, "real": real_coords, "synthetic": coords})
    shown = features.summary
    assert isinstance(shown, FeaturesSummary)
    return TsneSummary(
        runs=shown.runs, classes=shown.classes, val_accuracy=shown.val_accuracy, images=shown.images,
        real_images=shown.real_images, perplexity=perplexity, seconds=watch.stop(),
    )


KIND = Kind(
    name="tsne", title="t-SNE map", help="Lay the images of a feature space out so that neighbours stay neighbours.",
    config=lambda name: TsneConfig, summary=TsneSummary, run=run,
    version=lambda name: 2,  # 2: begins with the points in their own principal plane
    needs=lambda name, config: (config.features(), config.lens()),
    cost=lambda name, config, images: math.prod((ROUNDS, POINT_COST, config.real_per_class, len(config.facts.classes))),
    steps=lambda name, config, images: ROUNDS, arrays={"space": SPACE}, about="runs", page=RUNS_PAGE,
    command=None,
)

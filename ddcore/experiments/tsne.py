"""The same real and synthetic images as a features run, laid out so that neighbours stay neighbours (t-SNE).

Kept: "space", like that of the features run (features.py), its coordinates those of one joint t-SNE of all points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ddcore.experiments.base import Kind, Recorder, Spec
from ddcore.experiments.features import FeaturesConfig
from ddcore.lazy import lazy
from ddcore.params import Param

if TYPE_CHECKING:
    import torch

    from ddcore.ops import device, embedding, seeds
else:
    torch = lazy("torch")
    device, embedding, seeds = (lazy(f"ddcore.ops.{m}") for m in ("device", "embedding", "seeds"))


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


def run(name: str, config: TsneConfig, recorder: Recorder) -> dict[str, Any]:
    """One joint map: where a point lies depends on all others, unlike in the lens's plane."""
    seen, looking = recorder.built_on()
    real, kept = looking.arrays("real"), seen.arrays("space")
    points = torch.cat([real["features"], seen.arrays("features")["features"]])
    recorder.progress(0, 1, f"Laying out {len(points):,} images")
    watch = device.Stopwatch(torch.device("cpu"))
    seed = seeds.integer(config.seed, "tsne")
    coords, perplexity = embedding.neighbour_map(points, config.perplexity, seed, recorder.check_cancelled)
    placed = dict(zip(("real", "synthetic"), coords.split([len(real["features"]), len(kept["labels"])]), strict=True))
    recorder.save_arrays("space", {**kept, **placed})
    told = ("runs", "classes", "val_accuracy", "images", "real_images")
    return {**{name: seen.summary[name] for name in told}, "perplexity": perplexity, "seconds": watch.stop()}


KIND = Kind(
    name="tsne",
    title="t-SNE map",
    names=lambda: ("tsne",),
    config=lambda name: TsneConfig,
    run=run,
    version=lambda name: 2,  # 2: begins with the points in their own principal plane
    needs=lambda name, config: (config.features(), config.lens()),
)

"""Where the images of chosen runs lie among real ones, and which real training image is nearest to each.

All is seen by one fixed network, the lens (reference_network.py), which knows none of these sets. Kept: "space", in the
lens's plane `real` and `synthetic` (float32 (N, 2)) with `real_labels`, `labels` and `run`, the place of an image's run
among the summary's runs; "features" of the synthetic images; "nearest", for every synthetic image and each way of
measuring, "pixels" of normalised images and "features": `<way>_index` in the training part, `<way>_distance` (L2),
`<way>_label` and `<way>_image` (uint8 (N, C, H, W)).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

from ddcore.data.base import Data
from ddcore.data.load import fingerprint, load
from ddcore.data.resident import Resident
from ddcore.errors import ConfigError
from ddcore.experiments.base import RUNS_PAGE, Array, ImageSet, Kind, Parent, Recorder, Spec
from ddcore.experiments.cost import accelerate, of_training, part_sizes
from ddcore.experiments.heavy import device, embedding, nets, seeds, torch, train
from ddcore.experiments.reference_network import LensConfig, LensSummary
from ddcore.experiments.training import initial_network
from ddcore.params import Param
from ddcore.run_id import RUN_ID
from ddcore.summary import Answer, Arithmetic, Count, Number

MOST = 8  # runs looked at together: more cannot be told apart in a picture
HELD_OUT = 200  # real images that nobody trained on, whose distances say what is near
WAYS = ("pixels", "features")


class FeaturesConfig(LensConfig):
    """Whose images are looked at, and through which lens."""

    runs: str = Param(
        "", label="Runs", group="Images",
        help=f"Ids of 1 to {MOST} finished runs on the same data set, whose images are looked at; commas between them.",
    )

    @classmethod
    def fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The same runs in another order are the same question."""
        values = super().fill(values)
        if isinstance(runs := values.get("runs"), str):
            values["runs"] = ",".join(sorted({*runs.replace(",", " ").split()}))
        return values

    def problems(self) -> list[str]:
        problems, ids = super().problems(), self.run_ids
        if not 1 <= len(ids) <= MOST:
            problems.append(f"runs must name 1 to {MOST} finished runs, got {len(ids) or 'nothing'}")
        return problems + [f"a run id has 16 digits from 0-9 and a-f, got {one!r}"
                           for one in ids if not RUN_ID.fullmatch(one)]

    @property
    def run_ids(self) -> tuple[str, ...]:
        return tuple(self.runs.split(",")) if self.runs else ()

    def lens(self) -> Spec:
        """The question whose answer is the lens."""
        values = self.values()
        return Spec("lens", "lens", LensConfig.build({name: values[name] for name in LensConfig.model_fields}))


class HeldOut(Answer):
    """Real images that nobody trained on: how many, and their median distance to the nearest training image."""

    images: Count = 0
    pixels: Number | None = None
    features: Number | None = None


class FeaturesSummary(LensSummary):
    """runs: whose images are shown, in the order of the array `run`; training_images: that were passed by."""

    runs: tuple[str, ...]
    training_images: Count | None = None
    held_out: HeldOut = HeldOut()

    @property
    def runs_shown(self) -> int:
        return len(self.runs)


def run(name: str, config: FeaturesConfig, recorder: Recorder) -> FeaturesSummary:
    """Put the images into the lens's plane, then pass all training images by them."""
    where = device.pick(config.device)
    parents = [recorder.parent(run_id) for run_id in config.run_ids]
    sets = [parent.images() for parent in parents]
    recorder.progress(0, 1, "Reading the data set")
    data = load(config.dataset, config.resolution)
    if problems := [p for pair in zip(parents, sets, strict=True) for p in _misfits(config, data, *pair)]:
        raise ConfigError(problems)
    part, val = (Resident.from_split(split, data, where) for split in (data.train, data.val))
    speed = accelerate(config, _cost(name, config, None), where, recorder)
    watch = device.Stopwatch(where)
    lens = recorder.built_on()[-1]
    network, real = initial_network(config, where, "lens"), lens.arrays("real")
    network.load_state_dict(lens.arrays("network"))
    images, labels = (torch.cat([getattr(one, name) for one in sets]).to(where) for name in ("images", "labels"))
    features = _embed(network, images)
    plane = embedding.Plane(real["mean"], real["components"])
    recorder.save_arrays("features", {"features": features})
    recorder.save_arrays("space", {
        "real": real["coords"], "real_labels": real["labels"], "synthetic": plane.coords(features.cpu()),
        "labels": labels, "run": torch.arange(len(sets)).repeat_interleave(torch.tensor([len(s.labels) for s in sets])),
    })
    held = val.batch(seeds.permutation(len(val), config.seed, "features", "held out")[:HELD_OUT].to(where))
    nearest = _nearest(network, part, torch.cat([images, held]), recorder)
    recorder.save_arrays("nearest", _arrays(part, nearest, len(images)))
    medians = {way: near.distances[len(images) :].median().item() for way, near in nearest.items()} if len(held) else {}
    summary = lens.summary
    assert isinstance(summary, LensSummary)
    return FeaturesSummary(
        runs=config.run_ids, classes=data.classes, variance=summary.variance, val_accuracy=summary.val_accuracy,
        images=len(images), real_images=len(real["labels"]), training_images=len(part),
        held_out=HeldOut(images=len(held), **medians), seconds=watch.stop(), arithmetic=Arithmetic(**speed.told()),
    )


def _embed(network: nets.Net, images: torch.Tensor) -> torch.Tensor:
    return embedding.embed(network, images.__getitem__, torch.arange(len(images), device=images.device))


def _nearest(
    network: nets.Net, part: Resident, queries: torch.Tensor, recorder: Recorder
) -> dict[str, embedding.Nearest]:
    """The training image nearest to each of these images, in each way of measuring.

    Every training image passes by once, in pieces that a small memory holds.
    """
    nearest = {"pixels": embedding.Nearest(queries), "features": embedding.Nearest(_embed(network, queries))}
    for some in torch.arange(len(part), device=part.device).split(train.images_at_once(part.shape)):
        recorder.check_cancelled()
        first = int(some[0])
        recorder.progress(first, len(part), "Looking for the nearest real images")
        nearest["pixels"].look(part.batch(some), first)
        nearest["features"].look(embedding.embed(network, part.batch, some), first)
    return nearest


def _arrays(part: Resident, nearest: dict[str, embedding.Nearest], n: int) -> dict[str, torch.Tensor]:
    """What is kept of the first n queries, the synthetic images."""
    arrays: dict[str, torch.Tensor] = {}
    for way, near in nearest.items():
        indices = near.indices[:n]
        arrays[f"{way}_index"], arrays[f"{way}_distance"] = indices, near.distances[:n]
        arrays[f"{way}_label"] = part.labels[indices]
        arrays[f"{way}_image"] = part.images[indices.to(part.images.device)]
    return arrays


def _misfits(config: FeaturesConfig, data: Data, parent: Parent, images: ImageSet) -> Iterator[str]:
    """Why the images of a run cannot be held beside this data: distances to it would mean nothing."""
    name, run, shape = config.dataset, f"run {parent.id}", tuple(images.images.shape[1:])
    dataset = parent.config.get("dataset")
    if dataset != name:
        yield f"{run} is of the data set {dataset}, not of {name}"
    if shape != config.shape:
        yield f"{run} holds images of shape {shape}, {name} has {config.shape} here"
    if images.classes != data.classes:
        yield f"{run} has the classes {images.classes}, {name} {data.classes}"
    if dataset != name or shape != config.shape:
        return  # what follows differs then too
    made_from, here = (parent.dataset or {}).get("fingerprint"), fingerprint(name, config.resolution)
    if made_from not in (None, here):
        yield f"{run} was made from other images of {name}: their fingerprint is {made_from}, that of those here {here}"
    close = partial(math.isclose, rel_tol=1e-6, abs_tol=1e-6)  # equal but for rounding
    for what, its, own in (("mean", images.mean, data.mean), ("std", images.std, data.std)):
        if len(its) != len(own) or not all(map(close, its, own)):
            yield f"{run} is normalised with the {what} {its}, {name} with {own}"


def _cost(name: str, config: FeaturesConfig, images: int | None) -> int:
    return of_training(config, 0, part_sizes(config)[0])


SPACE = {"real": Array("f", "r2"), "real_labels": Array("iu", "r"), "synthetic": Array("f", "n2"),
         "labels": Array("iu", "n"), "run": Array("iu", "n")}
_NEAREST = {"index": Array("iu", "n"), "distance": Array("f", "n"), "label": Array("iu", "n"),
            "image": Array("iu", "nchw")}

KIND = Kind(
    name="features", title="Feature space",
    help="Where synthetic images lie among real ones, and which real image is nearest to each.",
    config=lambda name: FeaturesConfig, summary=FeaturesSummary, run=run,
    parents=lambda config: config.run_ids, needs=lambda name, config: (config.lens(),), cost=_cost,
    arrays={"features": {"features": Array("f", "nd")}, "space": SPACE,
            "nearest": {f"{way}_{name}": array for way in WAYS for name, array in _NEAREST.items()}},
    about="runs", page=RUNS_PAGE, command=None,
)

"""What a fixed network sees of real and synthetic images, on digits."""

from __future__ import annotations

import copy
import dataclasses
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import plain
import pytest
import torch
from recording import MemoryRecorder

from ddcore import counts
from ddcore.data.load import fingerprint, load
from ddcore.data.resident import Resident
from ddcore.data.split import take
from ddcore.errors import Cancelled, ConfigError
from ddcore.experiments import KINDS, ImageSet, features, reference_network, spec, tsne
from ddcore.experiments.reference_network import LensSummary
from ddcore.ops import embedding, nets, seeds
from ddcore.summary import Summary

TINY: dict[str, Any] = {"dataset": "digits", "width": 8, "device": "cpu", "steps": 30, "lr": 0.3, "real_per_class": 12}
REAL, NOISE = "a" * 16, "b" * 16


def cost(kind: str, name: str, config: Any, images: int | None = None) -> int:
    return KINDS[kind].cost(name, config, images)


def steps(kind: str, name: str, config: Any, images: int | None = None) -> int:
    return KINDS[kind].steps(name, config, images)


@pytest.fixture(autouse=True)
def _home(home: Any) -> None: ...


@cache
def digits() -> Resident:
    data = load("digits")
    return Resident.from_split(data.train, data, "cpu")


def looked_through(recorder: MemoryRecorder | None = None, **changes: Any) -> tuple[LensSummary, MemoryRecorder]:
    recorder = recorder or MemoryRecorder()
    return reference_network.run("lens", spec("lens", "lens", {**TINY, **changes}).config, recorder), recorder  # type: ignore[arg-type]


def finished(run_id: str, summary: Summary, recorder: MemoryRecorder) -> Any:
    return SimpleNamespace(id=run_id, summary=summary, arrays=recorder.arrays.__getitem__)


@cache
def once() -> tuple[LensSummary, MemoryRecorder]:
    return looked_through()


def the_lens() -> Any:
    return finished("lens", *once())


def distilled(run_id: str, images: torch.Tensor, **changes: Any) -> Any:
    """A finished run with an image of each of the first classes."""
    part = digits()
    kept = {"classes": part.classes, "mean": part.mean, "std": part.std, **changes}
    one = ImageSet(images, torch.arange(len(images)), **kept)
    made_from = {"name": "digits", "fingerprint": fingerprint("digits")}
    return SimpleNamespace(id=run_id, config={"dataset": "digits"}, dataset=made_from, images=lambda: one)


def two_runs() -> dict[str, Any]:
    """Three real training images, the 40th of their classes; two of noise."""
    real = digits().batch(torch.stack([digits().of_class(label)[40] for label in range(3)]))
    noise = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    return {REAL: distilled(REAL, real), NOISE: distilled(NOISE, noise)}


def looked_at(parents: dict[str, Any] | None = None, **changes: Any) -> tuple[features.FeaturesSummary, MemoryRecorder]:
    recorder, parents = MemoryRecorder(), two_runs() if parents is None else parents
    recorder.parents = {**parents, "lens": the_lens()}
    asked = spec("features", "features", {**TINY, "runs": ",".join(parents), **changes})
    return features.run("features", asked.config, recorder), recorder  # type: ignore[arg-type]


@cache
def both() -> tuple[features.FeaturesSummary, MemoryRecorder]:
    return looked_at()


def test_the_lens_learns_from_training_images_alone_and_tells_its_validation_accuracy() -> None:
    summary, recorder = once()
    told = recorder.told("epoch")
    assert (told[-1]["step"], summary.steps) == (30, 30)
    assert told[-1]["loss"] < told[0]["loss"]
    network = nets.build("convnet3", (1, 8, 8), 10, {"width": 8})
    network.load_state_dict(recorder.arrays["network"])
    data = load("digits")
    val = Resident.from_split(data.val, data, "cpu")
    right = (network.eval()(val.all()).argmax(1) == val.labels).float().mean().item()
    assert summary.val_accuracy == pytest.approx(right)
    assert right > 0.5
    assert (summary.images, summary.real_images) == (len(data.train), 120)


def test_the_weights_and_the_order_of_the_lens_are_those_of_its_seed() -> None:
    asked = {"seed": 3, "steps": 14, "momentum": 0.8, "weight_decay": 0.01, "augment": "siamese-no-flip"}
    recorder = looked_through(**asked)[1]
    network = nets.build("convnet3", (1, 8, 8), 10, {"width": 8}, seeds.generator(3, "lens", "network"))
    setting = spec("lens", "lens", {**TINY, **asked}).config
    *_, (loss, _) = plain.epochs(network, digits().batch, digits().labels, setting, 3, "lens")
    assert recorder.told("epoch")[-1]["loss"] == pytest.approx(loss, rel=1e-3)
    for name, weights in network.state_dict().items():
        torch.testing.assert_close(recorder.arrays["network"][name], weights, rtol=1e-3, atol=1e-3)


def test_the_real_images_of_the_lens_are_drawn_by_class_and_lie_around_the_middle_of_its_plane() -> None:
    summary, recorder = once()
    real = recorder.arrays["real"]
    assert torch.equal(real["labels"], digits().labels[real["indices"]])
    assert real["labels"].bincount().tolist() == [12] * 10
    assert len(real["indices"].unique()) == 120
    torch.testing.assert_close(real["coords"].mean(0), torch.zeros(2), atol=1e-4, rtol=0)
    spread = (real["features"] - real["mean"]).square().sum()
    assert (real["coords"].square().sum(0) / spread).tolist() == pytest.approx(summary.variance, rel=1e-4)
    other = looked_through(seed=1, steps=1)[1].arrays["real"]
    assert not torch.equal(other["indices"], real["indices"])
    members = [digits().of_class(label) for label in range(10)]
    orders = [seeds.permutation(len(of_class), 1, "lens", "real", label) for label, of_class in enumerate(members)]
    picked = [of_class[order[:12]] for of_class, order in zip(members, orders, strict=True)]
    assert torch.equal(other["indices"], torch.cat(picked))


def test_a_class_with_fewer_images_than_asked_shows_all_of_them_once() -> None:
    real = looked_through(real_per_class=130, steps=1)[1].arrays["real"]
    assert real["labels"].bincount().tolist() == [min(130, n) for n in digits().counts]
    assert len(real["indices"].unique()) == len(real["indices"])


def test_a_lens_goes_on_after_a_stop_to_the_same_bits() -> None:
    class Halting(MemoryRecorder):
        def checkpoint(self, tensors: Any, meta: Any) -> None:
            super().checkpoint(copy.deepcopy(tensors), copy.deepcopy(meta))
            raise Cancelled("stopped by the test")

    (summary, whole), halted = once(), Halting()
    with pytest.raises(Cancelled):
        looked_through(halted)
    resumed_summary, resumed = looked_through(MemoryRecorder(point=halted.points[-1]))
    assert resumed_summary.model_copy(update={"seconds": summary.seconds}) == summary
    for name in ("network", "real"):
        assert all(torch.equal(t, resumed.arrays[name][k]) for k, t in whole.arrays[name].items())


def test_synthetic_images_are_points_of_the_lens_s_own_plane() -> None:
    summary, recorder = both()
    space, seen, real = recorder.arrays["space"], recorder.arrays["features"], the_lens().arrays("real")
    assert torch.equal(space["real"], real["coords"])
    by_hand = (seen["features"] - real["mean"]) @ real["components"].T
    torch.testing.assert_close(space["synthetic"], by_hand, atol=1e-4, rtol=1e-4)
    assert (space["labels"].tolist(), space["run"].tolist()) == ([0, 1, 2, 0, 1], [0, 0, 0, 1, 1])
    assert (summary.runs, summary.images, summary.real_images) == ((REAL, NOISE), 5, 120)
    assert summary.variance == the_lens().summary.variance


def test_the_plane_and_the_place_of_an_image_do_not_depend_on_what_else_is_looked_at() -> None:
    alone = looked_at({NOISE: two_runs()[NOISE]})[1].arrays
    torch.testing.assert_close(alone["space"]["synthetic"], both()[1].arrays["space"]["synthetic"][3:])
    needs = [KINDS["features"].needs("features", spec("features", "features", {**TINY, "runs": runs}).config)
             for runs in (REAL, NOISE, f"{REAL},{NOISE}")]
    assert needs[0] == needs[1] == needs[2]


@pytest.mark.parametrize("way", features.WAYS)
def test_the_nearest_real_image_is_that_of_brute_force_over_the_whole_training_part(way: str) -> None:
    kept, part, images = both()[1].arrays["nearest"], digits(), [one.images().images for one in two_runs().values()]
    network = nets.build("convnet3", (1, 8, 8), 10, {"width": 8})
    network.load_state_dict(the_lens().arrays("network"))
    network.eval()

    def points(images: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return (images.flatten(1) if way == "pixels" else network.embed(images)).double()

    apart = torch.cdist(points(torch.cat(images)), points(part.all()))
    assert torch.equal(kept[f"{way}_index"], apart.argmin(1))
    torch.testing.assert_close(kept[f"{way}_distance"].double(), apart.min(1).values, atol=1e-4, rtol=1e-4)
    assert torch.equal(kept[f"{way}_image"], part.images[kept[f"{way}_index"]])
    assert torch.equal(kept[f"{way}_label"], part.labels[kept[f"{way}_index"]])
    assert kept[f"{way}_index"][:3].tolist() == [int(part.of_class(label)[40]) for label in range(3)]


@pytest.mark.parametrize("most", [1000, 20])
def test_what_is_usual_is_told_by_images_that_nobody_trained_on(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "HELD_OUT", most)
    data, held = load("digits"), looked_at(seed=3)[0].held_out
    val = Resident.from_split(data.val, data, "cpu")
    some = val.batch(seeds.permutation(len(val), 3, "features", "held out")[:most])
    network = nets.build("convnet3", (1, 8, 8), 10, {"width": 8})
    network.load_state_dict(the_lens().arrays("network"))
    network.eval().requires_grad_(False)
    for way, points in (("pixels", lambda images: images.flatten(1)), ("features", network.embed)):
        apart = torch.cdist(points(some), points(digits().all())).min(1).values
        assert getattr(held, way) == pytest.approx(apart.median().item(), rel=1e-3)
    assert held.images == len(some) == min(most, 144)


def test_without_images_that_nobody_trained_on_nothing_is_said_to_be_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    data, trained = load("digits"), the_lens()
    nothing = dataclasses.replace(data, val=take(data.val, np.arange(0)))
    for module in (features, reference_network):
        monkeypatch.setattr(module, "load", lambda *_: nothing)
    assert looked_through(steps=1)[0].val_accuracy is None
    assert trained.summary.val_accuracy is not None
    assert looked_at()[0].held_out == features.HeldOut(images=0)


def test_a_look_is_the_same_again_to_the_bit() -> None:
    again = looked_at()[1].arrays
    for name in ("space", "features", "nearest"):
        assert all(torch.equal(t, again[name][k]) for k, t in both()[1].arrays[name].items())


def test_images_that_do_not_fit_are_refused_all_at_once() -> None:
    wrong = {
        REAL: distilled(REAL, torch.zeros(2, 1, 16, 16)),
        NOISE: distilled(NOISE, torch.zeros(2, 1, 8, 8), classes=("no", "yes")),
    }
    wrong[NOISE].config = {"dataset": "mnist"}
    with pytest.raises(ConfigError) as error:
        looked_at(wrong)
    told = error.value.problems
    assert len(told) == 3
    assert f"run {REAL} holds images of shape (1, 16, 16), digits has (1, 8, 8) here" in told
    assert f"run {NOISE} is of the data set mnist, not of digits" in told


def test_images_of_other_data_under_the_same_name_or_normalised_otherwise_are_refused() -> None:
    part, images = digits(), torch.zeros(2, 1, 8, 8)
    wrong = {
        REAL: distilled(REAL, images, mean=(part.mean[0] + 1e-4,), std=(2.0,)),
        NOISE: distilled(NOISE, images, mean=(part.mean[0] + 1e-12,)),  # rounding
    }
    wrong[NOISE].dataset = {"name": "digits", "fingerprint": "other"}
    with pytest.raises(ConfigError) as error:
        looked_at(wrong)
    told = error.value.problems
    assert len(told) == 3
    assert told[0].startswith(f"run {REAL} is normalised with the mean")
    assert told[1] == f"run {REAL} is normalised with the std (2.0,), digits with {part.std}"
    assert told[2].startswith(f"run {NOISE} was made from other images of digits: their fingerprint is other, that of")


def test_runs_are_named_by_their_ids_in_any_order() -> None:
    def asked(runs: str) -> str:
        return spec("features", "features", {**TINY, "runs": runs}).key

    assert asked(f"{REAL},{NOISE}") == asked(f" {NOISE}  {REAL},{REAL}") != asked(REAL)
    with pytest.raises(ConfigError, match="runs must name 1 to 8 finished runs, got nothing"):
        asked(" , ")
    with pytest.raises(ConfigError) as error:
        asked(",".join([f"{n:016x}" for n in range(8)] + ["../x"]))
    assert error.value.problems == (
        "runs must name 1 to 8 finished runs, got 9",
        "a run id has 16 digits from 0-9 and a-f, got '../x'",
    )


def test_a_lens_is_narrow_unless_it_is_told_and_has_no_epochs() -> None:
    def width(**values: Any) -> int | None:
        config = spec("lens", "lens", values).config
        assert isinstance(config, reference_network.LensConfig)
        return config.width

    assert (width(), width(width=128), width(network="lenet"), width(steps=5)) == (64, 128, None, 64)
    with pytest.raises(ConfigError, match="no parameter 'epochs': the network is trained for a number of steps"):
        width(epochs=3)


def test_the_time_of_a_look_is_that_of_one_pass_over_the_training_images() -> None:
    asked = spec("features", "features", {**TINY, "runs": REAL}).config
    one, (need,) = counts.macs("convnet3", (1, 8, 8), 10, {"width": 8}), KINDS["features"].needs("features", asked)
    assert (cost("features", "features", asked), steps("features", "features", asked)) == (1294 * one, 0)
    assert cost("lens", "lens", need.config) == one * (3 * 30 * 128 + 144 + 120)
    assert steps("lens", "lens", need.config) == 30
    small, large = (spec("tsne", "tsne", {**TINY, "runs": REAL, "real_per_class": n}).config for n in (10, 20))
    assert 2 * cost("tsne", "tsne", small) == cost("tsne", "tsne", large) > 0


def test_looking_stops_when_asked() -> None:
    recorder = MemoryRecorder(cancel_at=3)
    recorder.parents = {**two_runs(), "lens": the_lens()}
    asked = spec("features", "features", {**TINY, "runs": ",".join(two_runs())})
    with pytest.raises(Cancelled):
        features.run("features", asked.config, recorder)  # type: ignore[arg-type]


def laid_out() -> tuple[tsne.TsneSummary, MemoryRecorder]:
    recorder = MemoryRecorder()
    recorder.parents = {"features": finished("features", *both()), "lens": the_lens()}
    asked = spec("tsne", "tsne", {**TINY, "runs": f"{REAL},{NOISE}", "perplexity": 5})
    assert [one.kind for one in KINDS["tsne"].needs("tsne", asked.config)] == ["features", "lens"]
    return tsne.run("tsne", asked.config, recorder), recorder  # type: ignore[arg-type]


def test_the_map_of_neighbours_has_every_image_of_the_look_it_builds_on(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[torch.Tensor] = []

    def in_a_row(points: torch.Tensor, perplexity: float, seed: int, on_stage: Any) -> tuple[torch.Tensor, float]:
        given.append(points)
        on_stage()
        return torch.arange(2.0 * len(points)).reshape(-1, 2), perplexity

    monkeypatch.setattr(embedding, "neighbour_map", in_a_row)
    summary, recorder = laid_out()
    space, look = recorder.arrays["space"], both()[1].arrays
    assert torch.equal(given[0], torch.cat([the_lens().arrays("real")["features"], look["features"]["features"]]))
    assert space["real"][-1].tolist() == [238, 239]
    assert space["synthetic"].tolist() == [[240, 241], [242, 243], [244, 245], [246, 247], [248, 249]]
    assert all(torch.equal(space[name], look["space"][name]) for name in ("labels", "run", "real_labels"))
    assert (summary.perplexity, summary.runs) == (5, (REAL, NOISE))
    assert recorder.looks == 1  # at whether it should stop


@pytest.mark.slow
def test_the_map_of_neighbours_keeps_the_classes_of_real_images_together() -> None:
    space = laid_out()[1].arrays["space"]
    apart = torch.cdist(space["real"], space["real"]).fill_diagonal_(torch.inf)
    assert (space["real_labels"][apart.argmin(1)] == space["real_labels"]).float().mean() > 0.4  # a tenth by chance

"""Coresets that build on scores: they pick exactly the images that their rule names, and share the scores."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ddcore import jobs
from ddcore.data.load import load
from ddcore.data.resident import Resident
from ddcore.errors import Cancelled, ConfigError
from ddcore.experiments import spec
from ddcore.methods import METHODS, State, Task
from ddcore.ops import nets, seeds
from ddcore.runs import Store
from ddcore.summary import Summary

NAMES = ("herding", "kcenter", "el2n", "forgetting")
EVERY_CORESET = pytest.mark.parametrize("name", NAMES)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _home(home: Any) -> None: ...


@pytest.fixture
def part() -> Resident:
    data = load("digits")
    return Resident.from_split(data.train, data, "cpu")


def values(**changes: Any) -> dict[str, Any]:
    small = {"agents": 1, "score_epochs": 2, "width": 4, "train_images": 400}
    return {"dataset": "digits", "device": "cpu", "ipc": 3, **small, **changes}


def task(name: str, part: Resident, scores: dict[str, Any], tell: Any = None, **changes: Any) -> Task:
    """A task whose scores are given, with a network drawn at random."""
    network = nets.build("convnet3", (1, 8, 8), 10, {"width": 4}, torch.Generator().manual_seed(3))
    parent = SimpleNamespace(summary=Summary(), arrays={"scores": scores, "network": network.state_dict()}.__getitem__)
    config = METHODS[name].Config.build(values(train_images=0, **changes))
    return Task(config, part, CPU, (parent,), *([tell] if tell else []))


def every_second(part: Resident) -> dict[str, Any]:
    """Half of the images were scored: those of even index score their index, for el2n and its negative to forget."""
    indices = torch.arange(0, len(part), 2)
    return {"indices": indices, "el2n": indices.float(), "forgetting": -indices.float()}


def candidates(part: Resident, label: int) -> torch.Tensor:
    return torch.tensor([i for i in range(0, len(part), 2) if part.labels[i] == label])


def holds(state: State, part: Resident, indices: list[list[int]]) -> bool:
    """Whether the state is exactly these images of each class, in this order."""
    return torch.equal(state.images, part.batch(torch.tensor(indices).flatten()))


@pytest.mark.parametrize(
    ("name", "order", "highest"),
    [("el2n", "easiest", False), ("el2n", "hardest", True), ("forgetting", "easiest", True),
     ("forgetting", "hardest", False)],
)
def test_ranked_coresets_take_the_wanted_end_of_the_scores(
    part: Resident, name: str, order: str, highest: bool
) -> None:
    state = METHODS[name].start(task(name, part, every_second(part), order=order))
    of_classes = [candidates(part, label).tolist() for label in range(10)]  # ascending, as their scores are
    assert holds(state, part, [one[:-4:-1] if highest else one[:3] for one in of_classes])
    assert state.labels.tolist() == [label for label in range(10) for _ in range(3)]


def test_equal_scores_are_drawn_from_by_the_seed(part: Resident) -> None:
    scores = every_second(part) | {"forgetting": torch.zeros(-(-len(part) // 2))}
    first, again, other = (
        METHODS["forgetting"].start(task("forgetting", part, scores, seed=s)).images for s in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    drawn = []
    for label in range(10):
        members = candidates(part, label)
        drawn.append(members[torch.randperm(len(members), generator=seeds.generator(1, "equal scores", label))][:3])
    assert torch.equal(other, part.batch(torch.cat(drawn)))


def test_one_herded_image_is_the_one_nearest_its_class_mean_in_the_networks_features(part: Resident) -> None:
    herded = METHODS["herding"].start(one := task("herding", part, every_second(part), ipc=1))
    network = nets.build("convnet3", (1, 8, 8), 10, {"width": 4})
    network.load_state_dict(one.parents[0].arrays("network"))
    nearest = []
    for label in range(10):
        members = candidates(part, label)
        with torch.no_grad():
            features = network.eval().embed(part.batch(members)).double()
        nearest.append([int(members[(features - features.mean(0)).norm(dim=1).argmin()])])
    assert holds(herded, part, nearest)
    centred = METHODS["kcenter"].start(task("kcenter", part, every_second(part), ipc=1))
    assert torch.equal(centred.images, herded.images)


@pytest.mark.parametrize("name", ["herding", "kcenter"])
def test_with_the_same_features_the_seed_chooses_nothing_and_the_method_says_so(part: Resident, name: str) -> None:
    first, other = (METHODS[name].start(task(name, part, every_second(part), seed=seed)).images for seed in (0, 1))
    assert torch.equal(first, other)
    assert METHODS[name].summary.endswith("The seed trains the network; nothing else is random.")


def test_herded_means_are_nearer_the_class_means_than_covering_ones(part: Resident) -> None:
    tasks = {name: task(name, part, every_second(part), ipc=8) for name in ("herding", "kcenter")}
    network = nets.build("convnet3", (1, 8, 8), 10, {"width": 4})
    network.load_state_dict(tasks["herding"].parents[0].arrays("network"))
    network.eval().requires_grad_(False)
    means = torch.stack([network.embed(part.batch(candidates(part, label))).mean(0) for label in range(10)])
    off, reach = {}, {}
    for name, one in tasks.items():
        features = network.embed(METHODS[name].start(one).images).view(10, 8, -1)
        off[name] = (features.mean(1) - means).norm(dim=1)
        reach[name] = [
            torch.cdist(network.embed(part.batch(candidates(part, label))), features[label]).min(1).values.max()
            for label in range(10)
        ]
    assert (off["herding"] < off["kcenter"] / 2).all()
    assert sum(reach["kcenter"]) < sum(reach["herding"])


@EVERY_CORESET
def test_more_images_than_were_scored_of_a_class_are_refused(part: Resident, name: str) -> None:
    fewest = min(len(candidates(part, label)) for label in range(10))
    with pytest.raises(ConfigError, match=f"ipc must be at most {fewest}, the scored images .* of digits, got 100"):
        METHODS[name].start(task(name, part, every_second(part), ipc=100))


@EVERY_CORESET
def test_too_few_images_to_score_are_refused_before_anything_runs(name: str) -> None:
    with pytest.raises(ConfigError, match="train_images must be 0 or at least 50, 5 for each of 10 classes, got 49"):
        spec("distill", name, values(ipc=5, train_images=49))


@pytest.mark.parametrize("name", [*NAMES, "random"])
def test_an_initialisation_given_to_a_coreset_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(ConfigError, match="no parameter 'init': a coreset picks real images"):
        spec("distill", name, {"dataset": "digits", "init": "noise"})


@pytest.mark.parametrize("name", ["herding", "kcenter"])
def test_choosing_says_how_far_it_is_and_can_be_stopped(part: Resident, name: str) -> None:
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int, phase: str) -> None:
        told.append((done, total))
        if len(told) == 5:
            raise Cancelled("stopped by the test")

    with pytest.raises(Cancelled):
        METHODS[name].start(task(name, part, every_second(part), tell))
    assert told == sorted(told)
    assert {total for _, total in told} == {-(-len(part) // 2)}


def test_coresets_of_the_same_agents_need_the_same_scores() -> None:
    from ddcore.experiments import KINDS

    def needed(name: str, **changes: Any) -> str:
        one = spec("distill", name, values(**changes))
        (wanted,) = KINDS["distill"].needs(name, one.config)
        return wanted.key

    assert len({needed(name, ipc=ipc) for name in NAMES for ipc in (1, 10)}) == 1
    others = ({"agents": 2}, {"score_epochs": 3}, {"train_images": 0}, {"seed": 1}, {"width": 8})
    assert len({needed("el2n", **changes) for changes in ({}, *others)}) == 6


def test_coresets_are_computed_with_the_scores_that_they_need_from_submit_to_images() -> None:
    ids = {name: jobs.run_inline(spec("distill", name, values())) for name in NAMES}
    store = Store()
    (scores,) = store.records("scores")
    real = {tuple(image.flatten().tolist()) for image in load("digits").train.images}
    for name, run_id in ids.items():
        record, stored = store.record(run_id), store.images(run_id)
        assert record.info["parents"] == [scores.id]
        assert record.summary.images == 30
        assert stored.labels.tolist() == [label for label in range(10) for _ in range(3)]
        pixels = stored.images * stored.std[0] + stored.mean[0]
        shown = {tuple(round(float(p)) for p in (255 * image).flatten()) for image in pixels}
        assert len(shown) == 30, f"{name} takes no image twice"
        assert shown <= real
    assert len({store.images(run_id).images.tobytes() for run_id in ids.values()}) == 4


@EVERY_CORESET
def test_presets_fit_every_data_set_and_ask_for_scores_that_can_be_computed(name: str) -> None:
    method = METHODS[name]
    for preset in method.presets:
        for dataset in ("digits", "mnist", "mhist"):
            config = method.Config.build(preset.for_dataset(dataset))
            ((kind, scores, wanted),) = method.needs(config)
            asked: Any = spec(kind, scores, wanted).config
            assert (asked.epochs, asked.width, asked.seed) == (config.score_epochs, config.width, config.seed)


def test_embedding_costs_one_forward_pass_of_every_candidate() -> None:
    cost = METHODS["herding"].cost
    build = METHODS["herding"].Config.build
    assert cost(build({"dataset": "mnist", "train_images": 6000}), 7, 10) == 7 * 6000
    assert cost(build({"dataset": "mnist"}), 7, 10) == 7 * 55_000

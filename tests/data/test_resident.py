import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ddcore.data.load import load
from ddcore.data.resident import Resident
from ddcore.errors import DataBroken


def resident(labels, classes=3):
    """One image of 1×1 for each label; its value is its index."""
    images = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1)
    return Resident(images, torch.tensor(labels), [str(c) for c in range(classes)], (0.0,), (1 / 255,))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


every_class = st.lists(st.integers(0, 2), max_size=40).map(lambda more: [0, 1, 2, *more])


@settings(max_examples=80, deadline=None)
@given(every_class, st.integers(1, 12), st.integers(0, 1000))
def test_sample_has_n_of_each_class_sorted_and_repeats_only_where_it_must(labels, n, seed):
    data = resident(labels)
    drawn = data.sample_indices(n, seeded(seed)).view(3, n)
    for c in range(3):
        assert (data.labels[drawn[c]] == c).all()
        if data.counts[c] >= n:
            assert len(drawn[c].unique()) == n


@settings(max_examples=40, deadline=None)
@given(every_class, st.integers(1, 12), st.integers(0, 1000))
def test_same_generator_same_sample(labels, n, seed):
    data = resident(labels)
    assert torch.equal(data.sample_indices(n, seeded(seed)), data.sample_indices(n, seeded(seed)))


@pytest.mark.parametrize("n", [2, 6])  # without and with replacement
def test_every_image_of_a_class_is_equally_likely(n):
    data = resident([0, 1, 2, 0, 0, 0, 0])
    generator = seeded()
    drawn = torch.cat([data.sample_indices(n, generator)[:n] for _ in range(1000)])
    share = torch.bincount(drawn, minlength=7)[data.of_class(0)] / len(drawn)
    assert share == pytest.approx([0.2] * 5, abs=0.035)  # over 3 standard errors


def test_each_channel_is_normalised_with_its_own_mean_and_std():
    images = torch.tensor([255, 102, 0, 51, 51, 51], dtype=torch.uint8).view(2, 3, 1, 1)
    data = Resident(images, torch.tensor([0, 1]), ["a", "b"], (0.2, 0.4, 0.6), (0.4, 0.5, 0.1))
    by_hand = [[0.8 / 0.4, 0.0, -0.6 / 0.1], [0.0, -0.2 / 0.5, -0.4 / 0.1]]
    assert data.batch(torch.tensor([0, 1])).flatten(1).tolist() == [pytest.approx(one, abs=1e-5) for one in by_hand]


def test_draws_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    resident([0, 1, 2]).sample(5, seeded())
    assert torch.equal(before, torch.get_rng_state())


def test_successive_samples_differ():
    data, generator = resident([0, 1, 2] * 20), seeded()
    assert not torch.equal(data.sample_indices(5, generator), data.sample_indices(5, generator))


def test_sample_returns_the_normalised_images_at_the_sampled_indices():
    data = resident([2, 1, 0, 0, 1, 2])
    values = data.sample(2, seeded(3))
    assert values.dtype == torch.float32
    assert values.shape == (6, 1, 1, 1)
    assert torch.allclose(values.flatten(), data.sample_indices(2, seeded(3)).float())


def test_members_of_a_class_are_in_order():
    data = resident([2, 1, 0, 0, 1, 2])
    assert [data.of_class(c).tolist() for c in range(3)] == [[2, 3], [1, 4], [0, 5]]


def test_class_without_images_is_named_when_drawn_from():
    data = resident([0, 0, 2])
    assert data.of_class(1).tolist() == []
    with pytest.raises(DataBroken, match="of class 1"):
        data.sample(1, seeded())


def test_normalisation_is_the_textbook_one_and_leaves_the_bytes_alone():
    digits = load("digits")
    data = Resident.from_split(digits.train, digits, "cpu")
    mean, std = torch.tensor(digits.mean), torch.tensor(digits.std)
    expected = (torch.from_numpy(digits.train.images).float() / 255 - mean) / std
    everything = data.batch(torch.arange(len(data)))
    assert torch.allclose(everything, expected, atol=1e-5)
    assert torch.equal(data.batch(torch.tensor([5, 1])), everything[[5, 1]])
    assert data.images.dtype == torch.uint8
    assert everything.mean().item() == pytest.approx(0, abs=1e-4)
    assert everything.std().item() == pytest.approx(1, abs=1e-4)
    assert data.shape == (1, 8, 8)
    assert len(data) == 1294


@pytest.mark.gpu
def test_drawing_on_the_gpu_needs_no_synchronisation():
    digits = load("digits")
    data = Resident.from_split(digits.train, digits, "cuda")
    generator = torch.Generator("cuda").manual_seed(0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        few, many = data.sample(10, generator), data.sample(500, generator)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert few.shape == (100, 1, 8, 8)
    assert many.shape == (5000, 1, 8, 8)


def small_and_large(device):
    """The same split on the device, and with its images left in host memory because there is no room."""
    digits = load("digits")
    here = Resident.from_split(digits.train, digits, device)
    away = Resident.from_split(digits.train, digits, device, room=digits.train.images.nbytes - 1)
    assert (here.host, away.host) == (False, True)
    return here, away


def assert_same_draws(here, away, device):
    draws = [torch.Generator(device).manual_seed(4) for _ in range(2)]
    assert torch.equal(here.sample(7, draws[0]), away.sample(7, draws[1]))
    table = torch.tensor([[3, 1, 3], [0, 5, 1293]], device=device)
    assert torch.equal(here.batch(table), away.batch(table))
    assert away.batch(table).shape == (2, 3, 1, 8, 8)
    assert torch.equal(here.of_class(3), away.of_class(3))
    assert away.device == here.device == torch.zeros(0, device=device).device


def test_a_set_that_does_not_fit_gives_the_very_same_batches_from_host_memory():
    here, away = small_and_large("cpu")
    assert_same_draws(here, away, "cpu")
    assert away.images.dtype == torch.uint8


@pytest.mark.gpu
def test_a_set_that_does_not_fit_the_gpu_stays_pinned_and_gives_the_very_same_batches():
    here, away = small_and_large("cuda")
    assert_same_draws(here, away, "cuda")
    assert away.images.device.type == "cpu"
    assert away.images.is_pinned()


def test_a_set_of_exactly_the_room_there_is_still_fits():
    digits = load("digits")
    assert not Resident.from_split(digits.train, digits, "cpu", room=digits.train.images.nbytes).host

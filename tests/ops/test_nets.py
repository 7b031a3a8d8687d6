"""The networks of the field."""

from __future__ import annotations

import numpy as np
import published
import pytest
import torch
from test_flops import REFERENCE, parsed

from ddcore.data import DATASETS
from ddcore.errors import ConfigError, UnknownName
from ddcore.networks import ACTIVATIONS, NETWORKS, NORMS, POOLINGS, network
from ddcore.ops.nets import build, reinitialise
from ddcore.ops.nets.layers import leaking
from ddcore.ops.seeds import generator

CLASSES = 3
SHIPPED = [d for d in DATASETS.values() if not d.own]
SHAPES = sorted({d.shape(r) for d in SHIPPED for r in d.resolutions} | {(3, 8, 8), (1, 16, 16), (3, 32, 32)})
LARGE = 64  # pixels: networks on sides from there on take a second each
FITTING = [
    pytest.param(name, shape, marks=[pytest.mark.slow] * (shape[1] >= LARGE))
    for name in NETWORKS
    for shape in SHAPES
    if not network(name).problems(shape, {})
]


def pixels(shape: tuple[int, int, int], n: int = 2) -> torch.Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("case", REFERENCE)
def test_parameters_have_the_published_shapes_in_the_published_order(case):
    net = build(*parsed(case))
    assert [list(p.shape) for p in net.parameters()] == REFERENCE[case]["parameter_shapes"]


def test_convnet_computes_the_published_embedding_and_logits():
    stored = published.arrays("convnet3_forward")
    net = build("convnet3", (1, 28, 28), 10)
    published.set_weights(net, stored["weight_seed"])
    images = torch.from_numpy(stored["images"])
    np.testing.assert_allclose(net.embed(images).detach().numpy(), stored["embedding"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(net(images).detach().numpy(), stored["logits"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "shape"), FITTING)
@torch.no_grad()
def test_network_works_at_every_size_a_data_set_has(name, shape):
    net = build(name, shape, CLASSES)
    maps, embedding = net.maps(pixels(shape, 1))
    logits = net.classifier(embedding)
    assert embedding.ndim == 2
    assert logits.shape == (1, CLASSES)
    assert torch.isfinite(logits).all()
    sides = [m.shape[-1] for m in maps]
    assert all(m.ndim == 4 and len(m) == 1 for m in maps)
    assert sides == sorted(sides, reverse=True)
    assert len(maps) >= 2


@pytest.mark.parametrize("name", NETWORKS)
def test_maps_and_embedding_and_logits_belong_to_the_same_pass(name):
    shape = (3, 128, 128) if name == "convnet7" else (3, 32, 32)
    net, images = build(name, shape, CLASSES), pixels(shape, 1)
    with torch.no_grad():
        maps, embedding = net.maps(images)
        before = [m.clone() for m in maps]
        assert torch.equal(net.embed(images), embedding)
        assert torch.equal(net(images), net.classifier(embedding))
    assert all(torch.equal(m, b) for m, b in zip(maps, before, strict=True))
    assert len({m.data_ptr() for m in maps}) == len(maps)


@pytest.mark.parametrize("name", ["mlp", "lenet", "alexnet", "vgg11", "resnet18", "convnet3"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 8)])
def test_smallest_images_still_tell_something(name, shape):
    net, images = build(name, shape, CLASSES), pixels(shape).requires_grad_()
    logits = net(images)
    logits[:, 0].sum().backward()
    assert (logits[0] - logits[1]).abs().max() > 1e-4
    assert images.grad.abs().max() > 1e-6


def test_maps_of_convnet3_are_those_before_pooling():
    maps, embedding = build("convnet3", (1, 28, 28), 10).maps(pixels((1, 28, 28)))
    assert [tuple(m.shape) for m in maps] == [(2, 128, 32, 32), (2, 128, 16, 16), (2, 128, 8, 8)]
    assert embedding.shape == (2, 2048)
    pooled = torch.nn.functional.avg_pool2d(maps[-1], 2).flatten(1)
    torch.testing.assert_close(pooled, embedding)
    assert all((m >= 0).all() for m in maps)


def test_maps_of_the_mlp_are_single_positions():
    maps, embedding = build("mlp", (1, 8, 8), 10, {"width": 6}).maps(pixels((1, 8, 8)))
    assert [tuple(m.shape) for m in maps] == [(2, 6, 1, 1)] * 2
    assert torch.equal(maps[1].flatten(1), embedding)


@torch.no_grad()
def test_number_of_maps_is_that_of_the_activations():
    counts = {
        name: len(build(name, (3, 32, 32), 2).maps(pixels((3, 32, 32), 1))[0])
        for name in NETWORKS
        if name != "convnet7"
    }
    assert counts == {"convnet3": 3, "convnet5": 5, "mlp": 2, "lenet": 2, "alexnet": 5, "vgg11": 8, "resnet18": 9,
                      "coursenet": 4}


@pytest.mark.parametrize("name", ["lenet", "alexnet", "vgg11", "resnet18"])
def test_number_of_parameters_does_not_grow_with_the_image(name):
    small, large = (sum(p.numel() for p in build(name, (3, s, s), 10).parameters()) for s in (32, 128))
    assert small == large


@pytest.mark.parametrize("norm", NORMS)
def test_every_normalisation_trains(norm):
    net, images = build("convnet3", (1, 8, 8), CLASSES, {"norm": norm, "width": 8}), pixels((1, 8, 8), 3)
    net(images).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


@pytest.mark.parametrize(("name", "norm"), [*(("vgg11", norm) for norm in NORMS), ("resnet18", "batch")])
@torch.no_grad()
def test_deep_networks_take_every_normalisation(name, norm):
    assert torch.isfinite(build(name, (1, 8, 8), CLASSES, {"norm": norm})(pixels((1, 8, 8), 3))).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_activation_and_pooling_of_a_convnet(activation, pooling):
    options = {"width": 8, "depth": 2, "activation": activation, "pooling": pooling}
    net = build("convnet3", (3, 16, 16), CLASSES, options)
    maps, embedding = net.maps(pixels((3, 16, 16)))
    assert [m.shape[-1] for m in maps] == ([16, 16] if pooling == "none" else [16, 8])
    assert embedding.shape[1] == 8 * (16 * 16 if pooling == "none" else 4 * 4)
    lowest = {"relu": 0, "sigmoid": 0, "leakyrelu": -1}[activation]
    assert all((m >= lowest).all() for m in maps)
    assert (maps[0].min() < 0) == (activation == "leakyrelu")


def test_instance_normalisation_treats_every_image_alone():
    net, images = build("convnet3", (1, 8, 8), CLASSES), pixels((1, 8, 8), 4)
    torch.testing.assert_close(net(images), torch.cat([net(image[None]) for image in images]), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_images_need_not_be_square():
    for name in ("convnet3", "lenet", "alexnet", "vgg11", "resnet18", "mlp"):
        assert build(name, (3, 16, 24), CLASSES)(pixels((3, 16, 24), 1)).shape == (1, CLASSES)


def test_depth_that_leaves_nothing_is_refused_with_the_limit():
    with pytest.raises(ConfigError, match=r"depth must be at most 3 for 1×8×8 images .*, got 4"):
        build("convnet3", (1, 8, 8), 10, {"depth": 4})


def test_option_that_a_network_lacks_is_refused():
    with pytest.raises(ConfigError) as caught:
        build("lenet", (1, 28, 28), 10, {"depth": 2, "width": 3})
    assert [p.split(" of ")[0] for p in caught.value.problems] == ["depth is not an option", "width is not an option"]


def test_group_normalisation_refuses_a_width_it_cannot_split():
    with pytest.raises(ConfigError, match="multiple of 4 with group norm, got 6"):
        build("convnet3", (1, 8, 8), 10, {"width": 6, "norm": "group"})


@pytest.mark.parametrize("option", ["norm", "activation", "pooling"])
def test_misspelt_option_value_is_refused(option):
    with pytest.raises(UnknownName, match="'grop'"):
        build("convnet3", (1, 8, 8), 10, {option: "grop"})


def test_options_that_are_none_keep_the_published_value():
    plain, spelt = (build("convnet3", (1, 8, 8), 10, o) for o in (None, {"width": None, "norm": None}))
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), spelt.parameters(), strict=True))


@pytest.mark.parametrize("name", [n for n in NETWORKS if n not in ("convnet5", "convnet7")])
def test_network_made_anew_is_the_one_built_from_that_generator(name):
    options = {"norm": "batch"} if "norm" in network(name).options else {}
    built = build(name, (1, 8, 8), 10, options, generator(7))
    other = build(name, (1, 8, 8), 10, options, generator(8))
    other(pixels((1, 8, 8)))  # moves running statistics, which must be forgotten
    reinitialise(other, generator(7))
    states = built.state_dict(), other.state_dict()
    assert list(states[0]) == list(states[1])
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])


def test_making_anew_keeps_the_tensors():
    net = build("convnet3", (1, 8, 8), 10)
    before = [p.data_ptr() for p in net.parameters()]
    reinitialise(net, generator(1))
    assert [p.data_ptr() for p in net.parameters()] == before
    assert all(p.requires_grad for p in net.parameters())


def test_different_generators_make_different_networks():
    one, other = (build("convnet3", (1, 8, 8), 10, generator=generator(s)) for s in (1, 2))
    assert not torch.equal(one.blocks[0].conv.weight, other.blocks[0].conv.weight)


def test_the_global_generator_is_left_alone_and_has_no_say():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = build("vgg11", (1, 8, 8), 10, generator=generator(3))
    reinitialise(one, generator(3))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    other = build("vgg11", (1, 8, 8), 10, generator=generator(3))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_weights_are_uniform_within_the_fan_in():
    net = build("convnet3", (3, 32, 32), 10, generator=generator(0))
    bound = (128 * 9) ** -0.5  # second convolution: 128 channels, 3×3
    weight = net.blocks[1].conv.weight.detach()
    assert weight.abs().max() <= bound
    assert float(weight.std()) == pytest.approx(bound / 3**0.5, rel=0.01)
    assert net.blocks[1].conv.bias.abs().max() <= bound
    assert (net.blocks[1].norm.weight == 1).all()


def test_parameters_without_a_rule_are_refused():
    with pytest.raises(TypeError, match="ConvTranspose2d"):
        reinitialise(torch.nn.Sequential(torch.nn.ConvTranspose2d(1, 1, 3)), generator(0))


def test_the_coursenet_is_the_plain_network_that_a_student_would_write():
    """Three convolutions of 32 filters on 28×28: 28 → 14 → 7 → 3, so 32·3·3 numbers enter the hidden layer."""
    net = build("coursenet", (1, 28, 28), 10, {"activation": "leakyrelu"})
    plain = torch.nn.Sequential(
        torch.nn.Conv2d(1, 32, 3, padding=1), torch.nn.LeakyReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(32, 32, 3, padding=1), torch.nn.LeakyReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(32, 32, 3, padding=1), torch.nn.LeakyReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(288, 128), torch.nn.LeakyReLU(), torch.nn.Linear(128, 10),
    )
    plain.load_state_dict(dict(zip(plain.state_dict(), net.state_dict().values(), strict=True)))
    images = pixels((1, 28, 28))
    torch.testing.assert_close(net(images), plain(images))


@pytest.mark.parametrize("activation", ["relu", "leakyrelu"])
@pytest.mark.parametrize("name", ["coursenet", "convnet3"])
def test_a_slope_that_is_looked_up_changes_neither_answers_nor_gradients(name, activation):
    net, images = build(name, (1, 8, 8), 10, {"activation": activation, "width": 8}), pixels((1, 8, 8))
    before = net(images)
    gradients = torch.autograd.grad(before.square().sum(), list(net.parameters()))
    leaking(net)
    after = net(images)
    again = torch.autograd.grad(after.square().sum(), list(net.parameters()))
    assert torch.equal(before, after)
    assert all(torch.equal(a, b) for a, b in zip(gradients, again, strict=True))
    slopes = [float(buffer) for label, buffer in net.named_buffers() if label.endswith("slope")]
    assert slopes == pytest.approx([0.01 if activation == "leakyrelu" else 0.0] * len(slopes))
    assert len(slopes) >= 3

"""Scores of difficulty, against the published formula's numbers and by hand."""

from __future__ import annotations

import math

import published
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from properties import few

from ddcore.ops.scoring import el2n, forgetting_counts, grad_norm


def test_el2n_is_the_published_one():
    stored = published.arrays("el2n")
    ours = el2n(torch.from_numpy(stored["logits"]), torch.from_numpy(stored["labels"]))
    assert published.relative_error(ours, stored["el2n"]) < 1e-6


def test_el2n_of_sure_and_undecided_answers_by_hand():
    logits = torch.tensor([[100.0, 0.0], [0.0, 100.0], [3.0, 3.0]])
    assert el2n(logits, torch.tensor([0, 0, 0])).tolist() == pytest.approx([0, math.sqrt(2), math.sqrt(0.5)])


@few
@given(seed=st.integers(0, 999), shift=st.floats(-50, 50))
def test_el2n_lies_between_0_and_root_2_and_forgets_what_all_logits_share(seed, shift):
    g = torch.Generator().manual_seed(seed)
    logits, labels = 5 * torch.randn(6, 4, generator=g), torch.randint(4, (6,), generator=g)
    scores = el2n(logits, labels)
    assert ((scores >= 0) & (scores <= math.sqrt(2) + 1e-6)).all()
    torch.testing.assert_close(el2n(logits + shift, labels), scores, atol=1e-4, rtol=1e-4)


def test_forgetting_is_counted_by_hand_and_what_was_never_learnt_counts_most():
    histories = {"1111": 0, "0011": 0, "1101": 1, "1010": 2, "0110": 1, "0001": 0, "0000": 4}
    right = torch.tensor([[int(one) for one in history] for history in histories]).bool().T
    assert forgetting_counts(right).tolist() == list(histories.values())


def test_one_epoch_leaves_only_right_and_never_right():
    assert forgetting_counts(torch.tensor([[True, False]])).tolist() == [0, 1]


@few
@given(epochs=st.integers(1, 9), seed=st.integers(0, 999))
def test_no_image_is_forgotten_as_often_as_one_that_was_never_learnt(epochs, seed):
    right = torch.randint(0, 2, (epochs, 40), generator=torch.Generator().manual_seed(seed)).bool()
    counts = forgetting_counts(right)
    assert (counts[~right.any(0)] == epochs).all()
    assert (counts[right.any(0)] < epochs).all()


def test_the_gradient_norm_is_that_of_autograd_on_the_last_layer():
    g = torch.Generator().manual_seed(0)
    layer = torch.nn.Linear(5, 4).double()
    for parameter in layer.parameters():
        parameter.data.normal_(generator=g)
    h, labels = torch.randn(7, 5, generator=g).double(), torch.randint(4, (7,), generator=g)
    for i, norm in enumerate(grad_norm(layer(h), labels, h.norm(dim=1))):
        loss = torch.nn.functional.cross_entropy(layer(h[i : i + 1]), labels[i : i + 1])
        by_hand = math.sqrt(sum(d.square().sum().item() for d in torch.autograd.grad(loss, layer.parameters())))
        assert norm.item() == pytest.approx(by_hand)


def test_the_gradient_norm_by_hand():
    logits, labels = torch.tensor([[100.0, 0.0], [3.0, 3.0]]), torch.tensor([0, 1])
    assert grad_norm(logits, labels, torch.tensor([9.0, math.sqrt(3)])).tolist() == pytest.approx([0, math.sqrt(2)])

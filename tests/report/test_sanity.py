"""What looks wrong about a finished run is said in a sentence, and its state with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from ddcore.experiments import spec
from ddcore.report import sanity, tables
from ddcore.runs.images import Images, write_images
from ddcore.runs.store import RunRecord, Store
from tests.pages.conftest import DM, finish, put

MOVED = "The images moved by 7,285 σ on average"


def distilled(summary: Mapping[str, Any], first: Mapping[str, float], **config: Any) -> RunRecord:
    """A finished run of DM that answered this, and whose first step recorded that."""
    run = Store().record(finish(spec("distill", "dm", {**DM, **config}), {"images": 20, "ipc": 2, **summary}))
    (run.folder / "events.jsonl").write_text("\n".join(map(json.dumps, (
        {"event": "resumed", "step": 0}, {"event": "step", "step": 1, "total": 2, **first},
        {"event": "step", "step": 2, "total": 2, "loss": 0.001},
    ))) + "\n", "utf-8")
    return run


def test_images_that_were_thrown_about_are_said_with_a_learning_rate_to_try(home: None) -> None:
    run = distilled({"pixel_change": 7285.0, "losses": {"loss": 3.0}}, {"loss": 2.0}, lr_img=10_000)
    (sentence,) = sanity.warnings(run)
    assert sentence.startswith(MOVED)
    assert sentence.endswith("far too large. Try η_S 1 instead of 10,000.")
    assert (sanity.state(run), tables.runs([run])["state"].tolist()) == (sanity.WARNED, [sanity.WARNED])


@pytest.mark.parametrize(("change", "std", "sentences"), [
    (0.05, 0.376, 0), (8.17, 0.308, 0), (8.41, 0.376, 1), (25.61, 0.376, 1), (11.9, None, 0), (12.1, None, 1),
])
def test_pixels_that_moved_thrice_as_far_as_from_black_to_white_are_a_reason_to_warn(
    home: None, change: float, std: float | None, sentences: int
) -> None:
    """8.17 σ of MNIST are less than 8.41 σ of the digits: 2.5 times from black to white, and 3.2 times."""
    run = distilled({"pixel_change": change}, {})
    (run.folder / "images.safetensors").unlink(missing_ok=True)
    if std:
        write_images(run.folder / "images.safetensors", Images(
            np.zeros((1, 1, 2, 2), "float32"), np.zeros(1, "int64"), ("0",), (0.1,), (std,)))
    assert len(sanity.warnings(run)) == sentences


def test_no_set_that_ships_is_warned_about() -> None:
    assert [(run.id, told) for run in Store().records("distill") if run.demo and (told := sanity.warnings(run))] == []


@pytest.mark.parametrize(("first", "last", "words"), [
    (2.0, 3.0, ()), (2.0, 199.0, ()), (0.0, 50.0, ()),
    (2.0, 250.0, ("The loss grew from 2 to 250, and it should fall: the learning rate is too large.",)),
])
def test_a_loss_that_grew_by_orders_of_magnitude_is_said(
    home: None, first: float, last: float, words: tuple[str, ...]
) -> None:
    assert sanity.warnings(distilled({"losses": {"loss": last, "loss_part": 1e9}}, {"loss": first})) == words


@pytest.mark.parametrize(("mean", "majority", "warned"), [
    (0.5, 0.1, False), (0.1, 0.1, True), (0.12, 0.1, False), (0.6, 0.62, True), (0.09, None, True),
])
def test_networks_that_learnt_nothing_are_said(home: None, mean: float, majority: float, warned: bool) -> None:
    asked = spec("baseline", "baseline", {"dataset": "digits"})
    told = {"accuracy": {"mean": mean, "std": None, "n": 1}, "majority": majority, "per_class": [mean] * 10}
    run = Store().record(finish(asked, told))
    assert any("the networks learnt nothing" in one for one in sanity.warnings(run)) == warned


@pytest.mark.parametrize("state", ["queued", "cancelled", "failed", "interrupted"])
def test_a_run_in_another_state_keeps_its_word(home: None, state: str) -> None:
    run = Store().record(put(spec("distill", "dm", DM), state))
    assert (sanity.warnings(run), sanity.state(run)) == ((), state)

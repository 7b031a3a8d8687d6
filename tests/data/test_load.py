import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from ddcore import home as places
from ddcore.data import DATASETS, load
from ddcore.data.base import Split
from ddcore.errors import ConfigError, DataBroken, UnknownName
from ddcore.home import PROJECT


def test_data_sets_come_in_the_order_of_their_rank():
    assert list(DATASETS)[:3] == ["digits", "mnist", "mhist"]


def test_mnist_holds_out_exactly_5000_of_60000_stratified(mnist_root):
    data = load.load("mnist", root=mnist_root)
    assert (len(data.train), len(data.val), len(data.test)) == (55_000, 5_000, 10_000)
    per_class = np.bincount(data.train.labels) + np.bincount(data.val.labels)
    assert (abs(np.bincount(data.val.labels) - per_class / 12) < 1).all()
    assert (data.mean, data.std) == ((0.1307,), (0.3081,))
    assert data.shape == DATASETS["mnist"].shape() == (1, 28, 28)


@pytest.mark.parametrize(("name", "sizes"), [("digits", (1294, 144, 359)), ("mhist", (516, 57, 243))])
def test_a_tenth_of_the_training_part_is_held_out(name, sizes, request):
    root = request.getfixturevalue("histology") if name == "mhist" else None
    data = load.load(name, resolution=64 if name == "mhist" else None, root=root)
    assert (len(data.train), len(data.val), len(data.test)) == sizes
    assert (data.train.votes is None) == (name == "digits")


def test_no_image_is_in_two_parts():
    data = load.load("digits")
    parts = [{image.tobytes() for image in split.images} for split in (data.train, data.val, data.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 1797  # no two digits are alike


def test_every_run_sees_the_same_split():
    first, second = load.load("digits"), load.load("digits")
    assert (first.val.images == second.val.images).all()
    assert (first.train.labels == second.train.labels).all()


def test_statistics_are_those_of_numpy():
    images = np.random.default_rng(0).integers(0, 256, (150, 3, 5, 5), dtype=np.uint8)
    mean, std = load.statistics(images)
    assert mean == pytest.approx((images / 255).mean(axis=(0, 2, 3)).tolist())
    assert std == pytest.approx((images / 255).std(axis=(0, 2, 3)).tolist())


def test_channel_of_one_value_has_a_std_to_divide_by():
    assert load.statistics(np.full((3, 1, 2, 2), 7, np.uint8)) == (pytest.approx((7 / 255,)), (1 / 255,))


def test_normalisation_is_measured_on_training_images_only():
    data = load.load("digits")
    assert data.mean == pytest.approx(((data.train.images / 255).mean(),))


def test_data_root_follows_the_environment(home, monkeypatch, tmp_path):
    assert str(home / "data") in DATASETS["mhist"].check(places.data_root()).message
    monkeypatch.setenv("DDCORE_DATA", str(tmp_path / "elsewhere"))
    assert str(tmp_path / "elsewhere") in DATASETS["mhist"].check(places.data_root()).message


def test_unknown_name_and_resolution_say_what_is_allowed():
    with pytest.raises(UnknownName, match="did you mean 'mnist'"):
        load.load("minst")
    with pytest.raises(ConfigError, match="resolution of mhist must be one of 64, 128, 224, got 100"):
        load.fingerprint("mhist", 100)


def test_class_without_images_is_broken(monkeypatch):
    half = Split(np.zeros((4, 1, 8, 8), np.uint8), np.arange(4))
    monkeypatch.setitem(DATASETS._entries, "digits", replace(DATASETS["digits"], read=lambda *_: (half, half)))
    with pytest.raises(DataBroken, match="digits: no training images of class 4, 5, 6, 7, 8, 9"):
        load.load("digits")


def test_facts_availability_and_fingerprints_need_no_torch(histology):
    code = f"""
import sys
from pathlib import Path
import ddcore.data.resident, ddcore.experiments.describe
from ddcore.data import DATASETS, load
for name in DATASETS:
    load.fingerprint(name, root=Path({str(histology)!r}))
    DATASETS[name].check(Path({str(histology)!r}))
load.load("digits")
load.load("mhist", 64, root=Path({str(histology)!r}))
heavy = {{"torch", "torchvision", "sklearn", "streamlit"}} & set(sys.modules)
sys.exit(f"loaded {{heavy}}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_the_parts_that_the_facts_tell_are_those_that_are_loaded(name, request):
    root = request.getfixturevalue("mnist_root") if name == "mnist" else None
    data = load.load(name, root=root)
    told = {part: len(getattr(data, part)) for part in ("train", "val", "test")}
    assert DATASETS[name].parts == told

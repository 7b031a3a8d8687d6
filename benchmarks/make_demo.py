"""Make the finished runs that ship with the code, from nothing: `python -m benchmarks.make_demo [FOLDER]`.

Their seeds differ from the presets', so that nobody's first run is answered by ours. What a finished run does not need
(checkpoints, logs, job states, parents) is left out, and pixels are kept in half precision. With a FOLDER to compute
in, a recipe that was stopped goes on there.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from safetensors import safe_open
from safetensors.numpy import save_file

from ddcore import home, jobs
from ddcore.evaluation import plans
from ddcore.evaluation.plans import Question
from ddcore.experiments import Spec, spec
from ddcore.experiments.search import SearchConfig
from ddcore.experiments.sweep import SweepConfig, replay
from ddcore.methods import METHODS, quick
from ddcore.runs import validation, whole
from ddcore.runs.files import read_json, write_json
from ddcore.runs.state import ASKER
from ddcore.runs.store import parts

DATASET, SEED = "mnist", 7
SETS = ("random", "herding", "datadam", "dm", "pad")
PROTOCOLS = ("course", "quick")
NETS = 5
FULL = {"quick": NETS, "course": 1}  # trainings on the full data; under `course` one takes a fifth of all this
SEARCH = {
    "space": "course", "subset": "depth=2,3,4 width=16,32 units=64,256", "ipc": 10,
    "steps": 60, "nets": 1, "lr": 0.05, "batch_size": 32,
    "truth": "sample", "truth_sample": 20, "truth_steps": 150, "truth_nets": 1,
}
SIZES = {"vary": "ipc=1,2,5,10,20,50", "protocol": "quick", "nets": NETS, "with_full": True}
LEFT_OUT = {*parts(), "scores", "experts"}  # large, and what was made of them does not need them
KEPT = ("run.json", "spec.json", "events.jsonl", "user.json", ASKER, "pictures/examples.png")
SNAPSHOT, LARGE = 20, 100_000  # the step that is kept of a set of more bytes
OF_A_SWEEP = 160_000  # bytes of a set of the sweep up to which its images ship
SUMMED_UP = ("search", "truth")  # their summaries say all that their events and trials do


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="where to compute; left out, a folder that is removed")
    given, data = parser.parse_args().folder, home.data_root()
    with _place(given) as place:
        shutil.rmtree(home.demo_root(), ignore_errors=True)  # else they would answer for themselves
        os.environ |= {"DDCORE_HOME": str(place), "DDCORE_DATA": str(data)}
        compute()
        keep(place / "runs")


@contextlib.contextmanager
def _place(given: Path | None) -> Iterator[Path]:
    """The folder to compute in: the given one, which stays, or one that is removed."""
    if given is not None:
        yield given.absolute()
        return
    with tempfile.TemporaryDirectory() as place:
        yield Path(place)


def compute() -> None:
    """Ask for every run, one after another; what is finished already is not computed again."""
    for one in questions():
        jobs.wait(jobs.submit(one))


def questions() -> Iterator[Spec]:
    """Every run that ships; each may be asked once those before it are there."""
    yield spec("describe", "describe", {"dataset": DATASET})
    yield spec("flops", "flops", {})
    sets = [small_set(name) for name in SETS]
    for protocol, seeds in FULL.items():
        yield from (plans.plan(sets[0], asked(protocol, seed)).full for seed in range(seeds))
    yield from sets
    for protocol in PROTOCOLS:
        for one in sets:
            yield from plans.plan(one, asked(protocol)).specs()
    yield from from_noise()
    yield from search()
    yield sizes()


def small_set(name: str, **changes: object) -> Spec:
    """A set as the method's quick preset makes it."""
    method = METHODS[name]
    start = method.preset("quick").for_dataset(DATASET) if method.presets else {"dataset": DATASET, "ipc": 10}
    return spec("distill", name, {**start, "seed": SEED, **changes})


def asked(protocol: str, seed: int = 0) -> Question:
    """How every set is judged: on the network of the quick presets, whatever it was made with."""
    return Question(protocol, nets=NETS, seed=seed, network=quick.network(DATASET))


def from_noise() -> Iterator[Spec]:
    """The README's picture: one image of each class from noise, with a network twice as wide."""
    one = small_set("datadam", ipc=1, init="noise", width=32)
    yield one
    yield from plans.plan(one, Question("course", nets=NETS)).specs()


def search() -> Iterator[Spec]:
    """24 networks that differ in what they reach in few steps, ranked on the sets above and on the whole data."""
    sets = ",".join(small_set(name).key for name in ("datadam", "dm"))
    one = spec("search", "search", {"dataset": DATASET, "seed": SEED, "proxies": f"random,early,{sets}", **SEARCH})
    yield one
    assert isinstance(one.config, SearchConfig)
    truth = one.config.truth_config()
    assert truth is not None
    yield Spec("truth", "truth", truth)


def sizes() -> Spec:
    """How accurate DM is with 1 to 50 images of each class, beside as many random real images and the full data."""
    return spec("sweep", "dm", {**METHODS["dm"].preset("quick").for_dataset(DATASET), "seed": SEED, **SIZES})


def keep(runs: Path) -> None:
    """Copy what a finished run needs."""
    for folder in sorted(runs.glob("[a-z]*/*/run.json")):
        if folder.parent.parent.name not in LEFT_OUT:
            _copy(folder.parent, home.demo_root() / folder.parent.relative_to(runs))
    total = sum(file.stat().st_size for file in home.demo_root().rglob("*") if file.is_file())
    print(f"{total / 1000:.0f} kB in {home.demo_root().name}/")


def _copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for name in KEPT:
        if (source / name).exists() and not (name == "events.jsonl" and source.parent.name in SUMMED_UP):
            (target / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(source / name, target / name)
    for file in _image_sets(source):
        place = target / file.relative_to(source)
        place.parent.mkdir(exist_ok=True)
        _halved(file, place)
    info = read_json(target / "run.json")
    write_json(target / "run.json", {**info, "files": whole.hashes(target, validation.names(target))})


def _image_sets(source: Path) -> list[Path]:
    """The images that ship: a small set's at every step, a large one's at three, a coreset's, a control's or a cell's
    once, and none of a large cell or its control, whose accuracies say enough."""
    images, initial = source / "images.safetensors", source / "initial.safetensors"
    if source.name in _sweeps_own():
        return [images] if images.exists() and images.stat().st_size <= OF_A_SWEEP else []
    steps = [file for file in sorted(source.glob("snapshots/*.safetensors")) if file.stem != "0"]
    if images.exists() and images.stat().st_size > LARGE:
        steps = [file for file in steps if int(file.stem) == SNAPSHOT and source.name in _shown()]
        return [images, initial, *steps] if steps else [images]
    return [file for file in (images, initial, *steps) if file.exists()]


@cache
def _sweeps_own() -> set[str]:
    """The sets that nothing but the sweep over sizes asks for."""
    config = sizes().config
    assert isinstance(config, SweepConfig)
    cells = replay(config, lambda one: None).missing
    others = {one.key for name in SETS for one in (small_set(name),)}
    return {one.key for one in cells if one.kind == "distill"} - others


def _shown() -> set[str]:
    return {small_set(name).key for name in SETS}


def _halved(source: Path, target: Path) -> None:
    """The same file with its pixels in half precision, as snapshots have them."""
    with safe_open(source, framework="np") as file:
        arrays, facts = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    save_file({**arrays, "images": arrays["images"].astype("float16")}, target, metadata=facts)


if __name__ == "__main__":
    main()

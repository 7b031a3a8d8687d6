"""Architecture search on small sets: the networks of a space, trained on each proxy set under one budget of steps.

A proxy is what stands for the whole data: a distilled set, a coreset, or the whole data for as many steps ("early").
Networks are ranked by their accuracy on the real validation split, never on the set they learnt nor on test images.
Whether such a ranking is any good is told by the truth (truth.py); the report joins the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from ddcore.data import DATASETS
from ddcore.errors import ConfigError, UnknownName, suggestion
from ddcore.experiments import trial
from ddcore.experiments.base import Command, Kind, Parent, Point, Recorder, Spec, spec
from ddcore.experiments.metrics import check_fit, majority, notes
from ddcore.experiments.samplers import GridSampler, OptunaSampler
from ddcore.experiments.search_results import NetworkResult, ProxyResult, SearchSummary
from ddcore.experiments.search_settings import SpaceConfig, length_told, networks_told
from ddcore.experiments.trial import MOST_SEEDS, TrialData
from ddcore.experiments.truth import TruthConfig
from ddcore.methods import METHODS
from ddcore.params import Param
from ddcore.presets import Preset
from ddcore.run_id import RUN_ID

EARLY = "early"  # the whole training part, for as many steps as a proxy gets
_EARLY = "Early stopping"


def coresets() -> tuple[str, ...]:
    """The proxies that are real images picked by a method."""
    return tuple(name for name, method in METHODS.items() if method.step is None)


class SearchConfig(SpaceConfig):
    """Which networks on which proxy sets, how they are searched, and what the ranking is compared with."""

    proxies: str = Param(
        f"random,{EARLY}", label="Proxy sets", group="Search",
        help="What networks are ranked on, with commas between: coresets by name, 'early' for the whole data with the "
        "same number of steps, ids of finished distilled runs.",
    )
    ipc: int = Param(
        10, label="Images per class", symbol="IPC", group="Search", ge=1, le=1000, step=1,
        help="Size of the coresets that are picked for the search. Proxies compare fairly only at the same size.",
    )
    strategy: Literal["grid", "random", "tpe", "nsga2"] = Param(
        "grid", label="Strategy", group="Search", main=True,
        help="grid: every network; by Optuna: random, tpe (a model of what was good so far), nsga2 (accuracy against "
        "FLOPs).",
    )
    trials: int | None = Param(
        None, label="Trials", group="Search", ge=1, le=10_000, step=1, follows=("strategy",), main=True,
        help="How many networks a strategy other than the grid asks for, on each proxy; it may ask for one twice.",
    )
    pruning: bool = Param(
        False, label="Pruning", group="Search",
        help="After each seed gives up the worse half of the networks that are tried together (tpe: of all that came "
        "before), so it needs several seeds.",
    )
    truth: Literal["sample", "all", "none"] = Param(
        "sample", label="Compared with", group="Truth", main=True,
        help="The whole-data truth: a sample of the networks, all of them (long), or none.",
    )
    truth_sample: int | None = Param(
        None, label="Networks in the sample", symbol="m", group="Truth", ge=3, le=100_000, step=1, follows=("truth",),
        main=True,
        help="How many networks are trained on the whole data. Fewer take less time and give wider intervals.",
    )
    truth_steps: int = Param(
        3000, label="Steps on the whole data", group="Truth", ge=1, le=10_000_000, main=True,
        used=lambda values: values["truth"] != "none",
        help="Length of each training on the whole data, under the same setting otherwise.",
    )
    truth_nets: int = Param(
        1, label="Seeds on the whole data", group="Truth", ge=1, le=MOST_SEEDS, step=1,
        used=lambda values: values["truth"] != "none",
        help="How often each network is trained on the whole data.",
    )

    @classmethod
    def fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The same proxies in another order are the same question."""
        values = super().fill(values)
        if isinstance(proxies := values.get("proxies"), str):
            values["proxies"] = ",".join(sorted({*proxies.replace(",", " ").split()}, key=_order))
        if values.get("strategy", "grid") != "grid":
            values.setdefault("trials", 20)
        if values.get("truth", "sample") == "sample":
            values.setdefault("truth_sample", 12)
        return values

    def problems(self) -> list[str]:
        problems, named = super().problems(), (*coresets(), EARLY)
        problems += [
            f"no proxy {one!r}: it is one of {', '.join(named)} or the id of a finished run (16 digits from 0-9 and "
            f"a-f){suggestion(one, named)}"
            for one in self.names() if one not in named and not RUN_ID.fullmatch(one)
        ]
        if not self.names():
            problems.append("proxies must name at least one set to rank on, got nothing")
        if self.strategy == "grid" and self.trials is not None:
            problems.append(f"a grid tries every network; trials is for the other strategies, got {self.trials}")
        if self.truth != "sample" and self.truth_sample is not None:
            problems.append(f"truth_sample is for a sampled truth, got {self.truth_sample} with truth {self.truth!r}")
        if not problems:
            try:
                self.sets()
            except ConfigError as error:  # coresets of this size cannot be picked
                problems += error.problems
        if self.pruning and self.nets < 2:
            problems.append("pruning gives up networks between their seeds, so nets must be at least 2, got 1")
        if self.pruning and self.strategy == "nsga2":
            problems.append("pruning goes by accuracy alone and nsga2 by two figures: choose one of them")
        return problems

    def names(self) -> tuple[str, ...]:
        """The proxies, in the order in which they are tried."""
        return tuple(self.proxies.split(",")) if self.proxies else ()

    def runs(self) -> tuple[str, ...]:
        """Ids of the distilled runs among them."""
        return tuple(one for one in self.names() if RUN_ID.fullmatch(one))

    def sets(self) -> dict[str, Spec]:
        """The coresets among them, and the questions whose answers they are."""
        shared = {name: getattr(self, name) for name in ("dataset", "resolution", "ipc", "seed", "device")}
        return {one: spec("distill", one, shared) for one in self.names() if one in coresets()}

    def truth_config(self) -> TruthConfig | None:
        """What the ranking is compared with."""
        if self.truth == "none":
            return None
        shared = {name: v for name, v in self.values().items() if name in SpaceConfig.model_fields}
        some = self.truth == "sample" and (self.truth_sample or 0) < len(self.members())
        sample = self.truth_sample if some else None
        return TruthConfig.build({**shared, "steps": self.truth_steps, "nets": self.truth_nets, "sample": sample})


def _order(proxy: str) -> tuple[int, str]:
    """Coresets as the registry has them, then early stopping, then runs."""
    named = (*coresets(), EARLY)
    return (named.index(proxy) if proxy in named else len(named), proxy)


def run(name: str, config: SearchConfig, recorder: Recorder) -> SearchSummary:
    """Rank the networks on each proxy; then train what each chose on the whole data, as the truth does.

    Every trial is kept as a run of its own, or known already.
    """
    data, point = TrialData(config, recorder), recorder.resume_point()
    sets = dict(zip((*config.runs(), *config.sets()), recorder.built_on(), strict=True))
    for run_id in config.runs():
        check_fit(config, run_id, sets[run_id].images(), "the search")
    about = config.about()
    rankings = [Ranking(config, about, proxy, sets.get(proxy), data) for proxy in config.names()]
    proxies = [ranking.run(point) for ranking in rankings]
    winners = _winners(config, [ranking.best() for ranking in rankings], data, point)
    return SearchSummary(
        **about, proxies=tuple(proxies), winners=winners, split="val", val_images=len(data.val),
        majority=majority(data.val), notes=notes(config),
        seconds=sum(proxy.seconds for proxy in proxies) + sum(winner.seconds for winner in winners.values()),
    )


class Ranking:
    """The search on one proxy. parent: the run whose images are learnt; None: the whole training part."""

    def __init__(
        self, config: SearchConfig, about: Mapping[str, Any], proxy: str, parent: Parent | None, data: TrialData
    ) -> None:
        self.config, self.proxy, self.parent, self.data = config, proxy, parent, data
        self.members, self.title = config.members(), _title(parent)
        self.macs = [one.macs for one in about["networks"]]
        self.sampler: GridSampler | OptunaSampler = (
            GridSampler(len(self.members)) if config.trials is None
            else OptunaSampler(config.strategy, self.members, self.macs, config.trials, config.seed)
        )
        self.trials = self.sampler.left
        self.results: dict[int, NetworkResult] = {}
        self.pruned: list[int] = []

    def run(self, point: Point | None) -> ProxyResult:
        """Ask, train, tell, until the strategy has no more to ask."""
        self.data.recorder.event("proxy", proxy=self.proxy, title=self.title, networks=self.trials)
        while numbers := self.sampler.ask():
            self._try(numbers, point)
            for number in numbers:
                self.sampler.tell(number, self.results[number].standing, pruned=number in self.pruned)
        parent = self.parent
        small = parent.images() if parent else None
        return ProxyResult(
            name=self.proxy, title=self.title, run=parent and parent.id, method=parent and parent.name,
            ipc=parent.config.get("ipc") if parent else None,
            images=len(small.labels) if small else len(self.data.splits.train),
            stored_floats=small.stored_floats if small else None,
            seconds=sum(result.seconds for result in self.results.values()),
            seconds_set=sum(_seconds(parent).values()) if parent else None,
            order=tuple(self.results), asked=self.trials, pruned=tuple(sorted(self.pruned)), results=self.results,
        )

    def best(self) -> int:
        """The best of the networks that were not given up; of equally accurate ones the cheapest."""
        ranked = [number for number in self.results if number not in self.pruned]
        return min(ranked, key=lambda number: (-self.results[number].standing, self.macs[number], number))

    def _try(self, numbers: Sequence[int], point: Point | None) -> None:
        """Train these networks: all seeds at once, or seed by seed where the worse are given up in between."""
        left = list(numbers)
        for seeds in range(1, self.config.nets + 1) if self.config.pruning else (self.config.nets,):
            self._train(left, seeds, point)
            if self.config.pruning and seeds < self.config.nets:
                pruned = self.sampler.prune(seeds, {number: self.results[number].standing for number in left})
                for number in pruned:
                    self._record(number, known=True, pruned=True)
                self.pruned += pruned
                left = [number for number in left if number not in pruned]

    def _train(self, numbers: Sequence[int], seeds: int, point: Point | None) -> None:
        run_id = self.parent.id if self.parent else ""
        trials = {self.config.trial(self.members[n], run=run_id, nets=seeds): n for n in numbers}
        for one in trial.results(trials, self.data, point):
            self.results[trials[one.config]] = one.result
            self._record(trials[one.config], known=one.known)

    def _record(self, number: int, **flags: bool) -> None:
        """Record what is known of a network by now, and how far the search is."""
        recorder, proxies = self.data.recorder, self.config.names()
        recorder.event("trial", proxy=self.proxy, network=number, **self.results[number].to_json(), **flags)
        done = proxies.index(self.proxy) * self.trials + min(len(self.results), self.trials)
        total = len(proxies) * (self.trials + (self.config.truth != "none"))
        recorder.progress(done, total, f"Ranking on {self.title}")


def _winners(
    config: SearchConfig, numbers: Sequence[int], data: TrialData, point: Point | None
) -> dict[int, NetworkResult]:
    """What the networks that proxies chose reach on the whole data, trained like the truth's; {} without a truth.

    A sampled truth leaves most of them out, and then nothing would be known of them.
    """
    if (truth := config.truth_config()) is None:
        return {}
    trials, winners = truth.trials(dict.fromkeys(numbers)), dict[int, NetworkResult]()
    for one in trial.results(trials, data, point):
        winners[trials[one.config]] = one.result
        data.recorder.event("winner", network=trials[one.config], **one.result.to_json(), known=one.known)
    return winners


def _seconds(parent: Parent) -> dict[str, float]:
    """How long a run took and what it builds on, each once: id → seconds."""
    seconds = {parent.id: parent.summary.seconds or 0.0}
    for one in parent.built_on():
        seconds |= _seconds(one)
    return seconds


def _title(parent: Parent | None) -> str:
    """What a proxy is called in tables."""
    if parent is None:
        return _EARLY
    method = METHODS[parent.name].title if parent.name in METHODS else parent.name
    return f"{method}, IPC {parent.config.get('ipc')}"


def _parts(name: str, config: SearchConfig, key: Callable[[Spec], str]) -> tuple[Spec, ...]:
    """Every trial of a grid; of another strategy as many as it may ask for, spread over the space.

    Then a training on the whole data for each proxy, of the largest networks: which they will choose nobody knows.
    """
    members, sets = config.members(), config.sets()
    step = max(1, len(members) // (config.trials or len(members)))
    ids = {one: key(sets[one]) if one in sets else "" if one == EARLY else one for one in config.names()}
    # Checked once, not for each proxy: there may be thousands.
    whole = [config.trial(variant) for variant in members[::step][: config.trials]]
    ranked = [one.model_copy(update={"run": ids[proxy]}) for proxy in config.names() for one in whole]
    truth = config.truth_config()
    winners = truth.trials(range(len(members))[-len(ids) :]) if truth else {}
    return tuple(map(trial.question, (*ranked, *winners)))


PRESETS: tuple[Preset, ...] = (
    Preset(
        "quick",
        "For a small CPU: 150 steps on each proxy, two seeds, compared with 12 networks trained for 600 steps on the "
        "whole data. Minutes on digits.",
        {"steps": 150, "nets": 2, "lr": 0.05, "batch_size": 50,
         "truth": "sample", "truth_sample": 12, "truth_steps": 600, "truth_nets": 1},
    ),
    Preset(
        "course",
        "The course's 54 networks answered properly: 1,000 steps on each proxy, three seeds, compared with all "
        "networks trained for 20 epochs of MNIST's 55,000 images (8,600 steps of 128). For a GPU.",
        {"space": "course", "steps": 1000, "nets": 3, "lr": 0.01, "batch_size": 128,
         "truth": "all", "truth_steps": 8600, "truth_nets": 3},
    ),
    Preset(
        "papers",
        "The 720 ConvNets that DataDAM, FTD and others rank, on sets of 50 images per class: 200 epochs of such a set "
        "(400 steps of 256), augmented. The papers do not say how long the whole data was learnt: here 50 epochs of "
        "CIFAR-10's 45,000 images. Days of one GPU.",
        {"space": "convnet720", "ipc": 50, "steps": 400, "nets": 1, "lr": 0.01, "weight_decay": 5e-4, "batch_size": 256,
         "truth": "all", "truth_steps": 8800, "truth_nets": 1},
        of_dataset=lambda dataset: {"augment": DATASETS[dataset].augment} if dataset in DATASETS else {},
    ),
)


def preset(name: str) -> Preset:
    """The preset of this name; raises UnknownName with the nearest match."""
    presets = {one.name: one for one in PRESETS}
    if name not in presets:
        raise UnknownName("preset", name, presets)
    return presets[name]


def _details(config: Mapping[str, Any]) -> tuple[str, ...]:
    """What tells searches apart: "24 CourseNets", "on random real images, 2 distilled sets", "150 steps, 2 seeds"."""
    names = str(config.get("proxies")).split(",")
    words = [_told(_EARLY if name == EARLY else METHODS[name].title) for name in names
             if name in METHODS or name == EARLY]
    if sets := len(names) - len(words):
        words.append(f"{sets} distilled set{'s' * (sets > 1)}")
    strategy = "" if config.get("strategy") == "grid" else f"{config.get('strategy')}, {config.get('trials')} trials"
    return (networks_told(config), f"on {', '.join(words)}", strategy, "pruned" if config.get("pruning") else "",
            length_told(config))


def _told(title: str) -> str:
    """A title within a name: ordinary words begin small."""
    return f"{title[0].lower()}{title[1:]}" if title[1:2].islower() else title


KIND = Kind(
    name="search", title="Architecture search",
    help="Rank the networks of a space on small sets, and hold the ranking against the whole data.",
    config=lambda name: SearchConfig, summary=SearchSummary, run=run,
    parents=lambda config: config.runs(), needs=lambda name, config: tuple(config.sets().values()),
    parts=_parts, part_kind="trial", details=_details,
    told=("space", "subset", "proxies", "strategy", "trials", "pruning", "steps", "nets"), presets=lambda name: PRESETS,
    page="NAS", command=Command(lambda name, config: ("nas",)),
    not_private="A search shares its trainings with all others: it is private only where it ranks on a private set.",
)

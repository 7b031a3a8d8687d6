"""Commands that compute: run, evaluate, one for each kind that has its own, resume, extend, cancel."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from ddcore import jobs
from ddcore.cli.flags import JSON, WAIT, as_json, caveats, given, options, percent, show, wait_flag
from ddcore.cli.waiting import wait
from ddcore.data import DATASETS
from ddcore.errors import ConfigError, UnknownName
from ddcore.evaluation import plans
from ddcore.experiments import KINDS, Kind, Spec, spec
from ddcore.experiments.base import OWN_COMMAND
from ddcore.experiments.evaluate import EvaluateConfig
from ddcore.jobs.requirements import check_data, check_disk
from ddcore.methods import METHODS, Method
from ddcore.presets import fitting
from ddcore.protocols import PROTOCOLS
from ddcore.report import estimate, tables
from ddcore.runs.files import size
from ddcore.runs.store import Store
from ddcore.settings import NETWORK_PARAMS, network_title
from ddcore.summary import BESIDE, Scores, Summary


@click.group(help=KINDS["distill"].help)
def run() -> None: ...


def _run_command(method: Method) -> click.Command:
    def callback(
        preset: str | None, seeds: int, protocol: str | None, nets: int, eval_batch_size: int | None,
        with_full: bool, wait: bool, as_json: bool, **parameters: Any,
    ) -> None:
        values = given(parameters)
        one = spec("distill", method.name, {**preset_values(method, preset, values), **values})
        if protocol is not None and protocol not in PROTOCOLS:
            raise UnknownName("protocol", protocol, PROTOCOLS)
        device = one.config.values()["device"]
        question = plans.Question(protocol, nets, eval_batch_size, device=device) if protocol else None
        _distil(_seeded(one, seeds), question, with_full, wait, as_json)

    presets = ", ".join(p.name for p in method.presets)
    return click.Command(method.name, callback=callback, help=method.summary, params=[
        click.Option(["--preset"], help=f"Start from a named set of values: {presets or 'none here'}."),
        *options(method.Config),
        click.Option(["--seeds"], type=int, default=1,
                     help="Distil so many times, from --seed on upwards. [default: 1]"),
        click.Option(["--evaluate", "protocol"], help=f"Then evaluate it and its controls: {', '.join(PROTOCOLS)}."),
        click.Option(["--nets"], type=int, default=3, help="Networks trained in each evaluation. [default: 3]"),
        click.Option(["--eval-batch-size"], type=int, help="Batch size of the evaluation, instead of the protocol's."),
        click.Option(["--with-full"], is_flag=True, help="Also train on the full data under the protocol (long)."),
        WAIT, JSON,
    ])


for _method in METHODS.values():
    run.add_command(_run_command(_method))


def preset_values(method: Method, name: str | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a method's preset, as far as they fit these, which come first; none without a name."""
    if name is None:
        return {}
    dataset = values.get("dataset", method.Config.param("dataset").default)
    return fitting(method.preset_values(name, dataset), values.get("network"))


def _seeded(one: Spec, seeds: int) -> list[Spec]:
    """The same question from so many seeds."""
    if seeds < 1:
        raise ConfigError([f"seeds must be at least 1, got {seeds}"])
    first = one.config.values()["seed"]
    return [replace(one, config=one.config.replace(seed=first + i)) for i in range(seeds)]


def _distil(sets: list[Spec], question: plans.Question | None, with_full: bool, stay: bool, as_json: bool) -> None:
    """Distil the same set from one seed or several, and judge each beside its controls."""
    # A wrong evaluation or a disk that is too small is refused before anything is started.
    judging = [plans.plan(one, question) for one in sets] if question else []
    specs = {one.key: one for one in (*sets, *(one for plan in judging for one in plan.specs(with_full)))}
    store, first = Store(), sets[0].config.values()
    check_data(store, specs.values())
    check_disk(store, specs.values())
    images = first["ipc"] * len(DATASETS[first["dataset"]].classes)
    promised, began = _promise(list(specs.values()), store, images), time.monotonic()
    for one in specs.values():
        jobs.submit(one)
    if stay:
        for run_id, one in specs.items():
            wait(run_id, f"{one.name} {run_id}")
    result = _outcome([one.key for one in sets], judging if stay else [], store)
    caveats(result.get("notes") or ())
    result["promised_seconds"] = promised
    if stay:
        result["waited_seconds"] = round(time.monotonic() - began, 1)
    show(result, as_json, lambda: _text(result, judging))


def _promise(specs: Sequence[Spec], store: Store, images: int | None = None) -> float:
    """Seconds that all of this will take, by the estimate, which is said on standard error before anything starts.

    images: size of the set that evaluations train on.
    """
    records = store.records()
    guess = estimate.total(specs, records, device_of(specs[0]), images)
    if guess.seconds:
        room = estimate.disk(specs, records)
        files = f" and {size(room)} on the disk" if room else ""
        click.echo(f"takes {guess}{files}; {guess.basis}", err=True)
    return round(guess.seconds, 1)


def device_of(one: Spec) -> str:
    """ "cuda" or "cpu": where it will be computed."""
    device = str(one.config.values().get("device", "auto"))
    gpu = any(slot.device.startswith("cuda") for slot in jobs.slots()) if device == "auto" else device == "cuda"
    return "cuda" if gpu else "cpu"


def _outcome(runs: list[str], judging: list[plans.Plan], store: Store) -> dict[str, Any]:
    """What `run` answers: the first run's state, and what is known of all of them."""
    states = [jobs.status(run_id).state for run_id in runs]
    result: dict[str, Any] = {"run": runs[0], "status": states[0]}
    if judging:
        return result | (plans.over_seeds(judging, store) if len(judging) > 1 else plans.outcome(judging[0], store))
    if states[0] == "done":
        summary = store.record(runs[0]).summary
        result |= {"seconds": {"distill": summary.seconds}, "notes": list(summary.notes)}
    if len(runs) > 1:
        result["seeds"] = [{"seed": store.record(run_id).config["seed"], "run": run_id, "status": state}
                           for run_id, state in zip(runs, states, strict=True)]
    return result


def _text(result: dict[str, Any], judging: Sequence[plans.Plan]) -> str:
    rows: list[tuple[str, str]] = []
    if "accuracy" in result:
        also = tables.beside_accuracy(len(result["classes"] or ()), result["majority"])
        rows += [("network", network_title(result["network"])), ("this set", _percent(result["accuracy"], also))]
        soft = ", soft labels" if judging[0].initial_hard else ""
        titles = {
            "random_real": "random real images", "initial": f"initial images{soft}",
            "initial_hard": "initial images, class labels",
            **{one.role: one.title for one in judging[0].variations}, "full": "full data",
        }
        rows += [(titles[role], _percent(value, also)) for role, value in result["controls"].items()]
        if result["majority"] is not None:
            rows.append(("majority class", f"{100 * result['majority']:.1f} %"))
    for seed in result.get("seeds", ()):
        state = _percent(seed["accuracy"]) if "accuracy" in seed else seed["status"]
        rows.append((f"seed {seed['seed']}", f"{seed['run']}: {state}"))
    seconds = {f"{name} time": value for name, value in result.get("seconds", {}).items()}
    seconds |= {"promised": result["promised_seconds"] or None, "waited": result.get("waited_seconds")}
    rows += [(name, f"{value:.1f} s") for name, value in seconds.items() if value is not None]
    width = max((len(name) for name, _ in rows), default=0)
    lines = [f"run {result['run']}: {result['status']}", *(f"  {name:<{width}} {value}" for name, value in rows)]
    if result["status"] != "done":
        lines.append(f"  follow it with `python -m ddcore show {result['run']}`")
    return "\n".join(lines)


def _percent(stored: Mapping[str, Any] | None, also: Sequence[str] = ()) -> str:
    """Scores as `Scores.to_json` gives them, in words."""
    scores = stored and {**{name: stored[name] for name in BESIDE}, "accuracy": stored}
    return percent(Scores.model_validate(scores) if scores else None, also)


def _single(one: Spec, stay: bool, as_json: bool, images: int | None = None) -> None:
    """Submit one run that needs no controls, wait for it if asked, and show it."""
    store = Store()
    check_data(store, [one])
    check_disk(store, [one])
    promised = _promise([one], store, images)
    run_id = jobs.submit(one)
    if stay:
        wait(run_id, f"{one.name} {run_id}")
    status = jobs.status(run_id)
    summary = store.record(run_id).summary
    result = {"run": run_id, "status": status.state, "promised_seconds": promised, **summary.to_json()}
    caveats(summary.notes)
    lines = [f"run {run_id}: {status.state}{_accuracy(summary)}", *(f"  {line}" for line in summary.lines())]
    show(result, as_json, lambda: "\n".join(lines))


def _accuracy(summary: Summary) -> str:
    """ ", accuracy 91.2 ± 0.4 % (n=3, course), majority class 10.0 %", if it has one."""
    if not summary.accuracy:
        return ""
    always = "" if summary.majority is None else f", majority class {100 * summary.majority:.1f} %"
    return f", accuracy {percent(summary.scores, tables.beside(summary))}{always}"


def _kind_command(kind: Kind) -> click.Command:
    """A command that computes one run of a kind, all of whose parameters are flags."""
    config, start = kind.config(kind.name), METHODS[kind.presets_of] if kind.presets_of else None

    def callback(wait: bool, as_json: bool, preset: str | None = None, **parameters: Any) -> None:
        values = given(parameters)
        start_values = preset_values(start, preset, values) if start else {}
        shared = {n: value for n, value in start_values.items() if n in config.model_fields}
        _single(spec(kind.name, kind.name, {**shared, **values}), wait, as_json)

    presets = []
    if start:
        names = ", ".join(p.name for p in start.presets)
        presets.append(click.Option(["--preset"], help=f"As a run of {start.title} of this preset needs it: {names}."))
    return click.Command(kind.name, callback=callback, help=kind.help, params=[*presets, *options(config), WAIT, JSON])


def _evaluate(run_id: str, wait: bool, as_json: bool, **parameters: Any) -> None:
    record, values = Store().record(run_id), given(parameters)
    network = {name: values.pop(name) for name in NETWORK_PARAMS if name in values}
    question = plans.Question(values.pop("protocol", "course"), network=network)
    _single(plans.evaluation(record, question, **values), wait, as_json, record.summary.images)


evaluate = click.Command("evaluate", callback=_evaluate, help=KINDS["evaluate"].help, params=[
    click.Argument(["run_id"], metavar="RUN"), *options(EvaluateConfig, skip=("run", "dataset", "resolution")),
    click.Option(["--wait/--no-wait", "wait"], default=True, help="Stay until the result is there. [default]"), JSON,
])


@click.command(help="Go on with a cancelled, failed or interrupted run from its last checkpoint.")
@click.argument("run_id", metavar="RUN")
@wait_flag
@as_json
def resume(run_id: str, wait: bool, as_json: bool) -> None:
    _follow(jobs.resume(run_id), wait, as_json)


@click.command(help="Make a longer run out of a finished one, or an evaluation with more networks. It continues where "
               "that one ended. (A run so long that it is compiled begins anew where the finished one was not.)")
@click.argument("run_id", metavar="RUN")
@click.option(
    "--length", "--iterations", type=int, required=True,
    help="New total: of a method's iterations (DataDAM: K, num_inits), of an evaluation's networks (nets).",
)
@wait_flag
@as_json
def extend(run_id: str, length: int, wait: bool, as_json: bool) -> None:
    _follow(jobs.extend(run_id, length), wait, as_json)


def _follow(run_id: str, stay: bool, as_json: bool) -> None:
    if stay:
        wait(run_id, f"run {run_id}")
    state = jobs.status(run_id).state
    show({"run": run_id, "status": state}, as_json, lambda: f"run {run_id}: {state}")


@click.command(help="Ask a queued or running run to stop; its checkpoint is kept.")
@click.argument("run_id", metavar="RUN")
@as_json
def cancel(run_id: str, as_json: bool) -> None:
    jobs.cancel(run_id)
    _follow(run_id, False, as_json)


_OF_KINDS = [_kind_command(kind) for kind in KINDS.values() if kind.command is OWN_COMMAND]
COMMANDS: tuple[click.Command, ...] = (run, evaluate, *_OF_KINDS, resume, extend, cancel)

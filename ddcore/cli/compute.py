"""Commands that compute: run, baseline, evaluate, describe, resume, extend, cancel."""

from __future__ import annotations

from typing import Any

import click

from ddcore import jobs
from ddcore.cli.flags import as_json, given, options, percent, show, wait_flag
from ddcore.cli.waiting import wait
from ddcore.errors import ConfigError, UnknownName
from ddcore.experiments import Spec, spec
from ddcore.experiments.baseline import BaselineConfig
from ddcore.experiments.describe import DescribeConfig
from ddcore.experiments.evaluate import EvaluateConfig
from ddcore.jobs import controls
from ddcore.methods import METHODS, Method
from ddcore.params import Config
from ddcore.presets import fitting
from ddcore.protocols import PROTOCOLS
from ddcore.report import tables
from ddcore.runs.key import key
from ddcore.runs.store import Store

WAIT_AND_JSON: tuple[click.Option, click.Option] = (
    click.Option(["--wait"], is_flag=True, help="Stay until the result is there, showing progress."),
    click.Option(["--json", "as_json"], is_flag=True, help="End standard output with one JSON object."),
)


@click.group(help="Distil a data set: `run METHOD`. Every parameter of the method is a flag.")
def run() -> None: ...


def _run_command(method: Method) -> click.Command:
    def callback(
        preset: str | None, seeds: int, protocol: str | None, nets: int, eval_batch_size: int | None,
        with_full: bool, wait: bool, as_json: bool, **parameters: Any,
    ) -> None:  # fmt: skip
        wanted = given(parameters)
        dataset = wanted.get("dataset", method.Config.param("dataset").default)
        start = method.preset(preset).for_dataset(dataset) if preset else {}
        one = spec("distill", method.name, {**fitting(start, wanted.get("network")), **wanted})
        if protocol is not None and protocol not in PROTOCOLS:
            raise UnknownName("protocol", protocol, PROTOCOLS)
        device = one.config.values()["device"]
        question = controls.Question(protocol, nets, eval_batch_size, device=device) if protocol else None
        _distil(_seeded(one, seeds), question, with_full, wait, as_json)

    presets = ", ".join(p.name for p in method.presets)
    return click.Command(
        method.name,
        callback=callback,
        help=method.summary,
        params=[
            click.Option(["--preset"], help=f"Start from a named set of values: {presets or 'none here'}."),
            *options(method.Config),
            click.Option(
                ["--seeds"], type=int, default=1, help="Distil so many times, from --seed on upwards. [default: 1]"
            ),
            click.Option(
                ["--evaluate", "protocol"], help=f"Then evaluate it and its controls: {', '.join(PROTOCOLS)}."
            ),
            click.Option(["--nets"], type=int, default=3, help="Networks trained in each evaluation. [default: 3]"),
            click.Option(
                ["--eval-batch-size"], type=int, help="Batch size of the evaluation, instead of the protocol's."
            ),
            click.Option(["--with-full"], is_flag=True, help="Also train on the full data under the protocol (long)."),
            *WAIT_AND_JSON,
        ],
    )


for _method in METHODS.values():
    run.add_command(_run_command(_method))


def _seeded(one: Spec, seeds: int) -> list[Spec]:
    """The same question from so many seeds."""
    if seeds < 1:
        raise ConfigError([f"seeds must be at least 1, got {seeds}"])
    first = one.config.values()["seed"]
    return [Spec(one.kind, one.name, one.config.replace(seed=first + i)) for i in range(seeds)]


def _distil(sets: list[Spec], question: controls.Question | None, with_full: bool, stay: bool, as_json: bool) -> None:
    """Distil the same set from one seed or several, and judge each beside its controls."""
    if question:  # refuse a wrong evaluation before anything is started
        values = {n: sets[0].config.values().get(n) for n in ("dataset", "resolution", *controls.NETWORK_PARAMS)}
        asked = {"run": key(sets[0]), "protocol": question.protocol, "nets": question.nets}
        spec("evaluate", "evaluate", {**values, **asked, "batch_size": question.batch_size})
    store, plans, asked_for = Store(), [], []
    for one in sets:
        run_id = jobs.submit(one)
        asked_for.append((run_id, one))
        if question:
            plan = controls.plan(store.record(run_id), question)
            plans.append(plan)
            asked_for += zip(controls.submit(plan, with_full), plan.specs(with_full), strict=True)
    if stay:
        for run_id, one in dict(asked_for).items():
            wait(run_id, f"{one.name} {run_id}")
    result = _outcome([key(one) for one in sets], plans if stay else [], store)
    show(result, as_json, lambda: _text(result))


def _outcome(runs: list[str], plans: list[controls.Plan], store: Store) -> dict[str, Any]:
    """What `run` answers: the first run's state, and what is known of all of them."""
    states = [jobs.status(run_id).state for run_id in runs]
    result: dict[str, Any] = {"run": runs[0], "status": states[0]}
    if plans:
        return result | (controls.over_seeds(plans, store) if len(plans) > 1 else controls.outcome(plans[0], store))
    if states[0] == "done":
        result |= {"seconds": {"distill": store.record(runs[0]).summary.get("seconds")}}
    if len(runs) > 1:
        result |= {"seeds": [
            {"seed": store.record(run_id).config["seed"], "run": run_id, "status": state}
            for run_id, state in zip(runs, states, strict=True)
        ]}  # fmt: skip
    return result


def _text(result: dict[str, Any]) -> str:
    lines = [f"run {result['run']}: {result['status']}"]
    if "accuracy" in result:
        lines.append(f"  network             {tables.network(result['network'])}")
        lines.append(f"  this set            {percent(result['accuracy'])}")
        titles = {"random_real": "random real images", "initial": "initial images", "full": "full data"}
        lines += [f"  {titles[name]:<19} {percent(value)}" for name, value in result["controls"].items()]
        if result["majority"] is not None:
            lines.append(f"  majority class      {100 * result['majority']:.1f} %")
    for seed in result.get("seeds", ()):
        accuracy = f": {percent(seed['accuracy'])}" if "accuracy" in seed else f": {seed['status']}"
        lines.append(f"  seed {seed['seed']:<5} {seed['run']}{accuracy}")
    for name, seconds in result.get("seconds", {}).items():
        if seconds is not None:
            lines.append(f"  {name + ' time':<19} {seconds:.1f} s")
    if result["status"] not in ("done",):
        lines.append(f"  follow it with `python -m ddcore show {result['run']}`")
    return "\n".join(lines)


def _single(one: Spec, stay: bool, as_json: bool) -> None:
    """Submit one run that needs no controls, wait for it if asked, and show it."""
    run_id = jobs.submit(one)
    if stay:
        wait(run_id, f"{one.name} {run_id}")
    status = jobs.status(run_id)
    summary = Store().record(run_id).summary if status.state == "done" else {}
    result = {"run": run_id, "status": status.state, **summary}
    accuracy = f", accuracy {percent(summary['accuracy'])}" if "accuracy" in summary else ""
    show(result, as_json, lambda: f"run {run_id}: {status.state}{accuracy}")


def _single_command(name: str, config: type[Config], help: str) -> click.Command:
    """A command that computes one run of the kind `name`, all of whose parameters are flags."""

    def callback(wait: bool, as_json: bool, **parameters: Any) -> None:
        _single(spec(name, name, given(parameters)), wait, as_json)

    return click.Command(name, callback=callback, help=help, params=[*options(config), *WAIT_AND_JSON])


baseline = _single_command("baseline", BaselineConfig, "Train a network on the full training data.")
describe = _single_command("describe", DescribeConfig, "Read a data set and count it: splits, classes, statistics.")


def _evaluate(run_id: str, wait: bool, as_json: bool, **parameters: Any) -> None:
    record = Store().record(run_id)
    asked = given(parameters)
    network = {name: asked.pop(name) for name in controls.NETWORK_PARAMS if name in asked}
    question = controls.Question(asked.pop("protocol", "course"), network=network)
    _single(controls.evaluation(record, question, **asked), wait, as_json)


evaluate = click.Command(
    "evaluate",
    callback=_evaluate,
    help="Train networks on a finished run's images and test them. Waits unless --no-wait.",
    params=[
        click.Argument(["run_id"], metavar="RUN"),
        *options(EvaluateConfig, skip=("run", "dataset", "resolution")),
        click.Option(["--wait/--no-wait", "wait"], default=True, help="Stay until the result is there. [default]"),
        WAIT_AND_JSON[1],
    ],
)


@click.command(help="Go on with a cancelled, failed or interrupted run from its last checkpoint.")
@click.argument("run_id", metavar="RUN")
@wait_flag
@as_json
def resume(run_id: str, wait: bool, as_json: bool) -> None:
    _follow(jobs.resume(run_id), wait, as_json)


@click.command(help="Make a longer run out of a finished one; it continues, nothing is computed twice.")
@click.argument("run_id", metavar="RUN")
@click.option("--iterations", type=int, required=True, help="New total of the method's length (DataDAM: K, num_inits).")
@wait_flag
@as_json
def extend(run_id: str, iterations: int, wait: bool, as_json: bool) -> None:
    _follow(jobs.extend(run_id, iterations), wait, as_json)


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
    state = jobs.status(run_id).state
    show({"run": run_id, "status": state}, as_json, lambda: f"run {run_id}: {state}")


COMMANDS: tuple[click.Command, ...] = (run, baseline, evaluate, describe, resume, extend, cancel)

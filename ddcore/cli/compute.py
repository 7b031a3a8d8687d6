"""Commands that compute: run, baseline, evaluate, describe, resume, extend, cancel."""

from __future__ import annotations

from typing import Any

import click

from ddcore import jobs
from ddcore.cli.flags import as_json, given, options, percent, show, wait_flag
from ddcore.cli.waiting import wait
from ddcore.experiments import Spec, spec
from ddcore.experiments.baseline import BaselineConfig
from ddcore.experiments.describe import DescribeConfig
from ddcore.experiments.evaluate import EvaluateConfig
from ddcore.jobs import controls
from ddcore.methods import METHODS, Method
from ddcore.networks import NETWORKS
from ddcore.params import Config
from ddcore.protocols import PROTOCOLS
from ddcore.runs.key import key
from ddcore.runs.store import Store
from ddcore.settings import NETWORK_OPTIONS

WAIT_AND_JSON: tuple[click.Option, click.Option] = (
    click.Option(["--wait"], is_flag=True, help="Stay until the result is there, showing progress."),
    click.Option(["--json", "as_json"], is_flag=True, help="End standard output with one JSON object."),
)


@click.group(help="Distil a data set: `run METHOD`. Every parameter of the method is a flag.")
def run() -> None: ...


def _run_command(method: Method) -> click.Command:
    def callback(
        preset: str | None, protocol: str | None, nets: int, eval_batch_size: int | None, with_full: bool,
        wait: bool, as_json: bool, **parameters: Any,
    ) -> None:  # fmt: skip
        wanted = given(parameters)
        dataset = wanted.get("dataset", method.Config.param("dataset").default)
        start = method.preset(preset).for_dataset(dataset) if preset else {}
        one = spec("distill", method.name, {**_fitting(start, wanted), **wanted})
        if protocol is not None and protocol not in PROTOCOLS:
            from ddcore.errors import UnknownName

            raise UnknownName("protocol", protocol, PROTOCOLS)
        _distil(one, protocol, nets, eval_batch_size, with_full, wait, as_json)

    presets = ", ".join(p.name for p in method.presets)
    return click.Command(
        method.name,
        callback=callback,
        help=method.summary,
        params=[
            click.Option(["--preset"], help=f"Start from a named set of values: {presets or 'none here'}."),
            *options(method.Config),
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


def _fitting(start: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """A preset's values without network options that the wanted network does not have."""
    if wanted.get("network") not in NETWORKS:
        return start
    lacking = set(NETWORK_OPTIONS) - set(NETWORKS[wanted["network"]].options)
    return {name: value for name, value in start.items() if name not in lacking}


def _distil(
    one: Spec, protocol: str | None, nets: int, batch_size: int | None, with_full: bool, stay: bool, as_json: bool
) -> None:
    if protocol:  # refuse a wrong evaluation before anything is started
        values = {name: one.config.values().get(name) for name in ("dataset", "resolution", *controls.NETWORK_PARAMS)}
        asked = {"run": key(one), "protocol": protocol, "nets": nets, "batch_size": batch_size}
        spec("evaluate", "evaluate", {**values, **asked})
    run_id = jobs.submit(one)
    store = Store()
    device = one.config.values()["device"]
    plan = protocol and controls.plan(store.record(run_id), protocol, nets, batch_size, device=device)
    parts = zip(controls.submit(plan, with_full), plan.specs(with_full), strict=True) if plan else ()
    if stay:
        wait(run_id, f"{one.name} {run_id}")
        for part_id, part in parts:
            wait(part_id, f"{part.name} {part_id}")
    result: dict[str, Any] = {"run": run_id, "status": jobs.status(run_id).state}
    if stay and plan:
        result |= controls.outcome(plan, store)
    elif stay:
        result |= {"seconds": {"distill": store.record(run_id).summary.get("seconds")}}
    show(result, as_json, lambda: _text(result))


def _text(result: dict[str, Any]) -> str:
    lines = [f"run {result['run']}: {result['status']}"]
    if "accuracy" in result:
        lines.append(f"  distilled           {percent(result['accuracy'])}")
        titles = {"random_real": "random real images", "initial": "initial images", "full": "full data"}
        lines += [f"  {titles[name]:<19} {percent(value)}" for name, value in result["controls"].items()]
        if result["majority"] is not None:
            lines.append(f"  majority class      {100 * result['majority']:.1f} %")
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
    base = controls.plan(record, asked.get("protocol", "course"), **network).final.config.values()
    fresh = {name: asked.get(name) for name in ("nets", "seed", "batch_size")}
    _single(spec("evaluate", "evaluate", {**base, **{k: v for k, v in fresh.items() if v is not None}, **asked}),
            wait, as_json)  # fmt: skip


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

"""Architecture search: how well small sets rank networks, compared with the whole data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click

from ddcore import jobs
from ddcore.cli.compute import device_of
from ddcore.cli.flags import JSON, WAIT, caveats, given, options, show
from ddcore.cli.waiting import wait as wait_for
from ddcore.evaluation import proxies
from ddcore.experiments import Spec, search, spec
from ddcore.experiments.search import SearchConfig
from ddcore.jobs.requirements import check_data, check_disk
from ddcore.report import estimate, text
from ddcore.report.findings import search as finding
from ddcore.report.nas import answer as answers
from ddcore.report.nas.answer import Answer
from ddcore.runs.store import Store

TITLES = {"search": "the search", "truth": "the whole-data truth"}


def _nas(preset: str | None, wait: bool, as_json: bool, **parameters: Any) -> None:
    """Ask for the search and its truth, wait for both if asked, and show what they say by now."""
    question, store = spec("search", "search", _values(preset, given(parameters))), Store()
    config = question.config
    assert isinstance(config, SearchConfig)
    # What cannot be is refused before anything is started.
    proxies.check(config, store)
    truth = config.truth_config()
    specs = {"search": question} | ({} if truth is None else {"truth": spec("truth", "truth", truth.values())})
    check_data(store, specs.values())
    check_disk(store, specs.values())
    promised, began = _promised(specs, store), time.monotonic()
    runs = {what: jobs.submit(one) for what, one in specs.items()}
    if wait:
        for what, run_id in runs.items():
            wait_for(run_id, f"{what} {run_id}")
    about, answer = config.about(), finding.answer(store, store.record(runs["search"]), runs.get("truth"))
    result = {
        "run": runs["search"], "truth_run": runs.get("truth"), "status": jobs.status(runs["search"]).state,
        "truth_status": jobs.status(runs["truth"]).state if "truth" in runs else None,
        "networks": len(about["networks"]), "left_out": about["left_out"], "promised_seconds": promised,
        **({"waited_seconds": round(time.monotonic() - began, 1)} if wait else {}),
        "majority": answer.study.majority, "notes": list(answer.study.notes), **answers.to_json(answer),
    }
    caveats(answer.study.notes)
    show(result, as_json, lambda: _text(result, answer))


def _values(preset: str | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """These values, in the place of what the preset says and of what follows from that there.

    Proxies may be named by the beginning of a run's id.
    """
    dataset = values.get("dataset", SearchConfig.param("dataset").default)
    start = search.preset(preset).for_dataset(dataset) if preset is not None else {}
    rest = {name: value for name, value in start.items() if not {*SearchConfig.param(name).follows} & {*values}}
    named = {"proxies": proxies.whole(values["proxies"], Store())} if "proxies" in values else {}
    return {**rest, **values, **named}


def _promised(specs: Mapping[str, Spec], store: Store) -> dict[str, float]:
    """Seconds that each of these will take, by the estimate, which is said on standard error."""
    promised = {}
    for what, one in specs.items():
        guess = estimate.total([one], store.records(), device_of(one))
        if guess.seconds:
            known = f" ({guess.known:,} of {guess.parts:,} trainings are known)" if guess.known else ""
            click.echo(f"{TITLES[what]} takes {guess}{known}; {guess.basis}", err=True)
        promised[what] = round(guess.seconds, 1)
    return promised


def _text(result: Mapping[str, Any], answer: Answer) -> str:
    lines = [f"search {result['run']}: {result['status']}"]
    if result["truth_run"]:
        lines.append(f"truth {result['truth_run']}: {result['truth_status']}")
    lines.append(f"  {result['networks']:,} networks")
    lines += [f"  {number:,} left out: {why}" for why, number in result["left_out"].items()]
    if answer.lines:
        lines += [finding.columns(answer), *answers.remarks(answer)]
    for images, share in (("validation split", answer.study.majority), ("test images", answer.study.majority_test)):
        lines += [] if share is None else [f"Majority class of the {images}: {text.percent(share)}"]
    seconds = {f"Promised for {TITLES[what]}": value for what, value in result["promised_seconds"].items() if value}
    seconds |= {"Waited": result["waited_seconds"]} if "waited_seconds" in result else {}
    lines += [f"{name}: {text.duration(value)}" for name, value in seconds.items()]
    if {result["status"], result["truth_status"]} - {"done", None}:
        lines.append("  follow them with `python -m ddcore show RUN`; the same command with --wait shows the answer")
    return "\n".join(lines)


_PRESETS = ", ".join(preset.name for preset in search.PRESETS)
nas = click.Command(
    "nas", callback=_nas,
    help="Search the best network of a space on small sets, and see whether they rank networks as the whole data does.",
    params=[click.Option(["--preset"], help=f"Start from a named set of values: {_PRESETS}."),
            *options(SearchConfig, skip=("epochs",)), WAIT, JSON],
)

COMMANDS: tuple[click.Command, ...] = (nas,)

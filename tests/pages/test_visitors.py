"""What every click and every refresh costs the server: with many visitors that is what they wait for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit import config

from ddcore import home as places
from ddcore.experiments import spec
from ddcore.home import PROJECT
from ddcore.report import figures, film
from ddcore.runs import events
from ddcore.runs.store import Store
from pages.components import charts as drawn
from tests.pages.conftest import TINY, Open, put


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[object]:
    """Grows by what each call of this function gives, from now on."""
    made, function = [], getattr(module, name)

    def counting(*args: object, **kwargs: object) -> object:
        made.append(function(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(module, name, counting)
    return made


def test_no_visitor_waits_until_all_objects_of_the_server_have_been_looked_through() -> None:
    config.get_config_options(force_reparse=True)
    assert config.get_where_defined("runner.postScriptGC") == str(PROJECT / ".streamlit" / "config.toml")
    assert config.get_option("runner.postScriptGC") is False


def test_the_curves_of_a_run_are_drawn_once_for_all_visitors_and_again_when_it_goes_on(
    open_page: Open, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = put(spec("distill", "datadam", {**TINY, "seed": 20}), "running")
    folder = Store().record(run).folder
    (folder / "snapshots").mkdir()
    drawn._lines.cache_clear()  # another test may have drawn the same points

    def goes_on(step: int) -> None:
        with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
            event = {"event": "step", "step": step, "loss": 1 / step, "grad_attention": 20 / step}
            file.write(json.dumps(event) + "\n")

    goes_on(1), goes_on(2)
    made, read = counted(monkeypatch, figures, "lines"), counted(monkeypatch, events, "read_events")
    shown = [open_page("pages/3_DataDAM.py", run=run).get("plotly_chart") for _ in range(3)]
    assert (len(read), len(made), [len(charts) for charts in shown]) == (1, 2, [2, 2, 2])
    goes_on(3)
    charts = open_page("pages/3_DataDAM.py", run=run).get("plotly_chart")
    assert (len(read), len(made)) == (2, 4)
    assert [json.loads(chart.proto.spec)["data"][0]["x"] for chart in charts] == [[1, 2, 3], [1, 2, 3]]


def test_the_pictures_of_the_film_on_home_are_made_once_for_all_visitors(
    open_page: Open, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "demo_root", lambda: PROJECT / "ddcore" / "demo")
    st.cache_data.clear()
    made = counted(monkeypatch, film, "frames")
    open_page(), open_page()
    assert len(made) == 1

"""What a second student sees of a first one's private runs: nothing, on every page, by whatever address."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ddcore.evaluation import plans
from ddcore.evaluation.plans import Question
from ddcore.experiments import Spec, spec
from ddcore.hosting import owners, people, private
from ddcore.hosting.people import MACHINE, NOBODY, Person, acting_as
from ddcore.jobs.job import mark_asking
from ddcore.jobs.queue import Queue
from ddcore.runs import packing
from ddcore.runs.store import RunRecord, Store
from pages.components import frame
from tests.pages.conftest import ANNE, BOB, DM, PAGES, TINY, Backend, Visit, finish, opened, put, words
from tests.runs import shelf

RUNS, COMPARE, METHOD, SWEEPS, NAS = (f"pages/{name}.py" for name in ("8_Runs", "7_Compare", "3_DataDAM", "6_Sweeps",
                                                                     "6_NAS"))
NAME, TAG, NOTE = "Zebra", "quagga", "okapi"  # that Anne gives to what is hers: on no page of their own
TEACHER, VIEWER = Person("c" * 16, "teacher", "Carl"), Person(NOBODY.id, "viewer")


@dataclass(frozen=True)
class Secrets:
    """Ids of Anne's private runs: a finished set, its evaluation, one that failed, one in the trash."""

    distilled: str
    evaluated: str
    failed: str
    trashed: str

    @property
    def ids(self) -> tuple[str, ...]:
        return self.distilled, self.evaluated, self.failed, self.trashed


def salted(one: Spec) -> Spec:
    return one.private(private.salt(ANNE.id))


def made(asked: Spec, **told: Any) -> RunRecord:
    """A finished run with images."""
    record = shelf.finished(Store(), asked, **{"images": 10, "seconds": 77.0, "pixel_change": 0.1, **told})
    (record.folder / "pictures" / "final.png").unlink()
    return record


def everybodys() -> list[str]:
    """Finished runs that all see."""
    run = made(spec("distill", "datadam", {**TINY, "seed": 1}))
    judged = plans.evaluation(run, Question("quick", nets=2))
    return [run.id, finish(judged, {"accuracy": {"mean": 0.5, "std": 0.01, "n": 2, "protocol": "quick"}}),
            made(spec("distill", "dm", DM)).id, finish(spec("flops", "flops", {}), {"rows": [], "convention": "one"})]


def annes() -> Secrets:
    """Anne's private runs, with a name, tags and a note; the same question as everybody's with another seed."""
    with acting_as(ANNE):
        run = made(salted(spec("distill", "datadam", {**TINY, "seed": 1})))
        evaluated = finish(plans.evaluation(run, Question("quick", nets=2)), {
            "accuracy": {"mean": 0.987, "std": 0.01, "n": 2, "protocol": "quick"}})
        failed = put(salted(spec("distill", "datadam", {**TINY, "seed": 2})), "failed")
        trashed = made(salted(spec("distill", "datadam", {**TINY, "seed": 3}))).id
        for run_id in (run.id, evaluated, failed, trashed):
            owners.take(ANNE.id, run_id)
            Store().annotate(run_id, name=NAME, note=NOTE)
            Store().retag(run_id, [TAG])
        Store().trash(trashed)
    return Secrets(run.id, evaluated, failed, trashed)


def everything(app: AppTest) -> str:
    """All that is sent to the browser: words, tables, links, pictures; without times and file names of one drawing."""
    tables = [table.value.to_csv() for table in app.dataframe]
    links = [str(link.proto) for link in app.get("page_link")]
    tree = re.sub(r"_session_state=.*", "", f"{app.main} {app.sidebar}")
    return "\n".join([words(app), *tables, *links, tree])


def told(app: AppTest) -> str:
    """What is read on a page, with tables and links, but for how long ago something was."""
    links = sorted(link.proto.label + link.proto.query_string for link in app.get("page_link"))
    tables = [table.value.to_csv() for table in app.dataframe]
    menus = [str(menu.options) for menu in (*app.multiselect, *app.selectbox)]
    return re.sub(r"\d+ (s|min) ago|just now", "ago", "\n".join([words(app), *tables, *links, *menus]))


def shows(app: AppTest, secrets: Secrets) -> list[str]:
    """What of these stands on a page."""
    text = everything(app)
    return [word for word in (*(one[:8] for one in secrets.ids), NAME, TAG, NOTE, "98.7 ±") if word in text]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_for_another_student_what_it_is_without_the_private_runs(
    visited_by: Visit, backend: Backend, page: str
) -> None:
    public = everybodys()
    query = {COMPARE: {"runs": f"{public[0]},{public[2]}"}, METHOD: {"run": public[0]}}.get(page, {})
    visited_by(BOB)
    addresses: list[dict[str, str]] = [{}, query] if query else [{}]
    before = [told(opened(page, **one)) for one in addresses]
    secrets = annes()
    visited_by(ANNE)
    seen = [shows(opened(page, **one), secrets) for one in addresses]
    visited_by(BOB)
    assert [told(opened(page, **one)) for one in addresses] == before
    assert [shows(opened(page, **one), secrets) for one in addresses] == [[] for _ in addresses]
    if page in ("", RUNS, METHOD):
        assert seen[0], "else this test would find nothing anywhere"


@pytest.mark.parametrize(("page", "parameter"), [
    (RUNS, "run"), (METHOD, "run"), (METHOD, "like"), (SWEEPS, "like"), (COMPARE, "run"), (COMPARE, "runs"),
    (NAS, "like"),
])
@pytest.mark.parametrize("person", [BOB, TEACHER], ids=lambda person: person.role)
def test_an_address_that_names_a_private_run_says_what_it_says_of_a_run_that_is_not_there(
    visited_by: Visit, backend: Backend, person: Person, page: str, parameter: str
) -> None:
    everybodys()
    secrets = annes()
    st.cache_data.clear()
    visited_by(ANNE)
    opened(page, **{parameter: secrets.distilled})  # whatever is kept of it is kept by now
    visited_by(person)
    nowhere = told(opened(page, **{parameter: "0123456789abcdef"})).replace("0123456789abcdef", "ID")
    for run_id in (secrets.distilled, secrets.trashed):
        there = opened(page, **{parameter: run_id})
        assert told(there).replace(run_id, "ID") == nowhere
        assert [word for word in shows(there, secrets) if word != run_id[:8]] == []


def test_of_what_is_under_way_others_see_that_it_takes_its_turn(visited_by: Visit, backend: Backend) -> None:
    with acting_as(ANNE):
        running, waits = (put(salted(spec("distill", "datadam", {**TINY, "seed": n})), state)
                          for n, state in ((5, "running"), (6, "queued")))
    bobs = put(spec("distill", "datadam", {**TINY, "seed": 7}), "queued")
    for run_id, person in ((running, ANNE), (waits, ANNE), (bobs, BOB)):
        Queue().add(run_id)
        mark_asking(Store().record(run_id).folder, [person.id])
    Queue().claim(Queue().waiting()[0], "cpu")
    visited_by(BOB)
    for page in ("", RUNS):
        app = opened(page)
        assert "Private runs of others: 1 running, 1 waiting (number 1)." in words(app)
        assert not [one for one in (running, waits) if one[:8] in everything(app)]
        assert bobs in everything(app)
    assert "Distilling" not in words(opened("")), "how far it is is nobody's business"
    bars = [bar.proto.text for bar in opened(METHOD, run=bobs).get("progress")]
    assert "**Waiting** · second in turn: you used less than a minute lately, one person goes first" in bars[0]
    assert "2 runs wait before it" in words(opened(METHOD))
    assert "Private runs of others" not in words(opened("", mine="true"))
    visited_by(ANNE)
    assert "Private runs of others" not in words(opened(""))
    assert running in everything(opened(RUNS))


def test_estimates_do_not_tell_how_long_a_private_run_took(visited_by: Visit, backend: Backend) -> None:
    visited_by(BOB)
    before = words(opened(METHOD))
    assert "no run" in before or "rough" in before
    for n in range(5):
        with acting_as(ANNE):
            run = made(salted(spec("distill", "datadam", {"dataset": "digits", "seed": n})))
        told = json.loads((run.folder / "run.json").read_text())
        told |= {"device": {"type": "cpu"}, "times": {**told["times"], "seconds": 7777.0}}
        (run.folder / "run.json").write_text(json.dumps(told))
    visited_by(BOB)
    assert words(opened(METHOD)) == before
    visited_by(ANNE)
    assert words(opened(METHOD)) != before


def test_the_owner_sees_that_a_run_is_private_and_shares_it_with_all_that_belongs_to_it(
    visited_by: Visit, backend: Backend
) -> None:
    secrets = annes()
    visited_by(ANNE)
    for page in (RUNS, METHOD):
        app = opened(page, run=secrets.distilled)
        assert ":violet-badge[:material/lock: private]" in words(app)
        assert f"Everybody here will see **{NAME}**, and with it {NAME}: results, name, tags and notes." in words(app)
    listed = opened(RUNS).dataframe[0].value.set_index("id")["state"].to_dict()
    assert listed[secrets.distilled] == "done (private)"
    visited_by(people.MACHINE)
    assert secrets.distilled in everything(opened(RUNS))
    visited_by(ANNE)
    opened(METHOD, run=secrets.distilled).button(key=f"house-share-{secrets.distilled}").click().run()
    visited_by(BOB)
    assert NAME in words(opened(METHOD, run=secrets.distilled))
    shown = opened(RUNS).dataframe[0].value.set_index("id")
    assert (shown.loc[secrets.distilled, "state"], shown.loc[secrets.distilled, "inside"]) == ("done", "1")
    assert secrets.failed not in everything(opened(RUNS))
    assert "Share" not in [button.label for button in opened(METHOD, run=secrets.distilled).button]


def test_a_form_asks_privately_where_that_is_ticked(visited_by: Visit, backend: Backend) -> None:
    visited_by(ANNE)
    app = opened(METHOD)
    box = app.checkbox(key="asks privately")
    assert (box.label, box.value) == ("Private until I share it", False)
    app.checkbox(key="asks privately").check().run()
    app.button(key="launch-distill").click().run()
    first, *along = backend.submitted
    assert first.salt == private.salt(ANNE.id)
    assert {one.salt for one in along if one.kind == "distill"} == {first.salt}
    records = {record.id: record for record in Store().records()}
    assert {records[one.key].private for one in backend.submitted} == {ANNE.id}
    assert not Store(person=BOB).records()


def test_what_everybody_knows_already_is_opened_also_by_who_asks_privately(visited_by: Visit, backend: Backend) -> None:
    visited_by(ANNE)
    like = made(spec("distill", "datadam", {**TINY, "seed": 1}))
    app = opened(METHOD, like=like.id)
    assert "This very run is finished already" in words(app)
    app.session_state["asks privately"] = True
    assert "This very run is finished already" in words(app.run())


@pytest.mark.parametrize("page", [METHOD, SWEEPS, NAS, "pages/2_Baselines.py"])
@pytest.mark.parametrize("who", ["visitor", "machine", "nobody hosts it"])
def test_nobody_else_is_offered_privacy(home: Path, visited_by: Visit, backend: Backend, page: str, who: str) -> None:
    visited_by({"visitor": VIEWER, "machine": MACHINE, "nobody hosts it": ANNE}[who])
    if who == "nobody hosts it":
        (home / "hosting.toml").unlink()
    app = opened(page)
    assert "asks privately" not in [box.key for box in app.checkbox]
    assert "rivate" not in words(app)


@pytest.mark.parametrize(("page", "sentence"), [(SWEEPS, "so it cannot be private"), (NAS, "only where it ranks on a")])
def test_kinds_that_share_what_they_ask_for_say_so(
    visited_by: Visit, backend: Backend, page: str, sentence: str
) -> None:
    visited_by(ANNE)
    app = opened(page, vary="lambda_task=0,0.01") if page == SWEEPS else opened(page)
    assert sentence in words(app)
    assert "asks privately" not in [box.key for box in app.checkbox]


def test_files_hold_no_private_run_of_somebody_else(visited_by: Visit, backend: Backend, tmp_path: Path) -> None:
    secrets = annes()
    visited_by(BOB)
    with frame.guarded():
        for run_id in secrets.ids:
            with pytest.raises(Exception, match=f"no run '{run_id}'"):
                packing.pack_all(frame.store(), [run_id], tmp_path / "runs.zip")
    visited_by(ANNE)
    packing.pack_all(Store(), [secrets.evaluated], tmp_path / "runs.zip")
    assert ANNE.id.encode() not in (tmp_path / "runs.zip").read_bytes()

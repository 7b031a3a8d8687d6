"""Who looks at a hosted workbench, what they see of it, and what they may do there."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ddcore.errors import NotAllowed
from ddcore.experiments import spec
from ddcore.home import PROJECT
from ddcore.hosting import audit, owners, people, rights
from ddcore.hosting.people import MACHINE, NOBODY, Person, acting_as
from ddcore.hosting.settings import Settings
from ddcore.runs.store import Store
from pages.components import account, frame
from tests.pages.conftest import PAGES, TINY, Backend, at, put, words

ISSUER = "https://login.example.org"
SETTINGS = """
address = "https://distil.example.org"
[people]
visitors = "{visitors}"
viewer = ["*"]
student = ["group:students"]
teacher = ["group:staff"]
admin = ["{admin}"]
"""
ADMIN = f"{ISSUER} root"
OF_ROLE = {"viewer": "guest", "student": "ada", "teacher": "tom", "admin": "root"}
GROUPS = {"ada": ["students"], "bob": ["students"], "tom": ["staff"]}


def claims(who: str, **more: Any) -> dict[str, Any]:
    """What Streamlit knows of somebody who signed in."""
    return {"iss": ISSUER, "sub": who, "exp": time.time() + 600, "email": f"{who}@example.org", "name": who.title(),
            "groups": GROUPS.get(who, []), "is_logged_in": True, **more}


def id_of(who: str) -> str:
    return people.person_id(ISSUER, who)


@pytest.fixture
def hosted(home: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with settings, in a server that found nothing wrong with them as it started."""
    (home / "hosting.toml").write_text(SETTINGS.format(visitors="none", admin=ADMIN))
    monkeypatch.setattr(account, "_checked", [Settings()])
    monkeypatch.setattr(account, "_ended", {})
    return home


def visit(who: str | dict[str, Any], page: str = "", **query: str) -> AppTest:
    """The page as this person sees it."""
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    app.user = claims(who) if isinstance(who, str) else who
    app.run()
    return at(app, page, **query)


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


STRANGERS: dict[str, dict[str, Any]] = {
    "nothing": {}, "signed out": {"is_logged_in": False}, "an email alone": {"email": "root@example.org"},
    "expired": claims("root", exp=time.time() - 1), "without an end": claims("root", exp=None),
    "without a subject": claims("root", sub=""),
}


@pytest.mark.parametrize(("page", "who"), [*((page, "nothing") for page in PAGES[1:]),
                                           *(("", who) for who in STRANGERS)])
def test_nothing_of_any_page_is_shown_to_whom_nothing_vouches_for(hosted: Path, page: str, who: str) -> None:
    run = put(spec("distill", "datadam", {**TINY, "seed": 2}), "failed")
    app = visit(STRANGERS[who], page, run=run)
    assert [title.value for title in app.title] == ["Dataset distillation workbench"]
    assert labels(app) == [button.label for button in app.main.button] == ["Sign in"]
    assert run not in f"{app.main}{app.sidebar}"
    assert "not a number" not in f"{app.main}"


def test_the_wall_says_what_to_do_in_a_sentence(hosted: Path) -> None:
    assert "Sign in to look at results" in words(visit({}))
    assert "Sign in again to go on" in words(visit(claims("ada", exp=time.time() - 5)))
    (hosted / "hosting.toml").write_text(SETTINGS.replace('viewer = ["*"]', "").format(visitors="none", admin=ADMIN))
    app = visit(claims("eve", name="E*v*e"))
    assert "You are signed in as **E\\*v\\*e** (eve@\u200bexample.org), and nobody has given you a role" in words(app)
    assert labels(app) == ["Sign out"]


def test_who_is_signed_in_and_as_what_stands_on_every_page(hosted: Path) -> None:
    for role, who in OF_ROLE.items():
        app = visit(who)
        assert f"{who.title()} · {role}" in [one.value for one in app.sidebar.markdown]
        assert "Sign out" in [button.label for button in app.sidebar.button]
    assert {(one.name, one.role, one.id) for one in people.people()} == {
        (who.title(), role, id_of(who)) for role, who in OF_ROLE.items()}


def test_visitors_may_look_where_the_settings_let_them(hosted: Path) -> None:
    (hosted / "hosting.toml").write_text(SETTINGS.format(visitors="viewer", admin=ADMIN))
    run = put(spec("distill", "datadam", {**TINY, "seed": 2}), "failed")
    assert "not a number" in words(visit({}, "pages/8_Runs.py", run=run))
    app = visit({})
    assert "Not signed in · may look" in [one.value for one in app.sidebar.markdown]
    assert "Sign in" in [button.label for button in app.sidebar.button]
    assert people.people() == []


def test_a_workbench_of_ones_own_knows_no_sign_in(home: Path, backend: Backend) -> None:
    app = visit({})
    assert not {"Sign in", "Sign out"} & {*labels(app)}
    assert people.acting() == MACHINE
    assert not (home / "people").exists()


def test_settings_that_nobody_checked_or_can_read_or_that_are_gone_let_nobody_in(
    hosted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = (hosted / "hosting.toml").read_text()
    (hosted / "hosting.toml").write_text(f"{good}\n[notices]\nwebhook = 'https://secret'\nnonsense = 1")
    app = visit("root")
    assert "Nobody is let in" in words(app)
    assert not app.button
    assert "secret" not in str(app)
    (hosted / "hosting.toml").unlink()
    assert "Nobody is let in" in words(visit("root"))
    (hosted / "hosting.toml").write_text(good)
    assert "Root · admin" in words(visit("root"))
    monkeypatch.setattr(account, "_checked", [])
    assert "Nobody is let in" in words(visit("root"))


def test_who_signs_out_is_out_in_every_tab_of_the_browser_and_in_again_with_the_next_sign_in(hosted: Path) -> None:
    token = claims("ada", nonce="one")
    tab, other = visit(token), visit(token)
    tab.button(key="sign-out").click().run()
    assert labels(tab) == ["Sign in"]
    assert labels(other.run()) == labels(visit(token)) == ["Sign in"]
    assert "Ada · student" in words(visit({**token, "nonce": "two"}))
    assert "Bob · student" in words(visit("bob"))


# What is off for whom: a control by its label, and the sentence that is its help.
START, RESUME, TRASH = "Start run", "Resume", "Move to trash"


def off(app: AppTest, label: str) -> str:
    """Why a button is off, "" where it is on."""
    (button,) = [one for one in app.button if one.label == label]
    return button.help if button.disabled else ""


@pytest.mark.parametrize("page", ["pages/3_DataDAM.py", "pages/2_Baselines.py", "pages/6_NAS.py", "pages/6_Sweeps.py"])
def test_a_viewer_reads_one_quiet_line_where_others_start_a_run(hosted: Path, page: str) -> None:
    app = visit("guest", page)
    label = {"pages/6_NAS.py": "Start search", "pages/6_Sweeps.py": "Start sweep"}.get(page, START)
    assert off(app, label) == "A viewer may not start runs."
    assert "A viewer may not start runs." in [caption.value for caption in app.caption]
    assert ":red[" not in words(app)
    assert not app.error
    assert off(visit("ada", page), label) == ""


def test_a_form_with_something_wrong_in_it_is_no_redder_for_a_viewer(hosted: Path) -> None:
    app = visit("guest", "pages/3_DataDAM.py", ipc="5000")
    assert off(app, START) == "A viewer may not start runs."
    assert words(app).count(":red[") == 1  # below the field itself


@pytest.mark.parametrize(("who", "mine", "others"), [
    ("guest", "A viewer may not {}.", "A viewer may not {}."), ("ada", "", "A student may not {}."), ("tom", "", ""),
    ("root", "", ""),
])
def test_what_may_be_done_to_a_run_is_on_and_the_rest_says_why_not(
    hosted: Path, who: str, mine: str, others: str
) -> None:
    run = put(spec("distill", "datadam", {**TINY, "seed": 3}), "interrupted")
    for owner, sentence, whose in (("ada", mine, "a run"), ("bob", others, "a run of somebody else")):
        (hosted / "people").mkdir(exist_ok=True)
        for file in (hosted / "people").glob("*.owns"):
            file.unlink()
        owners.take(id_of(owner), run)
        whose = "a run" if who == "guest" else whose
        app = visit(who, "pages/8_Runs.py", run=run)
        assert off(app, RESUME) == sentence.format(f"resume {whose}")
        assert off(app, TRASH) == sentence.format(f"put {whose} into the trash")
        assert off(app, "Save") == sentence.format(f"rename {whose}")
        assert {field.disabled for field in (app.text_input[1], app.text_input[2])} == {bool(sentence)}


def test_a_running_run_is_cancelled_by_its_owner_and_by_nobody_who_may_not(hosted: Path, backend: Backend) -> None:
    run = put(spec("distill", "datadam", {**TINY, "seed": 4}), "running")
    owners.take(id_of("ada"), run)
    assert off(visit("bob", "pages/8_Runs.py", run=run), "Cancel") == "A student may not cancel a run of somebody else."
    app = visit("ada", "pages/8_Runs.py", run=run)
    app.button(key=f"cancel-{run}").click().run()
    assert backend.cancelled == [run]


def test_who_stops_a_run_that_somebody_else_waits_for_is_told_that_it_goes_on(
    hosted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ddcore.jobs.cancel", lambda run_id: False)
    run = put(spec("distill", "datadam", {**TINY, "seed": 5}), "running")
    owners.take(id_of("ada"), run)
    app = visit("ada", "pages/8_Runs.py", run=run)
    app.button(key=f"cancel-{run}").click().run()
    assert [toast.value for toast in app.toast] == ["Somebody else waits for this run, too, so it goes on."]


def test_files_are_asked_for_of_those_alone_who_may_bring_something(hosted: Path) -> None:
    put(spec("distill", "datadam", {**TINY, "seed": 8}), "failed")
    for page, query, deed in (("pages/1_Datasets.py", {"bring": "own"}, "add data sets"),
                              ("pages/8_Runs.py", {}, "bring runs from elsewhere")):
        (uploader,) = visit("guest", page, **query).get("file_uploader")
        assert (uploader.disabled, uploader.help) == (True, f"A viewer may not {deed}.")
        (uploader,) = visit("ada", page, **query).get("file_uploader")
        assert not uploader.disabled


def test_what_is_pressed_is_done_by_whoever_pressed_it(hosted: Path) -> None:
    run = put(spec("distill", "datadam", {**TINY, "seed": 6}), "interrupted")
    owners.take(id_of("ada"), run)
    app = visit("ada", "pages/8_Runs.py", run=run)
    app.text_input[2].input("mine")
    next(button for button in app.button if button.label == "Save").click().run()
    assert Store().record(run).user["note"] == "mine"
    (line,) = audit.lines()
    assert (line["who"], line["role"], line["deed"], line["what"]) == (id_of("ada"), "student", "note", run)


def test_callbacks_act_as_whoever_clicked(hosted: Path) -> None:
    def script() -> None:
        import streamlit as st

        from ddcore.hosting.people import acting

        def note() -> None:
            st.session_state["by"] = acting().name

        st.button("Note", on_click=note)
        st.markdown(f"{acting().name}, {st.session_state.get('by')}")

    people.found_by(account.find)
    app = AppTest.from_function(script)
    app.user = claims("ada")
    assert app.run().markdown[0].value == "Ada, None"
    assert app.button[0].click().run().markdown[0].value == "Ada, Ada"


def test_where_no_visitors_page_is_at_work_nobody_acts(hosted: Path) -> None:
    people.found_by(account.find)
    found: list[Person] = []
    thread = threading.Thread(target=lambda: found.append(people.acting()))
    thread.start(), thread.join()
    assert [*found, people.acting()] == [NOBODY, NOBODY]
    with pytest.raises(NotAllowed):
        rights.require("submit")


def test_what_is_made_later_in_another_thread_is_made_for_whoever_saw_its_button_as_what_they_are_by_then(
    hosted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.found_by(account.find)
    with monkeypatch.context() as page:
        page.setattr(account, "get_script_run_ctx", lambda **_: object())
        page.setattr(account.st, "user", SimpleNamespace(to_dict=lambda: claims("root")))
        made = frame.later(lambda store: people.acting().role)
    found: list[object] = []

    def click() -> None:
        try:
            found.append(made())
        except NotAllowed as error:
            found.append(str(error))

    for admin in (ADMIN, "nobody@example.org"):
        (hosted / "hosting.toml").write_text(SETTINGS.format(visitors="none", admin=admin))
        thread = threading.Thread(target=click)
        thread.start(), thread.join()
    (hosted / "hosting.toml").write_text('[people]\nstudent = ["group:students"]\n')
    click()
    assert found == ["admin", "viewer", "Somebody without a role may not look at results."]
    assert people.acting() == NOBODY


def test_everything_that_is_downloaded_later_is_made_by_the_frame() -> None:
    """Bytes and texts are there already; a function runs in a thread where nobody is at work."""
    import ast

    for path in (PROJECT / "pages").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        named = {node.targets[0].id: ast.unparse(node.value) for node in ast.walk(tree)
                 if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)}
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if ast.unparse(call.func).endswith("download_button"):
                data = ast.unparse(call.args[1])
                made = named.get(data, data)
                assert "partial(" not in made or made.startswith("frame.later("), f"{path}: {made}"
                assert "lambda" not in made or made.startswith("frame.later("), f"{path}: {made}"


def test_a_fragment_of_whom_may_look_no_longer_asks_for_the_whole_page_which_is_the_wall(
    hosted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Again(BaseException):
        pass

    def rerun() -> None:
        raise Again

    drawn: list[str] = []
    tick = frame.guarded()(lambda: drawn.append(people.acting().id))
    monkeypatch.setattr(account, "get_script_run_ctx", lambda **_: SimpleNamespace(fragment_ids_this_run=["tick"]))
    monkeypatch.setattr(account.st, "rerun", rerun)
    with acting_as(Person(id_of("ada"), "student")):
        tick()
    with acting_as(NOBODY), pytest.raises(Again):
        tick()
    assert drawn == [id_of("ada")]


def test_what_is_begun_on_a_page_is_ended_by_whoever_began_it_though_their_sign_in_ends_meanwhile(hosted: Path) -> None:
    found = iter([Person(id_of("ada"), "student")] * 2)
    people.found_by(lambda: next(found, NOBODY))
    with frame.guarded():
        inside = [people.acting().id for _ in range(3)]
    assert [*inside, people.acting().id] == [*[id_of("ada")] * 3, "nobody"]


@pytest.fixture
def headers(hosted: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """visit as a proxy names people: by what it wrote into the headers that are mapped."""
    (hosted / "hosting.toml").write_text(
        SETTINGS.format(visitors="none", admin="proxy root").replace("[people]", '[people]\nsign_in = "headers"'))
    of = account.st.get_option
    mapped = {"X-User": "sub", "X-Mail": "email", "X-Groups": "groups", "X-Name": "name"}
    given = {"server.trustedUserHeaders": mapped}
    monkeypatch.setattr(account.st, "get_option", lambda name: given.get(name) or of(name))
    return lambda **named: visit({name: named.get(name) for name in mapped.values()})


def test_whom_a_proxy_names_is_let_in_and_signs_out_there(headers: Callable[..., AppTest]) -> None:
    app = headers(sub="ada", name="Ada", groups="x,students")
    assert "Ada · student" in words(app)
    assert not {"Sign in", "Sign out"} & {*labels(app)}
    assert "root@\u200bexample.org · admin" in words(headers(sub="root", email="root@example.org", name=None))
    assert [one.role for one in people.people()] == ["student", "admin"]


def test_without_a_proxys_word_nobody_is_let_in_and_the_way_is_told(headers: Callable[..., AppTest]) -> None:
    for named in ({}, {"email": "root@example.org", "groups": "staff"}, {"sub": ""}):
        app = headers(**named)
        assert "Open the workbench by its address, https://distil.example.org" in words(app)
        assert not app.button


def test_the_audit_log_tells_who_was_refused(hosted: Path) -> None:
    people.found_by(account.find)
    with acting_as(Person(id_of("guest"), "viewer")), pytest.raises(NotAllowed, match="A viewer may not start runs"):
        rights.require("submit", "x")
    (line,) = [json.loads(one) for one in audit.path().read_text().splitlines()]
    assert (line["who"], line["outcome"]) == (id_of("guest"), "refused")

"""A course at one workbench: real sign-ins with an issuer of tokens in real browsers, and what lets nobody in."""

from __future__ import annotations

import json
import secrets
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ddcore.hosting.people import person_id
from tests.browser.conftest import Server, free_port, serving, start_from_form, watching

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect
pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # of the issuer's packages
SLOW = 60_000  # ms: two cores that also compute
STYLES = "cdn.jsdelivr.net"  # the issuer's login page asks it for its looks
PEOPLE = {"ada": ["students"], "bob": ["students"], "tom": ["staff"], "eve": []}
SETTINGS = """
address = "{address}"
[people]
sign_in = "{sign_in}"
student = ["group:students"]
teacher = ["group:staff"]
admin = ["root@example.org"]
"""


@pytest.fixture
def issuer() -> Iterator[str]:
    """The address of one that knows these people."""
    from oidc_provider_mock import run_server_in_thread

    with run_server_in_thread() as running:
        address = f"http://localhost:{running.server_port}"
        for name, groups in PEOPLE.items():
            claims = {"name": name.title(), "email": f"{name}@example.org", "email_verified": True, "groups": groups}
            request = urllib.request.Request(f"{address}/users/{name}", json.dumps(claims).encode(),
                                             {"Content-Type": "application/json"}, method="PUT")
            urllib.request.urlopen(request, timeout=10).close()
        yield address


class Visitors:
    """Pages of a workbench, each in a browser of its own."""

    def __init__(self, chromium: object, browsers: ExitStack) -> None:
        self.chromium, self.browsers, self.pages = chromium, browsers, list[Any]()

    def visit(self, url: str, cookies: dict[str, str] | None = None, **options: Any) -> Any:
        """A page at this address, with these cookies; options: of the browser."""
        page: Any = self.browsers.enter_context(watching(self.chromium, STYLES, **options)).page
        page.context.add_cookies([{"name": one, "value": value, "url": url} for one, value in (cookies or {}).items()])
        page.goto(url)
        self.pages.append(page)
        return page

    @contextmanager
    def hosted(self, folder: Path, issuer: str, secret: str = "", trusted: dict[str, str] | None = None
               ) -> Iterator[Server]:
        """A workbench that is hosted in this folder, left by all before it ends. secret: with which it signs cookies;
        trusted: headers that say who somebody is."""
        port, home, file = free_port(), folder / "home", folder / "secrets.toml"
        address = f"http://localhost:{port}"
        home.mkdir(parents=True)
        (home / "hosting.toml").write_text(SETTINGS.format(address=address, sign_in="headers" if trusted else "oidc"))
        auth = {"redirect_uri": f"{address}/oauth2callback", "cookie_secret": secret or secrets.token_urlsafe(32),
                "client_id": "workbench", "client_secret": "any",
                "server_metadata_url": f"{issuer}/.well-known/openid-configuration"}
        file.write_text("[auth]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in auth.items()))
        identity = f"--server.trustedUserHeaders={json.dumps(trusted)}" if trusted else f"--secrets.files={file}"
        with serving(home, None, "--client.showErrorDetails=none", identity, port=port) as running:
            yield running
            for tab in [tab for page in self.pages for tab in page.context.pages]:
                tab.goto("about:blank")


@pytest.fixture
def visitors(chromium: object) -> Iterator[Visitors]:
    with ExitStack() as browsers:
        yield Visitors(chromium, browsers)


def wall(page: Any) -> None:
    """Nothing is here but the way in."""
    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("heading")).to_have_text(["Dataset distillation workbench"])
    expect(page.get_by_test_id("stSidebarNav")).to_have_count(0)


def sign_in(page: Any, who: str) -> None:
    page.get_by_role("button", name="Sign in").click()
    page.get_by_placeholder("sub").fill(who)
    page.get_by_role("button", name="Authorize", exact=True).click()


def account(page: Any) -> Any:
    return page.get_by_test_id("stSidebar").locator(".st-key-account")


def audit(home: Path) -> list[tuple[str, str, str]]:
    """(who, deed, outcome) of each line."""
    lines = [json.loads(line) for line in (home / "home" / "audit.jsonl").read_text().splitlines()]
    return [(line["who"], line["deed"], line["outcome"]) for line in lines]


def start_run(page: Any, draws: int) -> str:
    """A run of the quick preset on digits with so many network draws; its address."""
    page.get_by_role("link", name="DataDAM").first.click()
    return start_from_form(page, draws)


def test_two_students_and_a_teacher_sign_in_and_each_does_what_the_table_says(
    tmp_path: Path, issuer: str, visitors: Visitors
) -> None:
    ada, bob, tom = (person_id(issuer, name) for name in ("ada", "bob", "tom"))
    with visitors.hosted(tmp_path, issuer) as server:
        adas = visitors.visit(f"{server.url}/Runs")
        wall(adas)
        sign_in(adas, "ada")
        expect(account(adas)).to_contain_text("Ada · student", timeout=SLOW)
        adas.wait_for_url(f"{server.url}/Runs", timeout=SLOW)
        address = start_run(adas, draws=2000)
        expect(adas.get_by_role("button", name="Cancel")).to_be_enabled(timeout=SLOW)

        bobs = visitors.visit(address)
        wall(bobs)
        sign_in(bobs, "bob")
        bobs.wait_for_url(address, timeout=SLOW)
        expect(account(bobs)).to_contain_text("Bob · student", timeout=SLOW)
        expect(bobs.get_by_role("button", name="Cancel")).to_be_disabled(timeout=SLOW)
        bobs.get_by_role("button", name="Cancel").hover(force=True)
        expect(bobs.get_by_text("A student may not cancel a run of somebody else.")).to_be_visible(timeout=SLOW)

        toms = visitors.visit(server.url)
        sign_in(toms, "tom")
        expect(account(toms)).to_contain_text("Tom · teacher", timeout=SLOW)
        toms.goto(address)
        toms.get_by_role("button", name="Cancel").click(timeout=SLOW)  # in a part that draws itself again
        expect(toms.get_by_text("This run was cancelled.")).to_be_visible(timeout=SLOW)

        expect(bobs.get_by_role("button", name="Resume")).to_be_disabled(timeout=SLOW)
        expect(adas.get_by_role("button", name="Resume")).to_be_enabled(timeout=SLOW)
        adas.goto(f"{server.url}/Runs?run={address[-16:]}")
        adas.get_by_label("Note").fill("mine")
        adas.get_by_role("button", name="Save").click()
        expect(adas.get_by_label("Note")).to_have_value("mine", timeout=SLOW)
        adas.get_by_role("button", name="Move to trash").click()
        expect(adas.get_by_text("moved to the trash")).to_be_visible(timeout=SLOW)
        adas.get_by_text("Trash (1)").click()
        expect(adas.get_by_role("button", name="Empty the trash")).to_be_disabled(timeout=SLOW)
        assert audit(tmp_path) == [(ada, "submit", "done"), (tom, "cancel", "done"), (ada, "note", "done"),
                                   (ada, "trash", "done")]

        other = adas.context.new_page()
        other.goto(f"{server.url}/DataDAM")
        expect(account(other)).to_contain_text("Ada · student", timeout=SLOW)
        account(adas).get_by_role("button", name="Sign out").click()
        adas.get_by_role("button", name="End session").click(timeout=SLOW)  # the issuer's own page
        wall(adas)
        other.get_by_role("textbox", name="K · Network draws").fill("30")
        other.get_by_role("textbox", name="K · Network draws").press("Enter")
        wall(other)
        sign_in(adas, "bob")
        expect(account(adas)).to_contain_text("Bob · student", timeout=SLOW)
        assert audit(tmp_path)[-1][0] != bob


def test_a_person_without_a_role_and_one_who_gets_one(tmp_path: Path, issuer: str, visitors: Visitors) -> None:
    with visitors.hosted(tmp_path, issuer) as server:
        page = visitors.visit(server.url)
        sign_in(page, "eve")
        words = page.get_by_text("You are signed in as Eve")
        expect(words).to_contain_text("nobody has given you a role here", timeout=SLOW)
        settings = tmp_path / "home" / "hosting.toml"
        settings.write_text(settings.read_text() + f'viewer = ["{issuer} eve"]\n')
        page.goto(f"{server.url}/DataDAM")
        expect(account(page)).to_contain_text("Eve · viewer", timeout=SLOW)
        expect(page.get_by_role("button", name="Start run")).to_be_disabled()
        expect(page.get_by_text("A viewer may not start runs.")).to_be_visible()


def cookie(secret: str, address: str, **claims: Any) -> dict[str, str]:
    """What Streamlit gives a browser whose visitor has signed in, signed with this secret."""
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    name = "_streamlit_user"
    known = {"iss": "https://login.example.org", "sub": "root", "email": "root@example.org", "name": "Root",
             "exp": time.time() + 600, "origin": address, "is_logged_in": True, "provider": "default", **claims}
    return {name: create_signed_value(secret, name, json.dumps(known)).decode()}


def test_what_is_forged_old_or_of_another_server_gets_nobody_in(
    tmp_path: Path, issuer: str, visitors: Visitors
) -> None:
    own, another = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    with visitors.hosted(tmp_path, issuer, own) as server:
        end = time.time() + 25
        true = visitors.visit(server.url, cookie(own, server.url, exp=end))
        expect(account(true)).to_contain_text("Root · admin", timeout=SLOW)  # what the others differ from
        forged = {"X-Forwarded-User": "root", "X-Forwarded-Email": "root@example.org", "X-Forwarded-Groups": "staff",
                  "sub": "root", "email": "root@example.org"}
        wall(visitors.visit(server.url, extra_http_headers=forged))
        wall(visitors.visit(server.url, cookie(another, server.url)))
        wall(visitors.visit(server.url, cookie(own, "http://localhost:1")))
        wall(visitors.visit(server.url, cookie(own, server.url, sub="")))
        old = visitors.visit(server.url, cookie(own, server.url, exp=time.time() - 1))
        wall(old)
        expect(old.get_by_text("Sign in again to go on")).to_be_visible()
        time.sleep(max(0.0, end - time.time()))
        true.get_by_role("link", name="Runs").first.click()
        wall(true)


def test_a_proxy_on_this_machine_says_who_somebody_is(tmp_path: Path, issuer: str, visitors: Visitors) -> None:
    trusted = {"X-Forwarded-User": "sub", "X-Forwarded-Email": "email", "X-Forwarded-Groups": "groups"}
    with visitors.hosted(tmp_path, issuer, trusted=trusted) as server:
        root = {"X-Forwarded-User": "root", "X-Forwarded-Email": "root@example.org"}
        page = visitors.visit(server.url, extra_http_headers=root)
        expect(account(page)).to_contain_text("root@example.org · admin", timeout=SLOW)
        page = visitors.visit(server.url, extra_http_headers={"X-Forwarded-Email": "root@example.org"})  # no subject
        expect(page.get_by_text("Open the workbench by its address")).to_be_visible(timeout=SLOW)
        expect(page.get_by_role("button", name="Sign in")).to_have_count(0)

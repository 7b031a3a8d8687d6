"""What keeps a hosted workbench from serving, and the line that mends it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from typing import Any

import pytest

from ddcore.hosting import checks
from ddcore.hosting.settings import People, Settings
from tests.test_house import ROOT

OIDC = Settings(address="https://distil.example.org", people=People(teacher=("group:staff", "ada@example.org")))
HEADERS = replace(OIDC, people=replace(OIDC.people, sign_in="headers"))
AUTH = {
    "redirect_uri": "https://distil.example.org/oauth2callback", "cookie_secret": "v1x8Qm3kT0pZ7aYc5RfW2bHd9LgN6sUe",
    "client_id": "workbench", "client_secret": "s", "server_metadata_url": "https://login.example.org/.well-known/x",
}
OPTIONS: dict[str, Any] = {
    "server.enableXsrfProtection": True, "server.enableCORS": True, "client.toolbarMode": "viewer",
    "client.showErrorDetails": "none", "server.allowedHosts": ["localhost", "distil.example.org"],
    "server.address": "0.0.0.0", "server.trustedUserHeaders": {},
}
MAPPED = {"X-Forwarded-User": "sub", "X-Forwarded-Email": "email", "X-Forwarded-Groups": "groups"}
OF_PROXY = {"server.address": "127.0.0.1", "server.trustedUserHeaders": MAPPED}


def of_oidc(
    settings: Settings = OIDC, auth: dict[str, Any] | None = AUTH, authlib: bool = True, **options: Any
) -> list[str]:
    return checks.problems(settings, OPTIONS | {name.replace("_", "."): v for name, v in options.items()}, auth,
                           authlib=authlib)


def of_headers(settings: Settings = HEADERS, auth: dict[str, Any] | None = None, **options: Any) -> list[str]:
    return of_oidc(settings, auth, False, **OF_PROXY | options)


def test_a_workbench_that_is_set_up_serves() -> None:
    assert of_oidc() == []
    assert of_headers() == []
    assert of_oidc(client_toolbarMode="minimal", server_allowedHosts=["*.example.org"]) == []
    local = {**AUTH, "redirect_uri": "http://localhost:8501/oauth2callback",
             "server_metadata_url": "http://127.0.0.1:9/x"}
    assert of_oidc(replace(OIDC, address="http://localhost:8501"), local) == []


def test_the_options_that_are_asked_for_are_the_servers() -> None:
    from streamlit import config

    assert set(checks.OPTIONS) == OPTIONS.keys()
    for name in checks.OPTIONS:
        config.get_option(name)


@pytest.mark.parametrize(("option", "value", "line"), [
    ("server.enableXsrfProtection", False, "under [server] in .streamlit/config.toml: enableXsrfProtection = true"),
    ("server.enableCORS", False, "under [server] in .streamlit/config.toml: enableCORS = true"),
    ("client.toolbarMode", "developer", 'under [client] in .streamlit/config.toml: toolbarMode = "viewer"'),
    ("client.toolbarMode", "auto", 'under [client] in .streamlit/config.toml: toolbarMode = "viewer"'),
    ("client.showErrorDetails", "full", 'under [client] in .streamlit/config.toml: showErrorDetails = "none"'),
    ("client.showErrorDetails", None, 'under [client] in .streamlit/config.toml: showErrorDetails = "none"'),
    ("server.allowedHosts", [], 'under [server] in .streamlit/config.toml: allowedHosts = ["distil.example.org"]'),
    ("server.allowedHosts", ["distil.example.org", "*"], 'allowedHosts = ["distil.example.org"]'),
    ("server.allowedHosts", ["localhost"], 'under [server] in .streamlit/config.toml: allowedHosts = '
     '["distil.example.org"]'),
    ("server.allowedHosts", ["*.distil.example.org", "example.org"], 'allowedHosts = ["distil.example.org"]'),
])
def test_an_option_that_opens_the_server_is_told_with_its_line(option: str, value: Any, line: str) -> None:
    for problems in (of_oidc, of_headers):
        (problem,) = problems(**{option: value})
        assert problem.startswith(option)
        assert problem.endswith(f"{line}")


@pytest.mark.parametrize(("change", "line"), [
    ({"redirect_uri": "https://distil.example.org/"}, 'redirect_uri = "https://distil.example.org/oauth2callback"'),
    ({"redirect_uri": None}, 'redirect_uri = "https://distil.example.org/oauth2callback"'),
    ({"cookie_secret": ""}, "cookie_secret = what this prints: python -c 'import secrets; print("),
    ({"cookie_secret": "x" * 40}, "cookie_secret = what this prints"),
    ({"cookie_secret": "Kx9!short"}, "cookie_secret = what this prints"),
    ({"client_id": " "}, 'client_id = "…"'), ({"client_secret": None}, 'client_secret = "…"'),
    ({"server_metadata_url": 7}, 'server_metadata_url = "…"'),
    ({"server_metadata_url": "http://login.example.org/x"}, "It has to begin with https://"),
])
def test_secrets_are_whole_and_none_can_be_guessed(change: dict[str, Any], line: str) -> None:
    (problem,) = of_oidc(auth={**AUTH, **change})
    assert problem.startswith(".streamlit/secrets.toml: ")
    assert line in problem
    assert not any(str(value) in problem for value in change.values() if value and "secret" in next(iter(change)))


def test_without_secrets_or_the_package_nobody_could_sign_in() -> None:
    (missing,) = of_oidc(auth=None)
    assert "no section [auth]" in missing
    assert all(name in missing for name in AUTH)
    (problem,) = of_oidc(authlib=False)
    assert problem == "Authlib is not installed, which sign-in needs. Run: pip install -r requirements.txt"
    assert len(of_oidc(auth={})) == len(AUTH)


def test_the_examples_of_deploy_hold_what_is_needed_and_are_refused_as_they_lie_there() -> None:
    auth = tomllib.loads((ROOT / "deploy" / "secrets.example.toml").read_text())["auth"]
    settings = tomllib.loads((ROOT / "deploy" / "hosting.example.toml").read_text())
    assert set(checks.AUTH) <= auth.keys()
    told = of_oidc(replace(OIDC, address=settings["address"]), auth,
                   **{"server.allowedHosts": [settings["address"].removeprefix("https://")]})
    assert [re.findall(r"lacks (\w+)", one) for one in told] == [["cookie_secret"], ["client_id"], ["client_secret"]]


def test_headers_are_believed_of_a_proxy_on_this_machine_alone() -> None:
    for address in ("0.0.0.0", "192.0.2.7", None, "::", "unix:///tmp/x"):
        (problem,) = of_headers(**{"server.address": address})
        assert problem.startswith("server.address is")
        assert problem.endswith('Write under [server] in .streamlit/config.toml: address = "127.0.0.1"')
    (problem,) = of_headers(auth=AUTH)
    assert "has a section [auth]" in problem
    assert "Take it out" in problem


def test_each_header_that_the_lists_of_people_need_is_asked_for() -> None:
    (problem,) = of_headers(**{"server.trustedUserHeaders": {"X-User": "sub"}})
    assert "names no header for email and groups." in problem
    line = tomllib.loads(problem.partition("config.toml: ")[2])
    assert list(line["trustedUserHeaders"].values()) == ["sub", "email", "groups"]
    assert of_headers(**{"server.trustedUserHeaders": line["trustedUserHeaders"]}) == []
    (problem,) = of_headers(replace(HEADERS, people=People(sign_in="headers")), **{"server.trustedUserHeaders": {}})
    assert problem.endswith('trustedUserHeaders = { X-Forwarded-User = "sub" }')


def test_no_header_names_anybody_where_people_sign_in() -> None:
    (problem,) = of_oidc(**{"server.trustedUserHeaders": {"X-Forwarded-Email": "email"}})
    assert problem.startswith("server.trustedUserHeaders is set")
    assert 'sign_in = "headers"' in problem


@pytest.mark.parametrize("address", ["distil.example.org", "ftp://distil.example.org", "https://", "https://[",
                                     "https://distil.example.org?x=1", "http://distil.example.org"])
def test_an_address_is_one_that_browsers_open_safely(address: str) -> None:
    told = of_oidc(replace(OIDC, address=address), {**AUTH, "redirect_uri": f"{address}/oauth2callback"})
    assert told
    assert told[0].startswith(f'hosting.toml: address = "{address}"')


def test_an_address_has_to_be_given() -> None:
    assert [one.partition(".")[0] for one in of_oidc(replace(OIDC, address=""))] == ["hosting"]


@pytest.mark.parametrize("entry", ["staff", "ada", "https://login.example.org", ""])
def test_an_entry_that_can_name_nobody_is_told(entry: str) -> None:
    (problem,) = of_oidc(replace(OIDC, people=People(admin=("*", entry))))
    assert problem.startswith(f'hosting.toml: people.admin names nobody by "{entry}".')


def test_all_that_is_wrong_is_told_at_once_and_what_hangs_on_no_setting_even_without_them() -> None:
    wrong = {"server.enableCORS": False, "client.showErrorDetails": "full", "server.allowedHosts": []}
    told = of_oidc(replace(OIDC, address="http://distil.example.org"), None, False, **wrong)
    assert len(told) == len(set(told)) == 6
    assert checks.problems(None, OPTIONS | wrong, None, authlib=False) == told[:2]

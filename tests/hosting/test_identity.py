"""Whom claims and headers name, and as what."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ddcore.hosting import identity
from ddcore.hosting.people import NOBODY, Person, person_id
from ddcore.hosting.settings import People

NOW = 1_800_000_000.0
ISSUER = "https://login.example.org"
CLAIMS = {"iss": ISSUER, "sub": "u17", "exp": NOW + 60, "email": "ada@example.org", "name": "Ada",
          "groups": ["dd-2026"]}
ALL: dict[str, Any] = {"student": ()}  # nobody has a role but by the entry in question


def of(claims: dict[str, Any] = CLAIMS, now: float = NOW, **people: Any) -> Person:
    return identity.by_claims(claims, People(**{**ALL, **people}), now)


def test_a_person_is_issuer_and_subject_whatever_else_a_token_says() -> None:
    ada = of(student=("*",))
    id_ = hashlib.sha256(b'["https://login.example.org", "u17"]').hexdigest()[:16]
    assert ada == Person(id_, "student", "Ada", "ada@example.org")
    assert ada.signed_in
    assert of({**CLAIMS, "email": "other@example.org", "name": "Bob", "groups": []}, student=("*",)).id == id_
    assert of({**CLAIMS, "sub": "u18"}).id != id_
    assert of({**CLAIMS, "iss": "https://other.example.org"}).id != id_


@pytest.mark.parametrize("role", ["viewer", "student", "teacher", "admin"])
@pytest.mark.parametrize("entry", ["ada@example.org", "Ada@Example.org", f"{ISSUER} u17", "group:dd-2026", "*"])
def test_a_role_is_given_by_email_by_issuer_and_subject_by_group_and_to_everybody(role: str, entry: str) -> None:
    assert of(**{role: ("someone@example.org", entry)}).role == role


@pytest.mark.parametrize("entry", ["u17", "ada", "Ada", "dd-2026", ISSUER, f"{ISSUER}u17", f"{ISSUER}  u17",
                                   f"{ISSUER} u1", "group:dd", "group:", "group:*", "@example.org", "**", ""])
def test_what_only_resembles_an_entry_gives_no_role(entry: str) -> None:
    assert of(admin=(entry,)).role == "none"


def test_of_several_roles_the_highest_counts_and_none_is_below_that_of_visitors() -> None:
    lists = {"viewer": ("*",), "student": ("group:dd-2026",), "admin": ("ada@example.org",)}
    assert of(**lists).role == "admin"
    assert of({**CLAIMS, "email": ""}, **lists).role == "student"
    assert of({**CLAIMS, "email": "", "groups": []}, **lists).role == "viewer"
    assert of(visitors="viewer").role == "viewer"
    assert of(visitors="viewer", teacher=("*",)).role == "teacher"


@pytest.mark.parametrize(("claim", "groups"), [
    (["a", "b"], {"a", "b"}), (("a",), {"a"}), ("a", {"a"}), ("CN=a,OU=b", {"CN=a,OU=b"}), (None, set()), (7, set()),
    ({"a": 1}, set()), ([["a"], None, 3, "b "], {"b"}), ("", set()),
])
def test_groups_are_a_list_or_one_text_of_the_claim_that_the_settings_name(claim: Any, groups: set[str]) -> None:
    for name in ("a", "b", "CN=a,OU=b", "CN=a", "7"):
        got = of({**CLAIMS, "roles": claim, "groups": ["x"]}, claim="roles", teacher=(f"group:{name}",)).role
        assert got == ("teacher" if name in groups else "none")
    assert of({**CLAIMS, "roles": claim, "groups": ["x"]}, claim="roles", teacher=("group:x",)).role == "none"


@pytest.mark.parametrize(("verified", "role"), [
    (True, "teacher"), ("true", "teacher"), (False, "none"), ("false", "none"), ("False", "none"), (0, "none"),
])
def test_an_email_that_is_called_unverified_gives_no_role_and_is_not_shown(verified: Any, role: str) -> None:
    ada = of({**CLAIMS, "email_verified": verified}, teacher=("ada@example.org",))
    assert (ada.role, ada.email) == (role, "ada@example.org" if role == "teacher" else "")


def test_signs_that_only_look_like_a_letter_make_another_email() -> None:
    assert of({**CLAIMS, "email": "sinclair@example.org"}, admin=("Sinclair@example.org",)).role == "admin"
    for like in ("\u017finclair@example.org", "sin\u212alair@example.org", "sinclair@exampl\u0435.org"):
        assert of({**CLAIMS, "email": like}, admin=("sinclair@example.org", "sinklair@example.org")).role == "none"


@pytest.mark.parametrize("email", ["*", "group:dd-staff", f"{ISSUER} u1", "group:a@example.org", "a b@example.org"])
def test_nobody_gets_a_role_by_an_email_that_is_written_like_another_entry(email: str) -> None:
    assert of({**CLAIMS, "email": email, "groups": []}, admin=("group:dd-staff", f"{ISSUER} u1", email)[:2],
              teacher=("group:a@example.org", "a b@example.org")).role == "none"


@pytest.mark.parametrize("change", [
    {"exp": NOW}, {"exp": NOW - 1}, {"exp": None}, {"exp": "soon"}, {"exp": True}, {"exp": float("nan")},
    {"exp": str(NOW + 60)},
    {"iss": ""}, {"iss": None}, {"iss": 3}, {"sub": ""}, {"sub": "  "}, {"sub": None}, {"sub": 17},
    {"iss": "https://login.example.org u17", "sub": "x"},
], ids=str)
def test_a_token_that_has_expired_or_names_nobody_names_a_visitor(change: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**CLAIMS, **change}.items() if value is not None}
    assert of(claims, admin=("*",)) == NOBODY
    assert of(claims, admin=("*",), visitors="viewer") == Person("nobody", "viewer", NOBODY.name)


def test_no_token_at_all_names_a_visitor() -> None:
    assert of({}) == NOBODY
    assert of({"is_logged_in": True, "email": "ada@example.org"}, admin=("*",)) == NOBODY


@pytest.mark.parametrize(("claims", "name"), [
    ({"name": "Ada\n  Lovelace\u202e"}, "Ada Lovelace"), ({"name": "x" * 200}, "x" * 80),
    ({"name": ""}, "ada@example.org"), ({"name": None, "preferred_username": "ada1"}, "ada1"),
    ({"name": 5, "email": None}, f"person {person_id(ISSUER, 'u17')[:6]}"),
])
def test_what_a_person_is_called_is_one_short_line(claims: dict[str, Any], name: str) -> None:
    assert of({**CLAIMS, **claims}).name == name


HEADERS = {"sub": "ada", "email": "ada@example.org", "name": "Ada", "groups": "dd-2026, dd-staff;x"}


def test_headers_of_a_proxy_name_a_person_as_a_token_does() -> None:
    people = People(student=("*",), teacher=("group:dd-staff",))
    ada = identity.by_headers(HEADERS, people)
    assert ada == Person(person_id("proxy", "ada"), "teacher", "Ada", "ada@example.org")
    assert identity.by_headers({**HEADERS, "groups": "x"}, people).role == "student"
    assert identity.by_headers({**HEADERS, "groups": None}, People(admin=("proxy ada",))).role == "admin"
    assert identity.by_headers(HEADERS, People(admin=("ADA@example.org",))).role == "admin"


@pytest.mark.parametrize("subject", [None, "", "  "])
def test_headers_without_a_subject_name_a_visitor(subject: str | None) -> None:
    headers = {**HEADERS, "sub": subject, "iss": ISSUER, "exp": NOW + 60}
    assert identity.by_headers(headers, People(admin=("*",))) == NOBODY
    assert identity.by_headers({}, People(admin=("*",), visitors="viewer")).role == "viewer"


def test_a_sign_in_is_told_from_the_next_of_the_same_person() -> None:
    first = {**CLAIMS, "iat": 1, "nonce": "a"}
    assert identity.session(first) == identity.session({**first, "name": "Bob", "tokens": {}})
    others: tuple[dict[str, Any], ...] = ({}, {"nonce": "b"}, {"iat": 2}, {"exp": NOW}, {"sub": "x"})
    assert len({identity.session({**first, **other}) for other in others}) == 5

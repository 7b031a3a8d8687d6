"""Who somebody is by what vouches for them: the claims of an identity token, or the headers of a trusted proxy.

Somebody's id is made of issuer and subject, which name one person for ever; the role is the highest that the lists in
`[people]` give them. Whoever nothing vouches for is a visitor, with the role that the settings give to visitors.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from ddcore.hosting.people import NOBODY, Person, person_id
from ddcore.hosting.settings import ROLES, People

PROXY = "proxy"  # the issuer of those whom a proxy names: it says none
EVERYBODY, GROUP = "*", "group:"
NAME = 80  # letters of a name that are shown
SESSION = ("iss", "sub", "aud", "iat", "exp", "nonce", "sid")  # claims that tell one sign-in from the next


def by_claims(claims: Mapping[str, Any], people: People, now: float) -> Person:
    """Whom the claims of an identity token name at this time (seconds since 1970): a visitor where they name no issuer
    or no subject, or are no longer valid. An e-mail address that the issuer calls unverified gives no role."""
    issuer, subject, email = (_text(claims.get(name)) for name in ("iss", "sub", "email"))
    if not issuer or not subject or re.search(r"\s", issuer) or not _ahead(claims.get("exp"), now):
        return visitor(people)
    if str(claims.get("email_verified", True)).lower() in ("false", "0"):
        email = ""
    return _person(issuer, subject, email, _called(claims), _groups(claims.get(people.claim)), people)


def by_headers(headers: Mapping[str, Any], people: People) -> Person:
    """Whom a trusted proxy names. headers: their values by what `server.trustedUserHeaders` calls them: `sub`, `email`,
    `name`, and the groups with commas or semicolons between them, by the name of the claim."""
    subject = _text(headers.get("sub"))
    if not subject:
        return visitor(people)
    groups = [group.strip() for group in re.split("[,;]", _text(headers.get(people.claim)))]
    return _person(PROXY, subject, _text(headers.get("email")), _called(headers), groups, people)


def visitor(people: People) -> Person:
    """Somebody who has not signed in."""
    return replace(NOBODY, role=people.visitors)


def session(claims: Mapping[str, Any]) -> str:
    """A name for one sign-in, the same in every tab of a browser."""
    return hashlib.sha256(json.dumps([claims.get(name) for name in SESSION], default=str).encode()).hexdigest()


def is_email(entry: str) -> bool:
    """Whether an entry of a role's list is an e-mail address."""
    return "@" in entry and not entry.startswith(GROUP) and not re.search(r"\s", entry)


def _person(issuer: str, subject: str, email: str, name: str, groups: Collection[str], people: People) -> Person:
    id_ = person_id(issuer, subject)
    names = {EVERYBODY, f"{issuer} {subject}", *(f"{GROUP}{group}" for group in groups if group)}
    return Person(id_, _role(names, email, people), name or email or f"person {id_[:6]}", email)


def _role(names: Collection[str], email: str, people: People) -> str:
    """The highest role that lists one of these names or this e-mail address; at least that of a visitor."""
    def lists(role: str) -> bool:
        return any(entry in names or (is_email(entry) and _same(entry, email)) for entry in getattr(people, role))

    given = (role for role in ROLES[1:] if role == people.visitors or lists(role))
    return max(given, key=ROLES.index, default=ROLES[0])


def _same(address: str, other: str) -> bool:
    """Whether two e-mail addresses are one. Capitals do not matter, but for signs that only look like a letter."""
    return address == other or (address.isascii() and other.isascii() and address.lower() == other.lower())


def _groups(claim: Any) -> list[str]:
    """The groups of a claim: a list, or one text that is one group."""
    return [_text(group) for group in (claim if isinstance(claim, list | tuple) else [claim])]


def _called(claims: Mapping[str, Any]) -> str:
    """What a person is called, in one line."""
    name = _text(claims.get("name")) or _text(claims.get("preferred_username"))
    return " ".join("".join(sign if sign.isprintable() else " " for sign in name).split())[:NAME]


def _ahead(expiry: Any, now: float) -> bool:
    return isinstance(expiry, int | float) and not isinstance(expiry, bool) and expiry > now


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""

"""What is wrong with how a hosted workbench is set up, each with the line to change: asked before its server serves.

A function of settings, options and secrets alone, so that it says the same wherever these come from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ddcore.hosting import identity
from ddcore.hosting.settings import FILE, ROLES, People, Settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SECRETS, CONFIG = ".streamlit/secrets.toml", ".streamlit/config.toml"
CALLBACK = "/oauth2callback"
AUTH = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
SECRET_LENGTH, SECRET_SIGNS = 32, 8  # the fewest characters of a secret, and different ones among them
SECRET = """what this prints: python -c 'import secrets; print(secrets.token_urlsafe(32))'"""
FIXED: Mapping[str, tuple[Any, ...]] = {  # option → what it may be; the first is what to write
    "server.enableXsrfProtection": (True,), "server.enableCORS": (True,),
    "client.toolbarMode": ("viewer", "minimal"), "client.showErrorDetails": ("none",),
}
OPTIONS = (*FIXED, "server.allowedHosts", "server.address", "server.trustedUserHeaders")


def problems(
    settings: Settings | None, options: Mapping[str, Any], auth: Mapping[str, Any] | None, *, authlib: bool
) -> list[str]:
    """A sentence for each thing that is wrong, [] where the server may serve.

    settings: None where they cannot be read, so that only what does not hang on them is looked at; options: the
    server's, of OPTIONS; auth: the section [auth] of its secrets, None without one; authlib: whether it is installed.
    """
    return [*_fixed(options), *(_of_settings(settings, options, auth, authlib) if settings else ())]


def _of_settings(
    settings: Settings, options: Mapping[str, Any], auth: Mapping[str, Any] | None, authlib: bool
) -> Iterator[str]:
    yield from _people(settings.people)
    yield from _address(settings.address)
    yield from _hosts(settings.address, options.get("server.allowedHosts") or ())
    if settings.people.sign_in == "oidc":
        yield from _oidc(settings.address, options, auth, authlib)
    else:
        yield from _headers(settings.people, options, auth)


def _fixed(options: Mapping[str, Any]) -> Iterator[str]:
    for name, allowed in FIXED.items():
        if (value := options.get(name)) not in allowed:
            yield f"{name} is {_toml(value)}. {_line(name, _toml(allowed[0]))}"


def _people(people: People) -> Iterator[str]:
    """Entries that can name nobody."""
    for role in ROLES[1:]:
        for entry in getattr(people, role):
            issuer, _, subject = entry.partition(" ")
            if not (entry == identity.EVERYBODY or identity.is_email(entry) or entry.startswith(identity.GROUP)
                    or (issuer and subject.strip())):
                yield (f'{FILE}: people.{role} names nobody by {_toml(entry)}. Write an e-mail address, "ISSUER '
                       f'SUBJECT", "{identity.GROUP}NAME" or "{identity.EVERYBODY}"')


def _address(address: str) -> Iterator[str]:
    parts = _parts(address)
    if not address:
        yield f'{FILE}: address is not given. Write above its sections: address = "https://…", as browsers name it'
    elif parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        yield f'{FILE}: address = {_toml(address)} is not one of a workbench. Write it as "https://distil.example.org"'
    elif parts.scheme == "http" and parts.hostname not in LOOPBACK:
        yield (f"{FILE}: address = {_toml(address)} sends sign-ins over the net for everybody to read. Put the "
               f'server behind a proxy with TLS and write: address = {_toml("https" + address.removeprefix("http"))}')


def _hosts(address: str, hosts: Any) -> Iterator[str]:
    host = _parts(address).hostname or ""
    lines = _line("server.allowedHosts", _toml([host])) if host else ""
    if not hosts or "*" in hosts:
        yield f"server.allowedHosts lets every host in, so that other sites may lead browsers here. {lines}".rstrip()
    elif host and not any(host == one or (one.startswith("*.") and host.endswith(one[1:]))
                          for one in (str(one).strip().lower().rstrip(".") for one in hosts)):
        yield f"server.allowedHosts lacks {_toml(host)}, the host of the address in {FILE}. {lines}"


def _oidc(address: str, options: Mapping[str, Any], auth: Mapping[str, Any] | None, authlib: bool) -> Iterator[str]:
    if options.get("server.trustedUserHeaders"):
        yield ("server.trustedUserHeaders is set, by which any visitor could name somebody else. Take it out, or write "
               f'under [people] in {FILE}: sign_in = "headers"')
    if not authlib:
        yield 'Authlib is not installed, which sign-in needs. Run: pip install -r requirements.txt'
    if auth is None:
        yield f"{SECRETS} has no section [auth]. Write one with {', '.join(AUTH[:-1])} and {AUTH[-1]}"
        return
    callback = address.rstrip("/") + CALLBACK
    for name in AUTH:
        value = auth.get(name)
        if not isinstance(value, str) or not value.strip():
            what = {"redirect_uri": _toml(callback), "cookie_secret": SECRET}.get(name, '"…"')
            yield f"{SECRETS}: [auth] lacks {name}. Write: {name} = {what}"
        elif name == "redirect_uri" and address and value != callback:
            yield f"{SECRETS}: redirect_uri is {_toml(value)}. Write: redirect_uri = {_toml(callback)}"
        elif name == "cookie_secret" and (len(value) < SECRET_LENGTH or len(set(value)) < SECRET_SIGNS):
            yield f"{SECRETS}: cookie_secret is easily guessed, by whom anybody can be. Write: cookie_secret = {SECRET}"
        elif name == "server_metadata_url" and not _is_safe(value):
            yield f"{SECRETS}: server_metadata_url is {_toml(value)}. It has to begin with https://"


def _headers(people: People, options: Mapping[str, Any], auth: Mapping[str, Any] | None) -> Iterator[str]:
    mapped = options.get("server.trustedUserHeaders") or {}
    known = set(mapped.values())
    asked = [entry for role in ROLES[1:] for entry in getattr(people, role)]
    needed = {"sub": "X-Forwarded-User"}
    if any(identity.is_email(entry) for entry in asked):
        needed["email"] = "X-Forwarded-Email"
    if any(entry.startswith(identity.GROUP) for entry in asked):
        needed[people.claim] = "X-Forwarded-Groups"
    if missing := [name for name in needed if name not in known]:
        headers = {**mapped, **{needed[name]: name for name in missing}}
        table = ", ".join(f"{header} = {_toml(name)}" for header, name in headers.items())
        yield (f"server.trustedUserHeaders names no header for {' and '.join(missing)}. "
               f"{_line('server.trustedUserHeaders', f'{{ {table} }}')}")
    if (address := options.get("server.address")) not in LOOPBACK:
        yield (f"server.address is {_toml(address)}: whoever reaches the server past the proxy could name anybody in a "
               f"header. {_line('server.address', _toml(LOOPBACK[0]))}")
    if auth is not None:
        yield f"{SECRETS} has a section [auth], so that cookies could say who somebody is, too. Take it out"


def _parts(address: str) -> SplitResult:
    """Of an address; nothing of one that is none."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _is_safe(address: str) -> bool:
    parts = _parts(address)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))


def _line(option: str, value: str) -> str:
    """Which line says it otherwise."""
    section, _, name = option.partition(".")
    return f"Write under [{section}] in {CONFIG}: {name} = {value}"


def _toml(value: Any) -> str:
    """A value as a settings file spells it."""
    return "not given" if value is None else json.dumps(value, ensure_ascii=False, default=str)

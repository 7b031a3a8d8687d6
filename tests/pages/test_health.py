"""The health answer, as the server gives it: asked of the middleware as a monitor does."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from starlette.types import Message, Receive, Scope, Send

from ddcore.hosting import people
from ddcore.hosting.people import NOBODY
from ddcore.jobs import health as engine
from pages.components.health import Health


async def _streamlit(scope: Scope, receive: Receive, send: Send) -> None:
    """What stands behind it."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def ask(path: str = "/health", method: str = "GET", kind: str = "http") -> tuple[int, Any]:
    """(status, what was told)"""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    asyncio.run(Health(_streamlit)({"type": kind, "path": path, "method": method}, receive, send))
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(body) if body else None


@pytest.fixture
def fresh(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(engine, "FRESH_SECONDS", 0.0)
    return home


def test_a_monitor_that_has_not_signed_in_is_told(fresh: Path) -> None:
    (fresh / "hosting.toml").write_text("")
    people.found_by(lambda: NOBODY)
    try:
        status, told = ask()
    finally:
        people.found_by(None)
    assert (status, told["status"], told["queue"]["waiting"]) == (200, "ok", 0)


def test_it_answers_503_with_the_reason(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LEAST_FREE", 1e18)
    status, told = ask()
    assert (status, told["status"]) == (503, "failing")
    assert told["problems"][0].startswith("The disk is nearly full")


@pytest.mark.parametrize(("path", "method", "kind"), [
    ("/healthy", "GET", "http"), ("/_stcore/health", "GET", "http"), ("/DM/health", "GET", "http"),
    ("/health", "POST", "http"), ("/health", "GET", "websocket")])
def test_everything_else_goes_to_streamlit(fresh: Path, path: str, method: str, kind: str) -> None:
    assert ask(path, method, kind) == (204, None)


def test_below_another_address_it_is_below_that(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    option = st.get_option
    monkeypatch.setattr(st, "get_option", lambda name: "/lab/" if name == "server.baseUrlPath" else option(name))
    assert ask("/lab/health")[0] == 200
    assert ask("/health")[0] == 204

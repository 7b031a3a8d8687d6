"""The health answer for monitors, at the address `health` of the server: 200, or 503 with the reasons."""

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ddcore.jobs.health import health


class Health:
    """The middleware in front of Streamlit that answers monitors, whoever they are: no sign-in, no session."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != address() or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        told = await run_in_threadpool(health)
        headers = {"Cache-Control": "no-store"}
        await JSONResponse(told, 200 if told["status"] == "ok" else 503, headers)(scope, receive, send)


def address() -> str:
    """Where the server answers."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}/health" if base else "/health"

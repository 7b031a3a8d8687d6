"""What the server answers to those who come by a name that is not its own."""

from __future__ import annotations

from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import Server

pytestmark = pytest.mark.browser
UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}


def asked(server: Server, name: str) -> int:
    """The status with which a page's connection is answered whose browser took `name` for this server's."""
    port = urlsplit(server.url).port
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    there = f"{name}:{port}"
    connection.request("GET", "/_stcore/stream", headers={**UPGRADE, "Host": there, "Origin": f"http://{there}"})
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_site_that_leads_browsers_here_under_its_own_name_is_refused(server: Server) -> None:
    assert [asked(server, name) for name in ("localhost", "127.0.0.1", "rebound.example")] == [101, 101, 403]

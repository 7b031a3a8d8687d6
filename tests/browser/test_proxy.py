"""The hosted workbench as deploy/ starts it, behind a real Caddy with deploy/Caddyfile."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ddcore.home import PROJECT
from tests.browser.conftest import free_port

pytestmark = [
    pytest.mark.slow,  # a server of its own behind a proxy, for half a minute
    pytest.mark.skipif(shutil.which("caddy") is None, reason="needs Caddy, the proxy before the server"),
]
FORGED = {"X-Forwarded-Email": "admin@example.org", "X-Forwarded-User": "admin", "X-Forwarded-Groups": "admins",
          "X-Auth-Request-Email": "admin@example.org", "Remote-User": "admin", "X-Remote-User": "admin",
          "X-Authentik-Username": "admin", "X-MS-Client-Principal-Name": "admin", "Shib-Identity-Provider": "x"}
TRUSTING = ssl.create_default_context()
TRUSTING.check_hostname, TRUSTING.verify_mode = False, ssl.CERT_NONE  # the certificate is Caddy's own


def get(url: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body)."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=10,
                                    context=TRUSTING if url.startswith("https") else None) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, f"it ended with {process.returncode}"
        try:
            if get(url)[0] == 200:
                return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")


@contextmanager
def caddy(upstream: int, folder: Path) -> Iterator[str]:
    """The address of a Caddy before this port, with a certificate of its own making."""
    port = free_port()
    address = f"https://localhost:{port}"
    options = f"admin off\n skip_install_trust\n local_certs\n auto_https disable_redirects\n http_port {free_port()}\n"
    config = folder / "Caddyfile"
    options += f" storage file_system {folder}/certificates\n"
    config.write_text(f"{{\n {options}}}\nimport {PROJECT}/deploy/Caddyfile\n")
    environment = {**os.environ, "WORKBENCH_ADDRESS": address, "WORKBENCH_UPSTREAM": f"127.0.0.1:{upstream}",
                   "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    command = ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until_it_answers(f"{address}/_stcore/health", process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def image(folder: Path) -> Path:
    """The folder /app of deploy/Dockerfile's image, as its COPY lines make it, without a container."""
    app = folder / "app"
    lines = (PROJECT / "deploy" / "Dockerfile").read_text().splitlines()
    for _, source, target in (line.split() for line in lines if line.startswith("COPY ")):
        place = app / target / Path(source).name if target.endswith("/") else app / target
        place = app / source if target == "." else place
        place.parent.mkdir(parents=True, exist_ok=True)
        if (PROJECT / source).is_dir():
            shutil.copytree(PROJECT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(PROJECT / source, place)
    return app


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the headers of the request."""

    def do_GET(self) -> None:
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_headers_that_say_who_somebody_is_do_not_come_through(tmp_path: Path) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with caddy(server.server_port, tmp_path) as address:
        arrived = {name.lower(): value for name, value in json.loads(get(f"{address}/", FORGED)[2]).items()}
        control = {name.lower() for name in json.loads(get(f"http://127.0.0.1:{server.server_port}/", FORGED)[2])}
    server.shutdown()
    assert control >= {name.lower() for name in FORGED}
    assert not arrived.keys() & {name.lower() for name in FORGED}
    assert arrived["host"] == address.removeprefix("https://")


def test_what_the_image_holds_is_used_through_the_proxy_and_the_servers_counters_are_not(
    tmp_path: Path, chromium: Any
) -> None:
    port = free_port()
    environment = {**os.environ, "DDCORE_HOME": str(tmp_path / "home"), "WORKBENCH_HOST": "localhost",
                   "WORKBENCH_PORT": str(port), "WORKBENCH_PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([image(tmp_path) / "deploy" / "start"], env=environment, stdout=subprocess.DEVNULL)
    try:
        until_it_answers(f"http://127.0.0.1:{port}/_stcore/health", process)
        with caddy(port, tmp_path) as address:
            context = chromium.new_context(ignore_https_errors=True)
            page = context.new_page()
            page.goto(address)
            page.get_by_role("heading", name="Dataset distillation").first.wait_for(timeout=60_000)
            page.goto(f"{address}/Docs")
            page.get_by_text("Page of the docs").first.wait_for(timeout=60_000)
            status, headers, _ = get(address)
            assert status == 200
            assert headers["X-Frame-Options"] == "DENY"
            assert "Server" not in headers
            assert get(f"{address}/_stcore/metrics")[0] == 404
            assert get(f"http://127.0.0.1:{port}/_stcore/metrics")[0] == 200, "what the proxy keeps back is there"
            page.goto("about:blank")
            context.close()
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_it_does_not_start_without_the_host_of_its_address() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "WORKBENCH_HOST"}
    done = subprocess.run([PROJECT / "deploy" / "start"], env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert "workbench.example.org" in done.stderr

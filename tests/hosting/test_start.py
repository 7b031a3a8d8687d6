"""A server that is not set up for visitors does not begin to serve."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ddcore.home import PROJECT

pytestmark = pytest.mark.slow  # a real server, for some seconds


def test_a_server_that_is_not_set_up_ends_with_every_line_to_change(tmp_path: Path) -> None:
    (tmp_path / "hosting.toml").write_text('[people]\nvisitors = "student"\n[quota]\ndisk = 3\n')
    environment = {**os.environ, "DDCORE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true",
               "--server.enableCORS=false", "--server.port=0"]

    def start() -> str:
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        return done.stderr

    words = start()
    for line in ("people.visitors must be one of none, viewer, got 'student'", "there is no setting quota.disk",
                 "enableCORS = true", 'showErrorDetails = "none"'):
        assert line in words
    (tmp_path / "hosting.toml").write_text("")
    words = start()
    for line in ("address is not given", ".streamlit/secrets.toml has no section [auth]", "enableCORS = true"):
        assert line in words

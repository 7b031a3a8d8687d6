"""The files in deploy/ as far as they can be checked where nothing is deployed."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from ddcore.home import PROJECT
from ddcore.hosting.settings import settings

DEPLOY = PROJECT / "deploy"


def test_the_example_of_settings_is_taken_as_it_stands(home: Path) -> None:
    shutil.copy(DEPLOY / "hosting.example.toml", home / "hosting.toml")
    taken = settings()
    assert taken is not None
    assert taken.people.teacher == ("group:dd-staff",)
    assert taken.queue.slice_minutes == 10


def test_the_example_of_secrets_holds_none_and_names_what_the_sign_in_needs() -> None:
    auth = tomllib.loads((DEPLOY / "secrets.example.toml").read_text())["auth"]
    assert set(auth) >= {"redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url"}
    assert not auth["cookie_secret"] + auth["client_id"] + auth["client_secret"]


def test_the_image_runs_as_nobody_special_and_takes_files_that_are_there() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY ")]
    assert copied
    assert [one for one in copied if not (PROJECT / one).exists()] == []
    assert [line.split()[1] for line in lines if line.startswith("USER ")] == ["workbench"]


def test_only_the_proxy_is_reached_from_outside() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["caddy"]
    assert (DEPLOY / services["workbench"]["build"]["context"] / services["workbench"]["build"]["dockerfile"]).exists()
    mounted = [volume.split(":")[0] for service in services.values() for volume in service["volumes"]]
    assert {one for one in mounted if one.startswith("./") and not (DEPLOY / one).exists()} == set()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze, which checks units")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    unit = (DEPLOY / "workbench.service").read_text().replace("/opt/workbench", str(PROJECT))
    (tmp_path / "workbench.service").write_text(unit)
    command = ["systemd-analyze", "verify", tmp_path / "workbench.service"]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert "workbench.service" not in checked.stderr


@pytest.mark.skipif(shutil.which("caddy") is None, reason="needs Caddy, which checks its file")
def test_caddy_finds_nothing_wrong_with_its_file() -> None:
    command = ["caddy", "validate", "--config", DEPLOY / "Caddyfile", "--adapter", "caddyfile"]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr

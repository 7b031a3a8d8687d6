"""What is registered from outside: modules that are there, and what is said of those that are not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ddcore.errors import DDCoreError
from ddcore.home import PROJECT
from ddcore.registry import Registry


def registry() -> Registry[object]:
    return Registry("method", "ddcore.methods", "METHOD")


@pytest.mark.parametrize("name", ["logitz", "logitz.more"])
def test_a_plugin_that_is_not_there_is_named_with_the_variable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("DDCORE_PLUGINS", name)
    with pytest.raises(DDCoreError, match=f"DDCORE_PLUGINS names '{name}', but there is no such module"):
        registry().known()


def test_what_a_plugin_lacks_itself_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "lacking.py").write_text("import quite_unknown", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DDCORE_PLUGINS", "lacking")
    with pytest.raises(ModuleNotFoundError, match="quite_unknown"):
        registry().known()


def test_the_command_line_says_it_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDCORE_PLUGINS", "logitz")
    done = subprocess.run([sys.executable, "-m", "ddcore", "list"], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: DDCORE_PLUGINS names 'logitz'")
    assert "Traceback" not in done.stderr

"""A console whose encoding has not all signs: what it cannot show is written in ASCII, never a traceback."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from brought import folders, written

from ddcore.cli import console
from ddcore.home import PROJECT


@pytest.mark.parametrize(("words", "shown"), [
    ("91.2 ± 0.4 % · café", "91.2 ± 0.4 % · café"),
    ("λ 0.1 → η_S ≤ 3", "lambda 0.1 -> eta_S <= 3"),
    ("Ω ∞ Ł −1", "Omega inf \\u0141 -1"),
    ("猫 and 狗 🐕", "\\u732b and \\u72d7 \\U0001f415"),
])
def test_what_an_encoding_lacks_is_written_in_ascii(words, shown, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", stream)
    console.show_any_sign()
    stream.write(words)
    stream.flush()
    assert stream.buffer.getvalue().decode("cp1252") == shown


def test_classes_of_any_script_are_told_on_any_console(tmp_path: Path) -> None:
    folder = written(folders(4, 0, ("猫", "狗")), tmp_path / "动物")
    told = subprocess.run(
        [sys.executable, "-m", "ddcore", "data", "check", str(folder)], cwd=PROJECT, capture_output=True, check=False,
        env={**os.environ, "PYTHONIOENCODING": "cp1252", "DDCORE_HOME": str(tmp_path / "home")},
    )
    assert (told.returncode, told.stderr) == (0, b"")
    assert "\\u72d7 4, \\u732b 4" in told.stdout.decode("cp1252")

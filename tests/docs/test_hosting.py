"""docs/hosting.md tells every setting and every right as they are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from fenced import DOCS, blocks

from ddcore.hosting import checks
from ddcore.hosting.rights import RIGHTS
from ddcore.hosting.settings import Settings
from tests.hosting.test_checks import HEADERS, of_headers

PAGE = DOCS / "hosting.md"


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below the line that begins with these words."""
    text = PAGE.read_text("utf-8").partition(f"\n{heading}")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines()
            if line.startswith("| ")]


def defaults(of: Any = Settings, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for one in fields(of):
        if is_dataclass(one.default):
            yield from defaults(type(one.default), f"{prefix}{one.name}.")
        else:
            yield f"{prefix}{one.name}", one.default


def test_every_setting_stands_there_with_its_default() -> None:
    told = {name.strip("`"): tomllib.loads(f"x = {default.strip('`')}")["x"]
            for name, default, _ in rows("| setting | default |")}
    assert told == {name: list(value) if isinstance(value, tuple) else value for name, value in defaults()}


def test_the_table_of_rights_is_the_one_that_is_asked() -> None:
    assert {deed: scopes for deed, *scopes in rows("| deed | viewer |")} == {
        deed: list(by.values()) for deed, by in RIGHTS.items()}


def test_the_headers_of_the_example_let_a_server_start() -> None:
    (example,) = blocks(PAGE, "toml")
    server = tomllib.loads(example)["server"]
    assert of_headers(HEADERS, **{f"server.{name}": value for name, value in server.items()}) == []


def test_all_options_and_secrets_that_are_looked_at_are_named() -> None:
    named = set(re.findall(r"`([\w.]+)`", PAGE.read_text("utf-8")))
    assert {*checks.FIXED, "server.allowedHosts", *checks.AUTH} <= named

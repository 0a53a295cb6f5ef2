"""What must hold of every file that is sent to a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.servers import ROOT

PAGES = sorted((ROOT / "web" / "templates").glob("*.html"))
SCRIPTS = sorted((ROOT / "web" / "static").rglob("*.js"))
SHEETS = sorted((ROOT / "web" / "static").glob("*.css"))
# Ways by which text from a database could become markup or code.
UNSAFE = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")
INLINE = re.compile(r"\sstyle=|\son[a-z]+=\"|<style|<script(?![^>]*\ssrc=)|javascript:")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_only_ever_write_text(path: Path) -> None:
    assert UNSAFE.findall(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_hold_no_inline_script_or_style(path: Path) -> None:
    assert INLINE.findall(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", [*SCRIPTS, *SHEETS, *PAGES], ids=lambda path: path.name)
def test_everything_comes_from_this_server(path: Path) -> None:
    found = set(re.findall(r"https?://[^\s'\"`)]+", path.read_text("utf-8")))
    assert found <= {"http://www.w3.org/2000/svg"}


def test_colours_are_named_in_one_place() -> None:
    for path in SHEETS:
        if path.name != "tokens.css":
            assert re.findall(r"#[0-9a-f]{3,8}\b", path.read_text("utf-8")) == [], path.name

"""Databases that are made once, opened the fast way and the careful way."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from exporter.sources.sqlite import MarketDatabase
from tests import makers

Opener = Callable[[Path], MarketDatabase]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample database."""
    return makers.settle(makers.sample_database(tmp_path_factory.mktemp("sample")))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One contract of each kind."""
    return makers.settle(makers.tiny_database(tmp_path_factory.mktemp("tiny") / "tiny.db"))


@pytest.fixture(scope="session", params=["new", "old", "loose"])
def odd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything strange that can still be read, in three generations of the schema."""
    path = tmp_path_factory.mktemp(request.param) / "odd.db"
    if request.param == "loose":
        return makers.settle(makers.loose_database(path))
    return makers.settle(makers.odd_database(path, old=request.param == "old"))


@pytest.fixture(params=["fast", "careful"])
async def opened(request: pytest.FixtureRequest) -> AsyncIterator[Opener]:
    """Opens databases in either way, and closes them."""
    databases: list[MarketDatabase] = []

    def opener(path: Path) -> MarketDatabase:
        databases.append(MarketDatabase(path, readers=2, careful=request.param == "careful"))
        return databases[-1]

    yield opener
    for database in databases:
        await database.close()


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Kolkata"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The server's own time zone."""
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    if before is None:
        monkeypatch.delenv("TZ")
    else:
        monkeypatch.setenv("TZ", before)
    time.tzset()

"""What several suites stand on: the sample database, and servers inside this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.app import create_app
from server.settings import SETTINGS, Settings
from tests import makers

AiohttpClient = Callable[..., Any]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample database."""
    return makers.sample_database(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose export takes seconds."""
    return makers.slow_database(tmp_path_factory.mktemp("slow") / "slow.db")


def make_settings(folder: Path, database: Path, **changed: Any) -> Settings:
    """Settings for a server of a test; `changed` by name."""
    values = {one.name: one.read(one.default) for one in SETTINGS}
    values |= {
        "db": database, "exports": folder / "exports", "tasks": folder / "tasks.db",
        "port": 0, "max_exports": 2, "readers": 2, "keep_free": 0, "memory_limit": 0,
    }  # fmt: skip
    return Settings(**(values | changed))


@pytest.fixture
def settings(tmp_path: Path, sample: Path) -> Settings:
    return make_settings(tmp_path, sample)


@pytest.fixture
async def client(aiohttp_client: AiohttpClient, settings: Settings) -> TestClient[Any, Any]:
    """A server over the sample database, and a client of it."""
    opened: TestClient[Any, Any] = await aiohttp_client(create_app(settings))
    return opened

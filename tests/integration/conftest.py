"""Every JSON answer of these tests is held against the OpenAPI document of its server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from tests.conftest import AiohttpClient
from tests.documented import Judge


@pytest.fixture
def judge() -> Iterator[Judge]:
    """What the servers of this test answered that their document does not say."""
    found = Judge()
    yield found
    assert found.wrong == []


@pytest.fixture
def aiohttp_client(aiohttp_client: AiohttpClient, judge: Judge) -> AiohttpClient:
    """The plugin's own, with the judge listening."""

    async def opened(app: web.Application, **how: Any) -> Any:
        judge.watch(app)
        return await aiohttp_client(app, **how)

    return opened

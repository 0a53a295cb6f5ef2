"""`GET /api/export/stream`: a CSV without a task, at the reader's pace, whole or broken."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientPayloadError
from aiohttp.test_utils import TestServer

from exporter.spec import SEPARATOR
from server.app import create_app
from server.context import CONTEXT
from server.handlers import streams
from server.settings import Settings
from tests import makers
from tests.conftest import AiohttpClient, make_settings
from tests.integration.calls import (
    BANK,
    NIFTY,
    SENSEX,
    Client,
    everything,
    finished,
    refused,
    start,
)

STREAM = "/api/export/stream"


def address(body: dict[str, Any], **options: str) -> str:
    """The stream's address for the body of a start call."""
    pairs = [("instruments", key) for key in body["instruments"]]
    pairs += [("expiries", f"{key}{SEPARATOR}{day}") for key, days in body["expiries"].items()
              for day in days]  # fmt: skip
    return f"{STREAM}?{urlencode([*pairs, *options.items()])}"


OPTIONS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {}),
    ({"include_metadata": True, "excel": True}, {"include_metadata": "true", "excel": "true"}),
    ({"include_openalgo": False, "time_range": "7d"},
     {"include_openalgo": "false", "time_range": "7d"}),
    ({"columns": ["close", {"name": "epoch_s", "as": "t"}], "delimiter": "tab", "decimals": 3},
     {"columns": "close,epoch_s=t", "delimiter": "tab", "decimals": "3"}),
    ({"option_types": ["CE", "FUT"], "strike_from": 22500.5, "min_volume": 10},
     {"option_types": "CE,FUT", "strike_from": "22500.5", "min_volume": "10"}),
    ({"from_date": "2040-01-01"}, {"from_date": "2040-01-01"}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "texts"), OPTIONS)
async def test_a_stream_is_the_bytes_of_the_task(
    options: dict[str, Any], texts: dict[str, str], client: Client
) -> None:
    body = await everything(client, NIFTY, BANK, SENSEX, **options)
    task = await finished(client, await start(client, body))
    assert task["status"] == "completed", task["error"]
    wanted = await (await client.get(task["download_url"])).read()
    answer = await client.get(address(body, **texts))
    assert answer.status == 200
    assert await answer.read() == wanted
    assert answer.headers["Content-Type"] == "text/csv"
    assert answer.headers["Transfer-Encoding"] == "chunked"
    name = answer.headers["Content-Disposition"].partition('filename="')[2].rstrip('"')
    stem = "OpenAlgo_ExpiryTrack_All_" if options.get("include_openalgo", True) else "ExpiryTrack_"
    assert name.startswith(stem)
    assert name.endswith(".csv")
    head = await client.head(address(body, **texts))
    assert (head.status, await head.read()) == (200, b"")
    assert head.headers["Content-Type"] == "text/csv"
    assert "filename=" in head.headers["Content-Disposition"]


async def test_expiries_by_a_rule_and_instruments_by_their_expiries(client: Client) -> None:
    body = await everything(client, NIFTY)
    whole = await (await client.get(address(body))).read()
    last = body["expiries"][NIFTY][0]
    newest = await (await client.get(STREAM, params={"instruments": NIFTY, "last": "1"})).read()
    assert len(newest) < len(whole)
    for query in (
        {"expiries": f"{NIFTY}{SEPARATOR}{last}"},
        {"instruments": NIFTY, "from": last, "to": last},
    ):
        assert await (await client.get(STREAM, params=query)).read() == newest


@pytest.mark.parametrize(
    "query",
    [
        "",
        "instruments=NSE|Nobody&last=1",
        f"instruments={NIFTY}",
        f"instruments={NIFTY}&last=0",
        f"instruments={NIFTY}&last=x",
        f"instruments={NIFTY}&last=1&last=2",
        f"instruments={NIFTY}&last=1&expiries={NIFTY}~~~2025-09-16",
        f"instruments={NIFTY}&last=1&days=3",
        f"expiries={NIFTY}~~~2031-01-01",
        f"instruments={NIFTY}&last=1&excel=yes",
        f"instruments={NIFTY}&last=1&decimals=9",
        f"instruments={NIFTY}&last=1&columns=close,close",
        f"instruments={NIFTY}&last=1&compression=gzip",
        f"instruments={NIFTY}&last=1&separate_files=true",
        f"instruments={NIFTY}&last=1&format=csv",
    ],
)
async def test_what_is_wrong_is_refused_before_the_first_byte(query: str, client: Client) -> None:
    await refused(await client.get(f"{STREAM}?{query}"), 400, "bad_input")


async def test_more_rows_than_allowed(
    aiohttp_client: AiohttpClient, tmp_path: Path, sample: Path
) -> None:
    client = await aiohttp_client(create_app(make_settings(tmp_path, sample, max_rows=10)))
    body = await everything(client, NIFTY)
    await refused(await client.get(address(body)), 422, "too_many_rows")


async def test_a_stream_takes_a_place_of_the_exports(
    aiohttp_client: AiohttpClient, tmp_path: Path, slow: Path
) -> None:
    """The place is free again when it is over, and when its reader has left."""
    client = await aiohttp_client(create_app(make_settings(tmp_path, slow, max_exports=1)))
    wanted = address(await everything(client, NIFTY))
    first = await client.get(wanted)
    answer = await client.get(wanted)
    await refused(answer, 429, "busy")
    assert int(answer.headers["Retry-After"]) > 0
    task_id = await start(client, await everything(client, NIFTY, from_date="2040-01-01"))
    first.close()
    assert (await finished(client, task_id))["status"] == "completed"
    second = await client.get(wanted)
    assert second.status == 200
    second.close()


async def test_a_reader_who_stops_reading_stops_the_reading(
    aiohttp_client: AiohttpClient, tmp_path: Path, slow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands between the database and a reader who reads nothing is bounded."""
    app = create_app(make_settings(tmp_path, slow))
    client = await aiohttp_client(app)
    wanted = address(await everything(client, NIFTY))
    written = 0
    stalled = asyncio.Event()
    send = streams._Sending._write

    async def counted(self: Any, data: bytes) -> None:
        nonlocal written
        written += len(data)
        sending = asyncio.ensure_future(send(self, data))
        done, _ = await asyncio.wait({sending}, timeout=0.5)
        if not done:
            stalled.set()
        await sending

    monkeypatch.setattr(streams._Sending, "_write", counted)
    server: TestServer = client.server
    _, writer = await asyncio.open_connection(server.host, server.port, limit=1024)
    writer.write(f"GET {wanted} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n\r\n".encode())
    await stalled.wait()
    before = written
    pool = app[CONTEXT].database._pool
    assert before < 16 * 1024 * 1024
    writer.transport.abort()
    await pool.uncrowded()
    assert written == before


async def test_no_query_runs_on_for_who_has_left(
    aiohttp_client: AiohttpClient, tmp_path: Path, slow: Path
) -> None:
    """Every connection to the database is given back."""
    app = create_app(make_settings(tmp_path, slow, max_exports=1, readers=2))
    client = await aiohttp_client(app)
    wanted = address(await everything(client, NIFTY))
    for _ in range(3):
        answer = await client.get(wanted)
        assert answer.status == 200
        await answer.content.readany()
        answer.close()
        # The next one waits for nothing but the place and the connections.
        while (again := await client.get(f"{wanted}&from_date=2040-01-01")).status == 429:
            await again.release()
        assert (await again.text()).count("\n") == 1
    pool = app[CONTEXT].database._pool
    await pool.uncrowded()


async def test_a_failure_after_the_first_byte_breaks_the_stream(
    aiohttp_client: AiohttpClient, tmp_path: Path, slow: Path
) -> None:
    """A candle in the last contract that cannot be read: the client never takes it for whole."""
    path = tmp_path / "bad.db"
    with closing(sqlite3.connect(slow)) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
        (key,) = copy.execute(
            "SELECT expired_instrument_key FROM contracts WHERE instrument_key=?"
            " ORDER BY expiry_date DESC, strike_price DESC, contract_type DESC LIMIT 1",
            (makers.NIFTY,),
        ).fetchone()
        copy.execute(
            "UPDATE historical_data SET close='nobody knows' WHERE rowid=(SELECT max(rowid)"
            " FROM historical_data WHERE expired_instrument_key=?)",
            (key,),
        )
        copy.commit()
    client = await aiohttp_client(create_app(make_settings(tmp_path, path)))
    answer = await client.get(address(await everything(client, NIFTY)))
    assert answer.status == 200
    with pytest.raises(ClientPayloadError):
        await answer.read()
    assert (await client.get("/api/health")).status == 200


async def test_the_door_holds_for_streams_too(
    aiohttp_client: AiohttpClient, settings: Settings
) -> None:
    client = await aiohttp_client(create_app(settings, token="a-token-for-the-test"))
    wanted = f"{STREAM}?instruments={SENSEX}&last=1"
    await refused(await client.get(wanted), 401, "unauthorized")
    known = {"Authorization": "Bearer a-token-for-the-test"}
    assert (await client.get(wanted, headers=known)).status == 200
    foreign = known | {"Origin": "https://elsewhere.example"}
    await refused(await client.get(wanted, headers=foreign), 403, "forbidden")

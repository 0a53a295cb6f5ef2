"""Options over HTTP: what is offered, and a compressed file as it is handed out."""

from __future__ import annotations

import gzip
from hashlib import sha256

import pytest

from exporter.columns import COLUMNS
from exporter.options import OPTIONS
from tests.integration.calls import NIFTY, Client, everything, finished, start


async def test_what_can_be_asked_for(client: Client) -> None:
    answer = await client.get("/api/options")
    assert answer.status == 200
    offered = await answer.json()
    assert [one["name"] for one in offered["options"]] == [one.name for one in OPTIONS]
    assert {one["name"]: one["numeric"] for one in offered["columns"]} == {
        name: one.numeric for name, one in COLUMNS.items()
    }
    assert {"csv", "json", "zip"} <= {one["name"] for one in offered["formats"]}


@pytest.mark.parametrize(
    ("compression", "ending", "media"),
    [("gzip", ".csv.gz", "application/gzip"), ("zstd", ".csv.zst", "application/zstd")],
)
async def test_a_compressed_file_is_handed_out_as_it_is(
    compression: str, ending: str, media: str, client: Client
) -> None:
    body = await everything(client, NIFTY, compression=compression)
    task = await finished(client, await start(client, body))
    assert task["file_path"].endswith(ending)
    answer = await client.get(task["download_url"], headers={"Accept-Encoding": "gzip, zstd"})
    content = await answer.read()
    assert answer.headers["Content-Type"] == media
    assert "Content-Encoding" not in answer.headers
    assert f'{ending}"' in answer.headers["Content-Disposition"]
    assert (len(content), sha256(content).hexdigest()) == (task["size"], task["sha256"])
    if compression == "gzip":
        assert gzip.decompress(content).count(b"\n") == task["rows_done"] + 1


async def test_filters_and_the_money_are_said_before_and_after(client: Client) -> None:
    body = await everything(client, NIFTY, format="json", strikes_around=1, min_volume=1)
    preview = await (await client.post("/api/export/preview", json=body)).json()
    assert not preview["exact"]
    assert any("rows are filtered" in warning for warning in preview["warnings"])
    task = await finished(client, await start(client, body))
    document = await (await client.get(task["download_url"])).json(content_type=None)
    for money in document["metadata"]["money"]:
        assert set(money) == {"instrument", "expiry", "value", "method"}
        assert money["method"] in {"future", "parity"}
        strikes = {one["strike"] for one in document["data"]["Nifty_50"][money["expiry"]]}
        assert 1 <= len(strikes - {None}) <= 3

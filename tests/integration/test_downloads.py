"""Downloads: ranges, conditions, names, and what must never leave the exports folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from server.handlers.downloads import disposition
from server.settings import Settings
from tests.integration.calls import SENSEX, Client, everything, finished, refused, start


@pytest.fixture
async def done(client: Client) -> tuple[Any, bytes]:
    """A completed task with its bytes."""
    task = await finished(client, await start(client, await everything(client)))
    answer = await client.get(task["download_url"])
    return task, await answer.read()


RANGES: dict[str, tuple[str, Any]] = {
    "first": ("bytes=0-0", (0, 1)),
    "some": ("bytes=100-199", (100, 200)),
    "beyond the first block": ("bytes=10-100000", (10, 100001)),
    "to the end": ("bytes=500-", (500, None)),
    "suffix": ("bytes=-300", (-300, None)),
    "suffix longer than the file": ("bytes=-999999999999", (0, None)),
    "end beyond the file": ("bytes=5-999999999999", (5, None)),
    "everything": ("bytes=0-", (0, None)),
    "spaces": (" bytes=0-0 ", (0, 1)),
}
WHOLE = [
    "bytes=0-1,5-9", "bytes=9-5", "bytes=-", "bytes=", "bytes=a-b", "lines=0-5", "0-5",
    "bytes=0-1; x", "bytes=--5", "bytes=1-2-3", "bytes=\u0661-\u0662".encode().decode("latin-1"),
    "bytes=99999999999999999999999999-",
]  # fmt: skip


@pytest.mark.parametrize(("text", "part"), RANGES.values(), ids=RANGES)
async def test_one_range(text: str, part: Any, client: Client, done: tuple[Any, bytes]) -> None:
    task, content = done
    answer = await client.get(task["download_url"], headers={"Range": text})
    wanted = content[slice(*part)]
    assert answer.status == 206
    assert await answer.read() == wanted
    start_at = content.index(wanted) if part[0] < 0 else part[0]
    assert answer.headers["Content-Range"] == (
        f"bytes {start_at}-{start_at + len(wanted) - 1}/{len(content)}"
    )
    assert answer.headers["ETag"] == f'"{task["sha256"]}"'


@pytest.mark.parametrize("text", WHOLE)
async def test_no_usable_range_means_the_whole_file(
    text: str, client: Client, done: tuple[Any, bytes]
) -> None:
    answer = await client.get(done[0]["download_url"], headers={"Range": text})
    assert answer.status == 200
    assert "Content-Range" not in answer.headers
    assert await answer.read() == done[1]


async def test_a_range_outside_of_the_file(client: Client, done: tuple[Any, bytes]) -> None:
    task, content = done
    for text in (f"bytes={len(content)}-", "bytes=999999999999-", "bytes=-0"):
        answer = await client.get(task["download_url"], headers={"Range": text})
        await refused(answer, 416, "range")
        assert answer.headers["Content-Range"] == f"bytes */{len(content)}"


async def test_if_range_never_mixes_two_files(client: Client, done: tuple[Any, bytes]) -> None:
    task, content = done
    tag = f'"{task["sha256"]}"'
    for condition, status in [
        (tag, 206), (f"W/{tag}", 200), ('"another"', 200), (tag.strip('"'), 200),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 200), ("", 200),
    ]:  # fmt: skip
        headers = {"Range": "bytes=7-", "If-Range": condition}
        answer = await client.get(task["download_url"], headers=headers)
        assert answer.status == status, condition
        assert await answer.read() == (content[7:] if status == 206 else content)


async def test_conditions(client: Client, done: tuple[Any, bytes]) -> None:
    task, content = done
    tag = f'"{task["sha256"]}"'
    for value, status in [
        (tag, 304),
        (f"W/{tag}", 304),
        ("*", 304),
        (f'"x", {tag}', 304),
        ('"x"', 200),
    ]:
        answer = await client.get(task["download_url"], headers={"If-None-Match": value})
        assert answer.status == status
        assert answer.headers["ETag"] == tag
        assert await answer.read() == (b"" if status == 304 else content)
    for value, status in [(tag, 200), ("*", 200), ('"x"', 412), (f"W/{tag}", 412)]:
        answer = await client.get(task["download_url"], headers={"If-Match": value})
        assert answer.status == status, value


async def test_head_tells_everything_but_the_bytes(client: Client, done: tuple[Any, bytes]) -> None:
    task, content = done
    answer = await client.head(task["download_url"])
    assert answer.status == 200
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["Content-Type"] == "text/csv"
    assert await answer.read() == b""


async def test_a_file_beside_it_is_never_served(
    client: Client, done: tuple[Any, bytes], settings: Settings
) -> None:
    """Neither a packed twin nor anything else that lies in the folder."""
    task, content = done
    path = settings.exports / task["file_path"]
    path.with_name(path.name + ".gz").write_bytes(b"other")
    path.with_name(path.name + ".br").write_bytes(b"other")
    answer = await client.get(task["download_url"], headers={"Accept-Encoding": "gzip, br"})
    assert await answer.read() == content
    assert "Content-Encoding" not in answer.headers
    for address in (f"/exports/{task['file_path']}", f"/{task['file_path']}", "/exports/",
                    f"{task['download_url']}/x.csv", "/static/../exports/"):  # fmt: skip
        assert (await client.get(address)).status == 404


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need rights on Windows")
@pytest.mark.parametrize("what", ["file", "folder"])
async def test_symbolic_links_are_refused(
    what: str, client: Client, done: tuple[Any, bytes], settings: Settings, tmp_path: Path
) -> None:
    task, content = done
    secret = tmp_path / "secret"
    path = settings.exports / task["file_path"]
    if what == "file":
        secret.write_bytes(content)
        path.unlink()
        path.symlink_to(secret)
    else:
        path.parent.rename(secret)
        path.parent.symlink_to(secret)
    await refused(await client.get(task["download_url"]), 410, "gone")
    await client.delete(f"/api/export/tasks/{task['task_id']}")
    assert secret.exists()


@pytest.mark.parametrize("change", ["missing", "longer", "shorter", "a folder"])
async def test_a_file_that_is_not_what_was_written_is_not_served(
    change: str, client: Client, done: tuple[Any, bytes], settings: Settings
) -> None:
    task, content = done
    path = settings.exports / task["file_path"]
    path.unlink()
    if change == "longer":
        path.write_bytes(content + b"x")
    elif change == "shorter":
        path.write_bytes(content[:-1])
    elif change == "a folder":
        path.mkdir()
    await refused(await client.get(task["download_url"]), 410, "gone")


async def test_an_open_download_outlives_the_delete(client: Client) -> None:
    task = await finished(client, await start(client, await everything(client, SENSEX)))
    answer = await client.get(task["download_url"])
    await client.delete(f"/api/export/tasks/{task['task_id']}")
    assert len(await answer.read()) == task["size"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("a.csv", 'attachment; filename="a.csv"'),
        ('a"b\\c.csv', "attachment; filename=\"a_b_c.csv\"; filename*=UTF-8''a%22b%5Cc.csv"),
        ("a\r\nX: y", "attachment; filename=\"a__X: y\"; filename*=UTF-8''a%0D%0AX%3A%20y"),
        ("₹.csv", "attachment; filename=\"_.csv\"; filename*=UTF-8''%E2%82%B9.csv"),
    ],
)
def test_names_are_safe_in_headers(name: str, wanted: str) -> None:
    assert disposition(name) == wanted

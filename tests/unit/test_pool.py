"""When a database may be read without locks, and what the reading threads are to the machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

from exporter.errors import ExportError
from exporter.sources.pool import Pool
from tests import makers


async def test_want_of_descriptors_is_not_an_unwritable_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite says "cannot open" for both; only one of them may be answered with immutable=1."""
    path = makers.tiny_database(tmp_path / "market.db")
    tried = []

    async def connect(*_: Any, immutable: bool, **__: Any) -> Any:
        tried.append(immutable)
        raise apsw.CantOpenError("unable to open database file")

    monkeypatch.setattr("exporter.sources.pool.connect", connect)
    pool = Pool(path, 1, 0.0)
    with pytest.raises(ExportError):
        async with pool.lease():
            pass
    await pool.close()
    assert tried
    assert not any(tried)


@pytest.mark.skipif(sys.platform != "linux", reason="a priority belongs to the process elsewhere")
async def test_readers_give_way_to_the_loop(tmp_path: Path) -> None:
    pool = Pool(makers.tiny_database(tmp_path / "market.db"), 1, 1.0)
    async with pool.lease() as connection:
        thread = connection._thread.native_id
        assert thread is not None
        here = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, thread) > here or here >= 5
    await pool.close()

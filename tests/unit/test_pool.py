"""When a database may be read without locks: where nobody can write, and only there."""

from __future__ import annotations

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

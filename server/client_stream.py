"""A request as the address of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from exporter.spec import SEPARATOR


def stream_query(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The parameters of `GET /api/export/stream` for the body of a start call."""
    pairs = [("instruments", key) for key in request.get("instruments", ())]
    expiries = request.get("expiries", ())
    if isinstance(expiries, Mapping):
        expiries = [f"{key}{SEPARATOR}{day}" for key, days in expiries.items() for day in days]
    pairs += [("expiries", text) for text in expiries]
    pairs += [(name, _text(value)) for name, value in request.get("expiry_rule", {}).items()]
    pairs += [(name, _text(value)) for name, value in request.get("options", {}).items()
              if value is not None]  # fmt: skip
    return pairs


def _text(value: object) -> str:
    """As exporter/optiontext.py reads it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    return orjson.dumps(value).decode()

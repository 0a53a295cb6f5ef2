"""Every setting of the server, described once: the flag, the variable, the default, the help.

`--keep-days 30` and `EXPIRYTRACK_KEEP_DAYS=30` say the same; a flag wins over the variable.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingsError(Exception):
    """A setting that cannot be used; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server runs with. Sizes are bytes; 0 means no limit where the help says so."""

    db: Path
    exports: Path
    tasks: Path
    host: str
    port: int
    demo: bool
    max_exports: int
    readers: int
    max_queue: int
    max_rows: int
    keep_free: int
    memory_limit: int
    keep_days: float
    keep_bytes: int
    grace: float
    token: str
    allow_hosts: tuple[str, ...]
    log_level: str

    @property
    def loopback(self) -> bool:
        """Does the server listen to this machine alone?"""
        return is_loopback(self.host)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting; `default` is the text that stands in the README's table."""

    name: str
    default: str
    read: Callable[[str], Any]
    metavar: str
    help: str

    @property
    def flag(self) -> str:
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        return f"EXPIRYTRACK_{self.name.upper()}"


def is_loopback(host: str) -> bool:
    """`localhost` or an address of the loopback range."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def size(text: str) -> int:
    """Bytes from `500M`, `2 GiB` or a plain number; units are powers of 1024."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a size like 500M or 2G")
    return int(float(match[1]) * 1024 ** _UNITS[match[2].lower()])


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text) or not least <= int(text) <= most:
            raise ValueError(f"not a whole number from {least} to {most}")
        return int(text)

    return read


def _number(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text):
        raise ValueError("not a number, zero or more")
    return float(text)


def _flag(text: str) -> bool:
    if text.lower() not in {"1", "true", "yes", "on", "0", "false", "no", "off", ""}:
        raise ValueError("not true or false")
    return text.lower() in {"1", "true", "yes", "on"}


def _token(text: str) -> str:
    if text and not re.fullmatch(r"[\x21-\x7e]{16,256}", text):
        raise ValueError("needs 16 to 256 visible ASCII characters")
    return text


def _hosts(text: str) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    for name in names:
        if not _HOST_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a host name (without a port)")
    return names


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError("not a path")
    return Path(text)


def _log_level(text: str) -> str:
    if text not in LOG_LEVELS:
        raise ValueError(f"not one of {', '.join(LOG_LEVELS)}")
    return text


_MANY = 10**15

SETTINGS: tuple[Setting, ...] = (
    Setting("db", "data/expirytrack.db", _path, "PATH", "ExpiryTrack's database, only ever read"),
    Setting("exports", "exports", _path, "DIR", "the folder of finished exports"),
    Setting("tasks", "data/tasks.db", _path, "PATH", "the task table, kept across restarts"),
    Setting("host", "127.0.0.1", str, "ADDRESS",
            "where to listen; any address but a loopback one requires a token"),
    Setting("port", "5000", _whole(0, 65535), "PORT", "the port; 0 takes a free one"),
    Setting("demo", "false", _flag, "", "serve a demo database that is made on the spot"),
    Setting("max_exports", "0", _whole(0, 64), "N", "exports at once; 0: as many as cores"),
    Setting("readers", "0", _whole(0, 64), "N",
            "connections to the market database; 0: one more than cores"),
    Setting("max_queue", "1000", _whole(1, 1_000_000), "N",
            "exports that may wait; more are answered with 429"),
    Setting("max_rows", "0", _whole(0, _MANY), "N", "candles of one export at most; 0: no limit"),
    Setting("keep_free", "256M", size, "SIZE", "free disk space that exports leave alone"),
    Setting("memory_limit", "1G", size, "SIZE",
            "no new export starts while the process holds more memory; 0: no limit"),
    Setting("keep_days", "0", _number, "DAYS", "purge exports older than this; 0: keep them"),
    Setting("keep_bytes", "0", size, "SIZE",
            "purge the oldest exports while all together are larger; 0: keep them"),
    Setting("grace", "10", _number, "SECONDS",
            "how long running exports and downloads may take to stop"),
    Setting("token", "", _token, "TOKEN",
            "what callers must present; made and shown once where one is required"),
    Setting("allow_hosts", "", _hosts, "NAMES",
            "further host names, separated by commas, that the server answers to"),
    Setting("log_level", "info", _log_level, "LEVEL", f"one of {', '.join(LOG_LEVELS)}"),
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser, names: Iterable[str] | None = None) -> None:
    """Give `parser` a flag for each setting, or for those named."""
    wanted = None if names is None else set(names)
    for one in SETTINGS:
        if wanted is not None and one.name not in wanted:
            continue
        shown = f"{one.help} (default: {one.default})" if one.default else one.help
        shown += f" [{one.variable}]"
        if one.read is _flag:
            parser.add_argument(one.flag, dest=one.name, action="store_const", const="true",
                                help=shown)  # fmt: skip
        else:
            parser.add_argument(one.flag, dest=one.name, metavar=one.metavar, help=shown)


def settings_from(
    arguments: argparse.Namespace, environ: Mapping[str, str] | None = None
) -> Settings:
    """Settings from parsed flags, else from the environment, else the defaults.

    Raises SettingsError that names the flag or the variable that cannot be used.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for one in SETTINGS:
        given = getattr(arguments, one.name, None)
        source = one.flag
        if given is None and one.variable in environ:
            given, source = environ[one.variable], one.variable
        text = one.default if given is None else str(given)
        try:
            values[one.name] = one.read(text)
        except ValueError as error:
            raise SettingsError(f"{source} {text!r}: {error}") from None
    cores = os.cpu_count() or 1
    values["max_exports"] = values["max_exports"] or cores
    # One more, so that no core waits while a result is handed over.
    values["readers"] = values["readers"] or cores + 1
    return Settings(**values)

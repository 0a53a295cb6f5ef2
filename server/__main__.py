"""`python -m server`: serve until told to stop. Standard output holds one line, the address."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace

from aiohttp import web

from exporter.demo import make_demo_database
from exporter.errors import ExportError
from server import VERSION
from server.allocator import share_arenas
from server.app import create_app, drain
from server.entrance import Entrance, most_connections
from server.locks import LockedError
from server.settings import Settings, SettingsError, add_arguments, settings_from
from server.tables import StoreError

log = logging.getLogger("server")

_BACKLOG = 1024
FAILED = 1
BAD_USAGE = 2


# New objects before a young pass, young passes before a middle one, those before a full one.
_COLLECT_AFTER = (5000, 20, 50)


class StartError(Exception):
    """The server cannot start; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and serve; the exit code of the process."""
    parser = argparse.ArgumentParser(
        prog="python -m server",
        description="Serve the ExpiryTrack export wizard and its API.",
    )
    add_arguments(parser)
    parser.add_argument("--version", action="version", version=VERSION)
    try:
        settings = settings_from(parser.parse_args(arguments))
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_USAGE
    return run(settings)


def run(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM; 0 after a quiet end, 1 if the server cannot start."""
    share_arenas()
    logging.basicConfig(
        stream=sys.stderr,
        level=settings.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)
    logging.getLogger("filelock").setLevel(logging.WARNING)
    try:
        asyncio.run(serve(settings))
    except (StartError, StoreError, LockedError, ExportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 0
    return 0


async def serve(settings: Settings) -> None:
    """Serve until a signal comes. Raises StartError, StoreError, LockedError, ExportError."""
    settings = await _with_database(settings)
    token = settings.token
    if not token and not settings.loopback:
        token = secrets.token_urlsafe(24)
        print(f"The token of this server, shown this once: {token}", file=sys.stderr)
    stopping = asyncio.Event()
    _on_signals(stopping)
    app = create_app(settings, token=token)
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=settings.grace
    )
    await runner.setup()
    try:
        listener = _listen(settings)
        await Entrance(runner, listener, most_connections(), backlog=_BACKLOG).start()
        _settle_memory()
        print(_address(settings, listener), flush=True)
        log.info("serving %s", settings.db)
        await stopping.wait()
        log.info("stopping")
        await drain(app)
    finally:
        await runner.cleanup()


def _settle_memory() -> None:
    """Keep the collector of cycles from stopping the loop for a full pass over everything.

    With a thousand clients such a pass took 120 to 260 ms, longer than all else here.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


async def _with_database(settings: Settings) -> Settings:
    """Serve the demo where it was asked for, or where there is no database at the default place."""
    default = settings_from(argparse.Namespace(), {}).db
    absent = not settings.db.exists()
    if not settings.demo and not (absent and settings.db == default):
        if absent:
            log.warning("there is no database at %s yet", settings.db)
        return settings
    demo = settings.tasks.with_name("demo.db")
    if not settings.demo:
        log.warning(
            "there is no database at %s: serving a demo database, whose candles are made up;"
            " give yours with --db PATH",
            settings.db,
        )
    if not demo.exists():
        log.info("making the demo database %s", demo)
        await asyncio.to_thread(make_demo_database, demo)
    return replace(settings, db=demo, demo=True)


def _listen(settings: Settings) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise StartError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror};"
            " choose another with --port (0 takes a free one)"
        ) from error
    return listener


def _address(settings: Settings, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = settings.host if host in {"0.0.0.0", "::"} else host
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"


def _on_signals(stopping: asyncio.Event) -> None:
    """The first signal asks for a quiet end; a second one ends at once and loses nothing."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopping.is_set():
            os._exit(FAILED)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:
            # Windows: the loop cannot, the interpreter can.
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))


if __name__ == "__main__":
    sys.exit(main())

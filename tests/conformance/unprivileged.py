"""Runs one export as a program that may not write where the folder's rights forbid it.

`python unprivileged.py DATABASE FOLDER` prints `ok SHA256` or `CODE message`. Root's power to
write anywhere is left out by `command`, so that tests mean the same for every user.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path


def command(*words: str) -> list[str]:
    """The command line of `words`, without the power to pass over file rights."""
    if os.geteuid():
        return list(words)
    caps = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={caps}", f"--inh-caps={caps}", *words]


def run(database: Path, folder: Path) -> tuple[str, str]:
    """What the program said: its first word and the rest."""
    done = subprocess.run(
        command(sys.executable, "-m", "tests.conformance.unprivileged", str(database), str(folder)),
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, _, rest = done.stdout.strip().partition(" ")
    return first, rest


async def _main(path: Path, folder: Path) -> str:
    from exporter.errors import ExportError
    from exporter.sources.sqlite import MarketDatabase
    from tests.conformance.judge import everything, produce

    database = MarketDatabase(path, readers=2)
    try:
        # The request was worked out before the folder lost its rights.
        request = everything(path.with_name("request.db"))
        artefact = await produce(database, request, folder)
        return f"ok {artefact.sha256}"
    except ExportError as error:
        return f"{error.code} {error.message}"
    finally:
        await database.close()


if __name__ == "__main__":
    print(asyncio.run(_main(Path(sys.argv[1]), Path(sys.argv[2]))))

"""`expirytrack export`: the wizard's whole job without a server."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePath

from exporter.errors import BadInput
from exporter.model import Artefact, Compression, ExportSpec, FileFormat, Progress, now_ist
from exporter.pipeline import run_export
from exporter.preview import preview
from exporter.sources.sqlite import MarketDatabase
from server.cli_codes import Exit, ends_like_ctrl_c
from server.cli_deliver import STDOUT, Delivery, delivery
from server.cli_options import add_options, given_options, listed_formats
from server.cli_progress import Meter
from server.cli_select import add_selection, make_spec, select
from server.cli_text import remark, size_text, table, write_json
from server.settings import Settings, add_arguments, settings_from


def add_export(parser: argparse.ArgumentParser) -> None:
    """The flags of `expirytrack export`; the wizard copies lines of this form."""
    add_selection(parser, what="export")
    parser.add_argument(
        "--format", choices=[one.value for one in FileFormat],
        help=f"{listed_formats()} (default: what FILE ends in, else csv)",
    )  # fmt: skip
    add_options(parser)
    place = parser.add_argument_group("from where to where")
    add_arguments(parser, ("db", "exports", "keep_free"))
    place.add_argument(
        "-o", "--output", metavar="FILE",
        help="write FILE (a folder: into it, - : standard output) instead of DIR/<name>",
    )  # fmt: skip
    place.add_argument("--preview", action="store_true", help="say what would be exported, only")
    place.add_argument("--json", action="store_true", help="the last line as JSON, for scripts")
    place.add_argument("-q", "--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> Exit:
    """Export as asked. Raises ExportError, SettingsError, KeyboardInterrupt, BrokenPipeError."""
    settings = settings_from(arguments)
    if arguments.preview:
        asyncio.run(_preview(arguments, settings))
        return Exit.DONE
    with ends_like_ctrl_c(), ExitStack() as stack:
        done = asyncio.run(_export(arguments, settings, stack))
        # Outside the event loop, where Ctrl-C ends even a wait for a slow reader.
        where = done.place.deliver(Path(done.artefact.path))
        for warning in done.warnings:
            remark("warning", warning)
        _report(arguments, done.artefact, where)
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class _Done:
    artefact: Artefact
    place: Delivery
    warnings: tuple[str, ...]


async def _export(arguments: argparse.Namespace, settings: Settings, stack: ExitStack) -> _Done:
    """The file in a temporary folder; what makes that go away is left on `stack`."""
    accepted_at = now_ist()
    database = MarketDatabase(settings.db, readers=settings.readers)
    meter = None if arguments.quiet else Meter(sys.stderr)
    done = False
    try:
        with ends_like_ctrl_c():
            spec, warnings = await _spec(database, arguments)
            _refuse(arguments.output, spec, settings.db)
            place = stack.enter_context(delivery(arguments.output, settings.exports))
            artefact = await run_export(
                database,
                spec,
                accepted_at=accepted_at,
                folder=place.folder,
                observe=meter or _unseen,
                keep_free=settings.keep_free,
            )
        done = True
    finally:
        if meter is not None:
            meter.close(done=done)
        await database.close()
    return _Done(artefact, place, warnings + artefact.warnings)


def _refuse(output: str | None, spec: ExportSpec, database: Path) -> None:
    """Raises BadInput for a place that would harm the user."""
    if output == STDOUT:
        if spec.archive and sys.stdout.isatty():
            raise BadInput(["an archive is not for a terminal; name a file with -o FILE"])
    elif output is not None and Path(output).exists() and Path(output).samefile(database):
        raise BadInput([f"{output} is the database itself"])


def _unseen(_: Progress) -> None:
    return


async def _spec(
    database: MarketDatabase, arguments: argparse.Namespace
) -> tuple[ExportSpec, tuple[str, ...]]:
    selection = await select(database, arguments)
    return await make_spec(database, selection, _format(arguments), _chosen(arguments))


async def _preview(arguments: argparse.Namespace, settings: Settings) -> None:
    database = MarketDatabase(settings.db, readers=settings.readers)
    try:
        spec, warnings = await _spec(database, arguments)
        seen = await preview(database, spec, now_ist())
    finally:
        await database.close()
    if arguments.json:
        write_json(
            {
                "contracts": seen.contracts,
                "rows": seen.rows,
                "exact": seen.exact,
                "sizes": seen.sizes,
                "file_name": seen.file_name,
                "columns": seen.columns,
                "sample": seen.sample,
                "text": seen.text,
                "warnings": [*warnings, *seen.warnings],
                "careful_contracts": seen.careful_contracts,
            }
        )
        return
    about = "" if seen.exact else "about "
    sizes = [(name, f"about {size_text(size)}") for name, size in seen.sizes.items()]
    print(f"{seen.file_name}: {seen.contracts:,} contracts, {about}{seen.rows:,} rows\n")
    print(table(("FORMAT", "SIZE"), sizes))
    print(table(seen.columns, seen.sample), end="")
    for warning in (*warnings, *seen.warnings):
        remark("warning", warning)


def _format(arguments: argparse.Namespace) -> str:
    if arguments.format is not None:
        return str(arguments.format)
    ending = _endings(arguments)[0]
    return ending if ending in [one.value for one in FileFormat] else FileFormat.CSV.value


def _chosen(arguments: argparse.Namespace) -> dict[str, object]:
    """The options that were given; FILE.csv.gz asks for what its name says."""
    options = given_options(arguments)
    outer = {one.ending: one.value for one in Compression if one.ending}.get(_endings(arguments)[1])
    return {"compression": outer, **options} if outer else options


def _endings(arguments: argparse.Namespace) -> tuple[str, str]:
    """What FILE ends in: `csv` and `.gz` of FILE.csv.gz."""
    path = PurePath(arguments.output or "")
    outer = path.suffix.lower()
    if outer in {one.ending for one in Compression if one.ending}:
        return PurePath(path.stem).suffix[1:].lower(), outer
    return outer[1:], ""


def _report(arguments: argparse.Namespace, artefact: Artefact, where: str) -> None:
    """One last line; on standard output unless the file itself went there."""
    stream = sys.stderr if arguments.output == STDOUT else sys.stdout
    if arguments.json:
        write_json(
            {
                "path": where,
                "rows": artefact.rows,
                "contracts": artefact.contracts,
                "duplicates_dropped": artefact.duplicates_dropped,
                "size": artefact.size,
                "sha256": artefact.sha256,
                "warnings": artefact.warnings,
            },
            stream,
        )
        return
    if not (arguments.quiet and stream is sys.stderr):
        print(
            f"{where}  {artefact.rows:,} rows  {artefact.size:,} bytes  sha256 {artefact.sha256}",
            file=stream,
        )

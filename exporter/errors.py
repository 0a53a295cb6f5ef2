"""Every way an export can fail, as one exception with a code that a user can act on."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """What went wrong. The comment of a member is its meaning, shown in docs/states.md."""

    BAD_INPUT = "bad_input"  # The request cannot be understood; every problem is named.
    NOT_INSTALLED = "not_installed"  # The format needs a library that is not there; how to get it.
    BAD_CONTRACT = "bad_contract"  # A contract has no base symbol, or an option no strike.
    BAD_ROW = "bad_row"  # A stored candle holds a timestamp, price or volume nobody can read.
    DATABASE_MISSING = "database_missing"  # There is no file at the database's path.
    DATABASE_UNREADABLE = "database_unreadable"  # Not a database, damaged, or not readable.
    DATABASE_SCHEMA = "database_schema"  # A table or column of the collector's schema is missing.
    DATABASE_BUSY = "database_busy"  # Another process kept the database locked too long.
    DATABASE_CHANGED = "database_changed"  # Rows came and went while they were being read.
    STORAGE_FULL = "storage_full"  # The disk of the exports folder has no room (left).
    STORAGE_DENIED = "storage_denied"  # The exports folder cannot be written.
    STORAGE_FAILED = "storage_failed"  # Writing or reading the artefact failed otherwise.
    TOO_MANY_ROWS = "too_many_rows"  # The selection has more candles than the server allows.
    TOO_MANY_TRIES = "too_many_tries"  # The server ended uncleanly three times without progress.
    INTERNAL = "internal"  # A defect of ours; the log holds the details under the id shown.


class ExportError(Exception):
    """A failure that a user can understand.

    `code` says what kind, `message` is a full sentence for a person, `problems` holds one
    sentence per problem where a request had several.
    """

    def __init__(self, code: Code, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.problems = problems


class BadInput(ExportError):
    """A request that names what does not exist or is malformed; nothing was started."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(Code.BAD_INPUT, "; ".join(problems), tuple(problems))


class NothingSelected(BadInput):
    """A request without fault, of which nothing is left: a rule that no expiry meets (today)."""

    def __init__(self) -> None:
        super().__init__(["no expiry is selected"])


class NotInstalled(BadInput):
    """A request without fault that only lacks a library; the sentence says the command."""

    def __init__(self, sentence: str) -> None:
        super().__init__([sentence])
        self.code = Code.NOT_INSTALLED


class Suspended(Exception):
    """The export stopped at a checkpoint because it was asked to; it can be resumed."""

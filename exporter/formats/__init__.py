"""The text formats by name. A new one is a module beside these and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from exporter.formats.base import TextFormat
from exporter.formats.csv import CsvFormat
from exporter.formats.json import JsonFormat
from exporter.model import ExportSpec, FileFormat

_TEXT_FORMATS: Mapping[FileFormat, TextFormat] = {
    FileFormat.CSV: CsvFormat(),
    FileFormat.JSON: JsonFormat(),
    # An archive holds CSV unless JSON was asked for with separate files.
    FileFormat.ZIP: CsvFormat(),
}


def text_format(spec: ExportSpec) -> TextFormat:
    """The format of the artefact's text, be it a file of its own or members of an archive."""
    return _TEXT_FORMATS[spec.format]

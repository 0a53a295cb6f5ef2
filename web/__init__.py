"""The pages: jinja2 templates, ES modules and style sheets, as files beside this one."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def folder(name: str) -> Path:
    """The folder `templates` or `static`, wherever the package has been installed."""
    path = Path(str(files(__package__).joinpath(name)))
    if not path.is_dir():
        raise FileNotFoundError(f"The installation is incomplete: {path} is missing.")
    return path

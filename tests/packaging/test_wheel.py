"""What `pip install .` puts into an empty environment works from any folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.servers import ROOT

SOURCES = ("exporter", "server", "web", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
PATIENCE_S = 60


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built from a copy so that nothing is left in the checkout."""
    copy = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, copy / name)
    out = tmp_path_factory.mktemp("wheel")
    pip(Path(sys.executable), "wheel", "--no-deps", "--wheel-dir", str(out), str(copy))
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that holds the wheel and what it needs."""
    home = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    pip(home / "bin" / "python", "install", str(wheel))
    return home / "bin"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that knows nothing of the checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    for name in [name for name in os.environ if name.startswith("EXPIRYTRACK_")]:
        monkeypatch.delenv(name)
    return tmp_path


def pip(python: Path, *words: str) -> None:
    """Run an environment's pip; what it says is shown if it fails."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def files_of(folder: str, suffix: str = "") -> set[str]:
    """The files of a source folder as a wheel names them."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob(f"*{suffix}")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_product_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = files_of("web/templates") | files_of("web/static") | files_of("server/migrations")
    wanted |= files_of("exporter") | files_of("server", ".py") | files_of("web", ".py")
    assert names == wanted


def test_what_was_installed_is_consistent(scripts: Path) -> None:
    pip(scripts / "python", "check")


def test_the_demo_is_served_from_any_folder(scripts: Path, elsewhere: Path) -> None:
    server = subprocess.Popen(
        [scripts / "expirytrack", "serve", "--demo", "--port", "0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        page = _get(f"{url}/export").decode()
        assert "<!doctype html>" in page.lower()
        for path in sorted(files_of("web/static")):
            assert _get(f"{url}/{path.removeprefix('web/')}") == (ROOT / path).read_bytes()
        health = json.loads(_get(f"{url}/api/health"))
        assert health["database"]["demo"] is True
        assert health["database"]["instruments"] == 5
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=PATIENCE_S)
    finally:
        server.kill()
        server.wait()
    assert (server.returncode, out) == (0, ""), err
    assert "Traceback" not in err


def test_the_command_line_needs_no_server(scripts: Path, elsewhere: Path) -> None:
    def run(*words: str) -> bytes:
        return subprocess.run(
            [scripts / "expirytrack", *words], capture_output=True, check=True
        ).stdout

    run("demo", "demo.db")
    out = run("export", "--db", "demo.db", "NIFTY16SEP2522700CE", "-o", "-")
    assert out.splitlines()[0] == (
        b"openalgo_symbol,date,time,timestamp,open,high,low,close,volume,oi"
    )
    assert sorted(os.listdir(elsewhere)) == ["demo.db"]


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        content: bytes = answer.read()
        return content

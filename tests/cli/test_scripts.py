"""For scripts: JSON from every command that prints data, and completion in real shells."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.cli import main, make_parser
from server.cli_completion import SHELLS, actions, script

# What these print is an address, a script, and a CSV.
_NO_DATA = {"serve", "completion", "stream"}


def commands(
    parser: argparse.ArgumentParser, name: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command that can be run, by its words."""
    inner = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    if not inner:
        yield name.strip(), parser
    for one in inner:
        for word, command in one.choices.items():
            yield from commands(command, f"{name} {word}")


COMMANDS = dict(commands(make_parser()))


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - _NO_DATA))
def test_a_command_that_prints_data_prints_json(name: str) -> None:
    flags = {flag for action in COMMANDS[name]._actions for flag in action.option_strings}
    assert "--json" in flags


def test_a_demo_says_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "demo.db"
    assert main(["demo", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"path": str(path), "size": path.stat().st_size}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_knows_every_command_and_flag(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    for action in actions(make_parser()):
        if action.help == argparse.SUPPRESS:
            continue
        for flag in action.option_strings:
            assert (flag.lstrip("-") if shell == "fish" else flag) in text, flag
    for name in COMMANDS:
        assert all(word in text for word in name.split())


WORDS = {
    "export --form": "--format",
    "export --format z": "zip",
    "hist": "history",
    "list con": "contracts",
    "history --state comp": "completed",
    "completion f": "fish",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a script for each shell, and a file and a folder to be found."""
    made = tmp_path_factory.mktemp("completion")
    for shell in SHELLS:
        (made / f"complete.{shell}").write_text(script(make_parser(), shell), "utf-8")
    (made / "marketdata.db").touch()
    return made


@pytest.mark.parametrize(
    ("typed", "wanted"), [*WORDS.items(), ("export --db mark", "marketdata.db")]
)
def test_bash_completes(typed: str, wanted: str, folder: Path) -> None:
    words = ["expirytrack", *typed.split()]
    asked = f"""
        source complete.bash
        COMP_WORDS=({" ".join(words)}) COMP_CWORD={len(words) - 1}
        COMP_LINE="{" ".join(words)}" COMP_POINT=${{#COMP_LINE}}
        function=$(complete -p expirytrack | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $function expirytrack "{words[-1]}" "{words[-2]}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    found = subprocess.run(
        ["bash", "--norc", "-c", asked], cwd=folder, check=True, text=True, capture_output=True
    )
    assert wanted in [line.strip() for line in found.stdout.splitlines()]


def test_zsh_and_fish_complete_where_they_are_installed(folder: Path) -> None:
    """Bash is everywhere; of the others the scripts above are all that can be looked at."""
    if shutil.which("zsh"):
        asked = 'autoload -Uz compinit && compinit -u -d dump && eval "$(<complete.zsh)"'
        asked += ' && whence -w "${_comps[expirytrack]%% *}"'
        found = subprocess.run(
            ["zsh", "-f", "-c", asked], cwd=folder, text=True, capture_output=True
        )
        assert (found.returncode, found.stderr) == (0, "")
        assert found.stdout.rstrip().endswith("function")
    if shutil.which("fish"):
        for typed, wanted in WORDS.items():
            asked = f'source complete.fish; complete -C "expirytrack {typed}"'
            found = subprocess.run(["fish", "--no-config", "-c", asked], cwd=folder, check=True,
                                   text=True, capture_output=True)  # fmt: skip
            assert wanted in [line.split("\t")[0] for line in found.stdout.splitlines()]

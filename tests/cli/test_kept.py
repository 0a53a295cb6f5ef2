"""`expirytrack template`, `schedule`, `note`, `compare` and the history's filters, by a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call, Ran
from tests.makers import BANK, NIFTY
from tests.servers import Server

Ask = Any


@pytest.fixture
def ask(server: Server, call: Call) -> Ask:
    """A command about the module's server; its JSON where that is asked for."""

    def run(*words: object, code: int | None = 0) -> Ran:
        ran = call(*words, "--url", server.url)
        assert code is None or ran.code == code, (words, ran)
        return ran

    return run


def test_a_template_from_its_making_to_its_end(ask: Ask, room: Path) -> None:
    made = ask(
        "template", "save", "Weekly", "--instrument", "NIFTY", "--last", 2, "--format", "zip",
        "--metadata", "--note", "for Monday", "--json",
    ).json  # fmt: skip
    assert made["request"] == {
        "instruments": [NIFTY], "expiry_rule": {"last": 2}, "format": "zip",
        "options": {"include_metadata": True},
    }  # fmt: skip
    text = ask("template", "list").out.decode()
    assert text.splitlines()[0].split() == ["NAME", "EXPORTS", "PROBLEMS", "ID"]
    assert "Nifty 50: last 2, zip" in text
    assert ask("template", "show", "weekly", "--json").json == made
    changed = ask(
        "template",
        "edit",
        "Weekly",
        "--name",
        "Daily",
        "--expiry",
        "2025-12-16",
        "--excel",
        "--json",
    ).json
    assert changed["request"] == {
        "instruments": [NIFTY], "expiries": {NIFTY: ["2025-12-16"]}, "format": "zip",
        "options": {"include_metadata": True, "excel": True},
    }  # fmt: skip
    assert (changed["name"], changed["note"]) == ("Daily", "for Monday")
    task = ask("template", "run", made["id"], "--wait", "--json").json
    assert (task["status"], task["template_id"]) == ("completed", made["id"])
    once = [ask("template", "run", "Daily", "--key", "k").out for _ in range(2)]
    assert once[0] == once[1]
    assert ask("template", "export", "Daily", "-o", "daily.json").out == b"daily.json\n"
    document = json.loads((room / "daily.json").read_bytes())
    assert document == {
        "expirytrack_template": 1, "name": "Daily", "request": changed["request"],
    }  # fmt: skip
    assert ask("template", "export", "Daily").json == document
    assert "already" in ask("template", "import", "daily.json", code=1).err
    assert ask("template", "delete", "Daily").out == b"Daily is removed\n"
    assert ask("template", "import", "daily.json", "--json").json["request"] == changed["request"]
    ask("template", "delete", "daily", "--json")
    assert ask("template", "list", "--json").json == []


def test_a_template_like_an_export_and_from_a_file(ask: Ask, room: Path) -> None:
    body = {"instruments": [BANK], "expiry_rule": {"all": True}, "format": "csv"}
    (room / "body.json").write_text(json.dumps(body))
    made = ask("template", "save", "File", "--request", "body.json", "--json").json
    assert made["request"] == body
    task = ask("template", "run", "File", "--wait", "--json").json
    like = ask("template", "save", "Like", "--like", task["task_id"], "--format", "json", "--json")
    assert like.json["request"]["expiries"] == task["spec"]["expiries"]
    assert like.json["request"]["format"] == "json"
    for name in ("File", "Like"):
        ask("template", "delete", name)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["template", "save", "X"], "say what to export"),
        (["template", "save", "X", "--instrument", "NIFTX"], "did you mean"),
        (["template", "save", "X", "--instrument", "NIFTY", "--last", "2", "--expiry-days", "3"],
         "exclude each other"),
        (["template", "save", "X", "--request", "absent.json"], "cannot be read"),
        (["template", "save", "X", "--request", "a", "--like", "b"], "exclude each other"),
        (["template", "show", "absent"], "there is no template absent"),
        (["template", "import", "wrong.json"], "is not JSON"),
        (["schedule", "add", "X", "--cron", "0 9 * * *"], "say what to export"),
        (["schedule", "add", "X", "--cron", "9 o'clock", "--instrument", "NIFTY"], "five fields"),
        (["schedule", "explain", "0 25 * * *"], "hour"),
        (["schedule", "runs", "absent"], "there is no schedule absent"),
        (["note", "00000000-0000-4000-8000-000000000000", "x", "--clear"], "either"),
        (["history", "--from", "yesterday"], "not a date"),
    ],
)  # fmt: skip
def test_what_is_not_right(ask: Ask, room: Path, words: list[str], said: str) -> None:
    (room / "wrong.json").write_text("{")
    assert said in ask(*words, code=2).err


def test_a_schedule_from_its_making_to_its_end(ask: Ask) -> None:
    told = ask("schedule", "explain", "30 18 * * 1-5").out.decode().splitlines()
    assert told[0] == "At 18:30 on Monday through Friday, Indian time"
    assert len(told) == 6
    made = ask(
        "schedule", "add", "Evening", "--cron", "30 18 * * 1-5", "--instrument", "Nifty 50",
        "--last", 1, "--only-new", "--keep-runs", 3, "--json",
    ).json  # fmt: skip
    assert made["request"] == {"instruments": [NIFTY], "expiry_rule": {"last": 1}}
    assert (made["only_new"], made["keep_runs"], made["missed"]) == (True, 3, "run")
    text = ask("schedule", "list").out.decode()
    assert "At 18:30 on Monday through Friday, Indian time" in text
    assert "none yet" in text
    assert ask("schedule", "pause", "Evening", "--json").json["next_runs"] == []
    assert "paused" in ask("schedule", "list").out.decode()
    changed = ask(
        "schedule", "edit", "evening", "--cron", "0 9 * * 1", "--keep-runs", 0, "--keep-days", 7,
        "--missed", "skip", "--format", "json", "--json",
    ).json  # fmt: skip
    assert (changed["paused"], changed["keep_runs"], changed["keep_days"]) == (True, None, 7)
    assert changed["request"] == {**made["request"], "format": "json"}
    assert changed["only_new"] is True
    assert ask("schedule", "edit", "Evening", "--no-only-new", "--json").json["only_new"] is False
    ask("schedule", "edit", "Evening", "--only-new")
    resumed = ask("schedule", "resume", "Evening").out.decode()
    assert "0 9 * * 1: At 09:00 on Monday, Indian time" in resumed
    assert "only new expiries" in resumed
    task = ask("schedule", "run", "Evening", "--wait", "--json").json
    assert (task["status"], task["schedule_id"]) == ("completed", made["id"])
    nothing = ask("schedule", "run", "Evening")
    assert nothing.out == b""
    assert "every expiry has been exported" in nothing.err
    runs = ask("schedule", "runs", "Evening", "--json").json
    assert [one["outcome"] for one in runs] == ["nothing_new", "started"]
    assert len(ask("schedule", "runs", "Evening", "--json", "--limit", 1).json) == 1
    assert ask("schedule", "runs", "Evening").out.decode().splitlines()[0].split() == [
        "SLOT", "OUTCOME", "TASK", "REASON",
    ]  # fmt: skip
    assert task["task_id"] in ask("history", "--schedule", made["id"]).out.decode()
    assert "its exports stay" in ask("schedule", "delete", "Evening").out.decode()
    assert ask("schedule", "list", "--json").json == []
    assert len(ask("history", "--schedule", made["id"], "--json").json) == 1


def test_a_schedule_of_a_template(ask: Ask) -> None:
    template = ask("template", "save", "T", "--instrument", "NIFTY", "--json").json
    assert template["request"]["expiry_rule"] == {"all": True}
    made = ask("schedule", "add", "S", "--cron", "0 9 * * *", "--template", "t", "--json").json
    assert (made["template_id"], made["request"]) == (template["id"], None)
    assert (
        ask("schedule", "edit", "S", "--name", "S2", "--json").json["template_id"]
        == (template["id"])
    )
    both = ("schedule", "edit", "S2", "--template", "T", "--instrument", "NIFTY")
    assert "goes without" in ask(*both, code=2).err
    assert "used by S2" in ask("template", "delete", "T", code=1).err
    ask("schedule", "delete", "S2")
    ask("template", "delete", "T")


def test_notes_search_and_compare(ask: Ask) -> None:
    ask("template", "save", "N", "--instrument", "NIFTY", "--last", 1)
    ask("template", "save", "Z", "--instrument", "NIFTY", "--last", 2, "--format", "zip")
    a, b = (ask("template", "run", "N", "--wait", "--json").json["task_id"] for _ in range(2))
    c = ask("template", "run", "Z", "--wait", "--json").json["task_id"]
    d = ask("template", "run", "Z", "--wait", "--json").json["task_id"]
    assert ask("note", a, "before the split").out == b"before the split\n"
    assert ask("note", a).out == b"before the split\n"
    found = ask("history", "--search", "SPLIT", "--json").json
    assert [one["task_id"] for one in found] == [a]
    assert "(before the split)" in ask("history", "--search", "split").out.decode()
    assert ask("history", "--search", "split", "--format", "zip", "--json").json == []
    assert ask("note", a, "--clear", "--json").json["note"] is None
    same = ask("compare", a, b).out.decode()
    assert same.splitlines()[-1] == "the files are the same"
    different = ask("compare", a, c, code=1).out.decode()
    assert "the files differ" in different
    assert "format" in different
    # An archive holds the second of its making: these two may be the same or not.
    assert "contracts: 0 differ, 0 only in A, 0 only in B" in (
        ask("compare", c, d, code=None).out.decode()
    )
    assert ask("compare", a, b, "--json").json["same"] is True
    for name in ("N", "Z"):
        ask("template", "delete", name)


def test_filters_of_the_table_itself(ask: Ask, call: Call, server: Server) -> None:
    ask("template", "save", "Q", "--instrument", "NIFTY", "--last", 1, "--format", "json")
    task = ask("template", "run", "Q", "--wait", "--json").json
    ask("template", "delete", "Q")
    ran = call("history", "--tasks", server.tasks, "--search", task["task_id"][:8], "--json")
    assert [one["task_id"] for one in ran.json] == [task["task_id"]]
    ran = call("history", "--tasks", server.tasks, "--template", task["template_id"], "--json")
    assert [one["task_id"] for one in ran.json] == [task["task_id"]]

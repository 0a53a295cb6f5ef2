"""`expirytrack export` against the oracle: every way to choose, every form, every place."""

from __future__ import annotations

import gzip
import os
import threading
import zipfile
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from server.cli_deliver import delivery
from tests import makers, oracle
from tests.cli.conftest import Call, Ran

NIFTY, BANK, SENSEX = makers.NIFTY, makers.BANK, makers.SENSEX
NIFTY_DAYS = ["2025-12-16", "2025-12-23"]
BANK_DAYS = ["2025-12-30", "2026-01-27"]


def check(
    database: Path, ran: Ran, asked: dict[str, list[str]], format: str, **options: Any
) -> None:
    """The file of a command with --json is what the oracle says."""
    assert ran.code == 0, ran.err
    said = ran.json
    path = Path(said["path"])
    moment = datetime.strptime("_".join(path.stem.split("_")[-2:]), "%Y%m%d_%H%M%S")
    request = {
        "instruments": list(asked),
        "expiries": asked,
        "format": format,
        "options": options,
        "accepted_at": moment.replace(tzinfo=oracle.INDIA),
    }
    wanted = oracle.load(database, request)
    content = path.read_bytes()
    assert path.name == oracle.artefact_name(wanted)
    assert (said["rows"], said["contracts"]) == (wanted.rows, len(wanted.parts))
    assert said["duplicates_dropped"] == wanted.dropped
    assert said["size"] == len(content)
    assert said["sha256"] == sha256(content).hexdigest()
    if wanted.separate or format == "zip":
        with zipfile.ZipFile(path) as archive:
            found = {name: archive.read(name) for name in archive.namelist()}
        metadata = oracle.parse_json(found.pop("metadata.json"))
        assert metadata.items() >= oracle.metadata_value(wanted).items()
        if format == "json":
            assert list(map(oracle.parse_json, found.values())) == list(
                oracle.zip_members(wanted).values()
            )
        else:
            assert found == oracle.zip_members(wanted)
    elif format == "csv":
        assert content == oracle.csv_of(wanted, wanted.parts)
    else:
        value = oracle.parse_json(content)
        value.pop("summary")
        assert oracle.same_with_order(value, oracle.json_value(wanted))


@pytest.mark.parametrize(
    ("name", "flags", "compression"),
    [
        ("x.csv.gz", [], "gzip"),
        ("x.JSON.GZ", [], "gzip"),
        ("x.csv.zst", [], "zstd"),
        ("x.json.zst", ["--compression", "zstd", "--level", "small"], "zstd"),
        ("x.csv.gz", ["--compression", "none"], "none"),
        ("x.csv", ["--compression", "gzip"], "gzip"),
    ],
)
def test_a_files_endings_say_format_and_compression(
    sample: Path, call: Call, name: str, flags: list[str], compression: str
) -> None:
    ran = call(
        "export", "--db", sample, "--instrument", NIFTY, "--last", "1", "-o", name, "--json", *flags
    )
    assert ran.code == 0, ran.err
    content = Path(name).read_bytes()
    begins = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd", "none": b"openalgo_symbol,"}
    assert content.startswith(begins[compression])
    if compression == "gzip":
        text = gzip.decompress(content)
        assert text.startswith(b"{" if "json" in name.lower() else b"openalgo_symbol,")


def test_two_compressed_files_of_one_second_keep_their_endings(sample: Path, call: Call) -> None:
    os.mkdir("out")
    for _ in range(2):
        call(
            "export", "--db", sample, "--instrument", NIFTY, "--last", "1", "-o", "out",
            "--compression", "gzip",
        )  # fmt: skip
    names = os.listdir("out")
    assert len(names) == 2
    assert all(name.endswith(".csv.gz") for name in names)


FORMS: list[tuple[list[str], dict[str, Any]]] = [
    ([], {}),
    (["--no-openalgo"], {"include_openalgo": False}),
    (["--symbol-style", "openalgo", "--metadata"],
     {"symbol_style": "openalgo", "include_metadata": True}),
    (["--excel"], {"excel": True}),
    (["--separate-files", "--level", "fast"], {"separate_files": True, "level": "fast"}),
    (["--single-file", "--level", "small"], {"separate_files": False, "level": "small"}),
    (["--time-range", "1d"], {"time_range": "1d"}),
    (["--from", "2025-12-15", "--to", "2025-12-22"],
     {"from_date": "2025-12-15", "to_date": "2025-12-22"}),
    (["--columns", "epoch_s,close=Last price,oi", "--delimiter", "semicolon", "--decimals", "0"],
     {"columns": ["epoch_s", {"name": "close", "as": "Last price"}, "oi"],
      "delimiter": "semicolon", "decimals": 0}),
    (["--columns", '["strike", {"name": "open", "as": "a,b=c"}]', "--delimiter", "tab"],
     {"columns": ["strike", {"name": "open", "as": "a,b=c"}], "delimiter": "tab"}),
    (["--option-types", "ce, fut", "--strike-from", "25000", "--strike-to", "60000.5"],
     {"option_types": ["CE", "FUT"], "strike_from": 25000, "strike_to": 60000.5}),
    (["--strikes-around", "2", "--only-with-candles"],
     {"strikes_around": 2, "only_with_candles": True}),
    (["--days-before-expiry", "0", "--from-time", "09:30", "--to-time", "15:00",
      "--min-volume", "75"],
     {"days_before_expiry": 0, "from_time": "09:30", "to_time": "15:00", "min_volume": 75}),
]  # fmt: skip


@pytest.mark.parametrize("format", ["csv", "json", "zip"])
@pytest.mark.parametrize(("flags", "options"), FORMS, ids=lambda one: " ".join(one) or "plain")
def test_every_form_is_the_oracles(
    sample: Path, call: Call, format: str, flags: list[str], options: dict[str, Any]
) -> None:
    ran = call(
        "export", "--db", sample, "--json", "--instrument", NIFTY, "--instrument", BANK,
        "--format", format, *flags,
    )  # fmt: skip
    check(sample, ran, {NIFTY: NIFTY_DAYS, BANK: BANK_DAYS}, format, **options)
    path = Path(ran.json["path"])
    assert path.parent == Path("exports")
    assert os.listdir("exports") == [path.name]


@pytest.mark.parametrize("name", ["NIFTY", "nifty 50", "Nifty_50", NIFTY, NIFTY.lower()])
def test_an_instrument_goes_by_key_name_or_symbol(sample: Path, call: Call, name: str) -> None:
    ran = call("export", "--db", sample, "--json", "--instrument", name)
    check(sample, ran, {NIFTY: NIFTY_DAYS}, "csv")


@pytest.mark.parametrize(
    ("flags", "asked"),
    [
        (["--instrument", "NIFTY", "--last", "1"], {NIFTY: NIFTY_DAYS[1:]}),
        (["--instrument", "NIFTY", "--last", "9"], {NIFTY: NIFTY_DAYS}),
        (["--instrument", "NIFTY", "--instrument", NIFTY, "--expiry", "2025-12-16",
          "--expiry", "2025-12-16"], {NIFTY: NIFTY_DAYS[:1]}),
        (["--expiry", f"{BANK}~~~2025-12-30", "--expiry", "NIFTY~~~2025-12-16"],
         {BANK: BANK_DAYS[:1], NIFTY: NIFTY_DAYS[:1]}),
        (["--instrument", "NIFTY", "--expiry-to", "2025-12-20"], {NIFTY: NIFTY_DAYS[:1]}),
        (["--instrument", "NIFTY", "--expiry-from", "2025-12-17", "--expiry-to", "2025-12-23"],
         {NIFTY: NIFTY_DAYS[1:]}),
        (["--instrument", BANK, "--instrument", NIFTY, "--expiry", "2025-12-30",
          "--expiry", f"{NIFTY}~~~2025-12-23"], {BANK: BANK_DAYS[:1], NIFTY: NIFTY_DAYS[1:]}),
    ],
)  # fmt: skip
def test_expiries_are_dates_the_newest_or_all(
    sample: Path, call: Call, flags: list[str], asked: dict[str, list[str]]
) -> None:
    check(sample, call("export", "--db", sample, "--json", *flags), asked, "csv")


def test_all_instruments_are_those_with_contracts(sample: Path, call: Call) -> None:
    ran = call("export", "--db", sample, "--all-instruments", "--json", "--format", "json")
    found = call("list", "expiries", "--db", sample, "--json").json
    asked: dict[str, list[str]] = {}
    for one in found:
        asked.setdefault(one["instrument"], []).append(one["expiry"])
    check(sample, ran, asked, "json")


def test_an_instrument_without_the_expiry_is_left_out_with_a_warning(
    sample: Path, call: Call
) -> None:
    ran = call(
        "export", "--db", sample, "--json", "--instrument", NIFTY, "--instrument", BANK,
        "--expiry", "2025-12-16",
    )  # fmt: skip
    check(sample, ran, {NIFTY: ["2025-12-16"]}, "csv")
    assert f"warning: {BANK} was left out" in ran.err


def _symbols(content: bytes) -> list[str]:
    lines = content.decode().splitlines()[1:]
    return list(dict.fromkeys(line.split(",")[0] for line in lines))


@pytest.mark.parametrize(
    ("words", "symbols"),
    [
        (["NIFTY16DEC2525900CE"], ["NIFTY16DEC25C25900"]),
        (["NIFTY16DEC25C25900"], ["NIFTY16DEC25C25900"]),
        (["nifty16dec25c25900"], ["NIFTY16DEC25C25900"]),
        (["NIFTY16DEC25P25900", "--quiet", "NIFTY16DEC2525900CE"],
         ["NIFTY16DEC25C25900", "NIFTY16DEC25P25900"]),
        (["--search", "NIFTY16DEC25"],
         ["NIFTY16DEC25C25900", "NIFTY16DEC25P25900", "NIFTY16DEC25C25950", "NIFTY16DEC25P25950"]),
        (["--search", "NIFTY16DEC2525900"], ["NIFTY16DEC25C25900", "NIFTY16DEC25P25900"]),
        (["--search", "NIFTY", "--last", "1", "--time-range", "1d", "--instrument", "NIFTY"],
         ["NIFTY23DEC25C25950", "NIFTY23DEC25P25950", "NIFTY23DEC25C26000", "NIFTY23DEC25P26000"]),
    ],
)  # fmt: skip
def test_contracts_go_by_symbol_of_either_style(
    sample: Path, call: Call, words: list[str], symbols: list[str]
) -> None:
    ran = call("export", "--db", sample, "-o", "-", *words)
    assert ran.code == 0, ran.err
    assert _symbols(ran.out) == symbols


def test_a_search_begins_at_the_base_symbol(sample: Path, call: Call) -> None:
    ran = call("export", "--db", sample, "-o", "-", "--search", "NIFTY")
    assert {symbol[:7] for symbol in _symbols(ran.out)} == {"NIFTY16", "NIFTY23", "NIFTYNX"}


def test_a_contract_by_symbol_has_the_oracles_bytes(sample: Path, call: Call) -> None:
    ran = call("export", "--db", sample, "-o", "-", "NIFTY16DEC2525950PE")
    request = {"instruments": [NIFTY], "expiries": {NIFTY: ["2025-12-16"]}, "format": "csv"}
    wanted = oracle.load(sample, request | {"options": {}, "accepted_at": datetime.now()})
    (part,) = [part for part in wanted.parts if part.symbol == "NIFTY16DEC25P25950"]
    assert ran.out == oracle.csv_of(wanted, [part])


BAD: list[tuple[list[str], str]] = [
    ([], "nothing is selected"),
    (["--instrument", "nifty51"], "unknown instrument nifty51; did you mean Nifty 50?"),
    (["--instrument", "zzz"], "'expirytrack list instruments' shows them"),
    (["--instrument", "USDINR"], "may be any of BCD_FO|USDINR, NCD_FO|USDINR"),
    (["--instrument", "NIFTY", "--expiry", "2025-12-17"],
     "no selected instrument has an expiry 2025-12-17"),
    (["--instrument", "NIFTY", "--expiry", "16DEC25"], "is not a date of the form YYYY-MM-DD"),
    (["--instrument", "NIFTY", "--expiry", "20251216"], "is not a date of the form YYYY-MM-DD"),
    (["--instrument", "NIFTY", "--expiry", f"{BANK}~~~2025-12-30"], "which was not asked for"),
    (["--expiry", f"{NIFTY}~~~2025-12-17"], f"{NIFTY} has no expiry 2025-12-17"),
    (["--expiry", "2025-12-16"], "goes with an --instrument"),
    (["--instrument", "NIFTY", "--last", "1", "--expiry", "2025-12-16"], "exclude each other"),
    (["--instrument", "NIFTY", "--all-instruments"], "exclude each other"),
    (["--instrument", "NIFTY", "--last", "0"], "whole number of 1 or more"),
    (["--instrument", "NIFTY", "--format", "pdf"], "invalid choice: 'pdf'"),
    (["--instrument", "NIFTY", "--time-range", "2d"], "invalid choice: '2d'"),
    (["--instrument", "NIFTY", "--from", "2025-12-17", "--to", "2025-12-16"], "after to_date"),
    (["--instrument", "NIFTY", "--from", "2025-12-17", "--time-range", "7d"], "time_range all"),
    (["--instrument", "NIFTY", "--separate-files", "--single-file"], "not allowed with"),
    (["--instrument", "NIFTY", "--form", "csv"], "unrecognized arguments: --form"),
    (["NIFTY16DEC2599999CE"], "no contract NIFTY16DEC2599999CE"),
    (["hello"], "is not a symbol"),
    (["--search", "XYZ"], "no contract matches"),
    (["--search", "NIFTY", "--instrument", BANK], "no contract matches"),
    (["--instrument", "NIFTY", "--keep-free", "much"], "--keep-free 'much': not a size"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "said"), BAD, ids=lambda one: " ".join(one)[:40])
def test_bad_input_says_what_is_wrong_and_leaves_nothing(
    sample: Path, call: Call, room: Path, words: list[str], said: str
) -> None:
    ran = call("export", "--db", sample, *words)
    assert ran.code == 2
    assert said in ran.err
    assert ran.out == b""
    assert os.listdir(room) == []


def test_every_problem_is_named(sample: Path, call: Call) -> None:
    ran = call("export", "--db", sample, "--instrument", "abc", "--instrument", "def")
    assert [line.split(";")[0] for line in ran.err.splitlines()] == [
        "expirytrack: error: unknown instrument abc",
        "expirytrack: error: unknown instrument def",
    ]


def test_database_troubles_exit_with_three(call: Call, room: Path) -> None:
    (room / "empty.db").touch()
    (room / "folder").mkdir()
    (room / "text.db").write_text("This is not a database at all.\n" * 100)
    for name in ("missing.db", "empty.db", "text.db", "folder"):
        ran = call("export", "--db", name, "--instrument", "NIFTY")
        assert (ran.code, ran.out) == (3, b""), ran.err
        assert ran.err.startswith("expirytrack: error: ")


def test_a_row_that_nobody_can_read_exits_with_one(call: Call, room: Path) -> None:
    with makers.Maker(room / "bad.db") as made:
        made.contract(candles=[makers.BAD_CANDLES["time-words"]])
    ran = call("export", "--db", "bad.db", "--instrument", "NIFTY", "-o", "out.csv")
    assert ran.code == 1
    assert "yesterday" in ran.err
    assert os.listdir(room) == ["bad.db"]


@pytest.mark.parametrize(
    "flags",
    [
        ["--exports", "file"],
        ["--exports", "file/below"],
        ["-o", "nowhere/out.csv"],
        ["-o", "file/out.csv"],
        ["--keep-free", "9000T"],
    ],
)
def test_storage_troubles_exit_with_four(
    sample: Path, call: Call, room: Path, flags: list[str]
) -> None:
    (room / "file").write_text("mine")
    ran = call("export", "--db", sample, "--instrument", "NIFTY", *flags)
    assert (ran.code, ran.out) == (4, b""), ran.err
    assert (room / "file").read_text() == "mine"


def test_a_named_file_appears_whole_and_alone(sample: Path, call: Call, room: Path) -> None:
    (room / "out.csv").write_text("old")
    ran = call("export", "--db", sample, "--instrument", "NIFTY", "-o", "out.csv")
    assert ran.code == 0
    assert os.listdir(room) == ["out.csv"]
    content = (room / "out.csv").read_bytes()
    request = {"instruments": [NIFTY], "expiries": {NIFTY: NIFTY_DAYS}, "format": "csv"}
    stamped = request | {"options": {}, "accepted_at": datetime.now()}
    assert content == oracle.csv_bytes(sample, stamped)
    path, rows, size, digest = ran.out.decode().rstrip("\n").split("  ")
    assert path == "out.csv"
    assert rows == f"{len(content.splitlines()) - 1:,} rows"
    assert size == f"{len(content):,} bytes"
    assert digest.startswith("sha256 ")


def test_the_form_follows_the_files_ending(sample: Path, call: Call, room: Path) -> None:
    for name, begins in (("a.json", b"{"), ("a.zip", b"PK"), ("a.csv", b"openalgo_symbol")):
        assert call("export", "--db", sample, "--instrument", "NIFTY", "-o", name).code == 0
        assert (room / name).read_bytes().startswith(begins)


def test_a_folder_gets_files_of_their_own_names(sample: Path, call: Call, room: Path) -> None:
    (room / "out").mkdir()
    paths = [
        call(
            "export", "--db", sample, "--instrument", "NIFTY", "-o", "out", "--json"
        ).json["path"]
        for _ in range(3)
    ]  # fmt: skip
    assert len(set(paths)) == 3
    assert sorted(paths) == sorted(str(path.relative_to(room)) for path in room.glob("out/*"))


def test_a_name_that_is_taken_gets_a_number(room: Path) -> None:
    (room / "a.csv").write_text("theirs")
    (room / "a_2.csv").write_text("theirs too")
    with delivery(".", room / "exports") as place:
        (place.folder / "a.csv").write_text("mine")
        assert place.deliver(place.folder / "a.csv") == "a_3.csv"
    assert sorted(os.listdir(room)) == ["a.csv", "a_2.csv", "a_3.csv"]
    assert (room / "a_3.csv").read_text() == "mine"


def test_the_database_is_not_written_over(sample: Path, call: Call, room: Path) -> None:
    (room / "mine.db").write_bytes(sample.read_bytes())
    (room / "link.csv").symlink_to("mine.db")
    for name in ("mine.db", "./mine.db", "link.csv"):
        ran = call("export", "--db", "mine.db", "--instrument", "NIFTY", "-o", name)
        assert ran.code == 2
        assert "is the database itself" in ran.err
    assert (room / "mine.db").read_bytes() == sample.read_bytes()


def test_a_named_pipe_is_written_into_and_not_replaced(
    sample: Path, call: Call, room: Path
) -> None:
    os.mkfifo(room / "pipe.csv")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((room / "pipe.csv").read_bytes()))
    reader.start()
    ran = call("export", "--db", sample, "NIFTY16DEC2525950PE", "-o", "pipe.csv")
    reader.join()
    assert ran.code == 0
    assert (room / "pipe.csv").is_fifo()
    assert read[0] == call("export", "--db", sample, "NIFTY16DEC2525950PE", "-o", "-").out


def test_the_report_is_for_machines_too(sample: Path, call: Call) -> None:
    ran = call("export", "--db", sample, "--instrument", "NIFTY", "--json", "-q")
    assert set(ran.json) == {
        "path", "rows", "contracts", "duplicates_dropped", "size", "sha256", "warnings",
    }  # fmt: skip
    assert ran.err == ""


def test_a_selection_without_candles_is_a_header_and_a_warning(
    sample: Path, call: Call, room: Path
) -> None:
    ran = call(
        "export", "--db", sample, "--instrument", "NIFTY", "--to", "2020-01-01", "-o", "a.csv"
    )
    assert ran.code == 0
    assert (room / "a.csv").read_text().count("\n") == 1
    assert "warning: the selection has no candles" in ran.err


def test_a_preview_writes_no_file(sample: Path, call: Call, room: Path) -> None:
    words = ("export", "--db", sample, "--instrument", "NIFTY", "--preview")
    told = call(*words)
    assert told.code == 0
    assert "8 contracts" in told.out.decode()
    said = call(*words, "--json").json
    real = call("export", "--db", sample, "--instrument", "NIFTY", "-o", "-").out.decode()
    assert real.startswith(said["text"])
    assert said["columns"] == real.splitlines()[0].split(",")
    assert os.listdir(room) == []


def test_settings_come_from_variables_and_flags_win(
    sample: Path, call: Call, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPIRYTRACK_DB", str(sample))
    monkeypatch.setenv("EXPIRYTRACK_EXPORTS", "elsewhere")
    assert call("export", "NIFTY16DEC2525950PE").code == 0
    assert os.listdir(room) == ["elsewhere"]
    assert call("export", "NIFTY16DEC2525950PE", "--db", "missing.db").code == 3

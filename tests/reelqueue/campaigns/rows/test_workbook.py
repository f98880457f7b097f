"""Workbooks of Excel as campaign files."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from reelqueue.campaigns.rows import workbook as module
from tests.reelqueue.campaigns.conftest import Read
from tests.support.workbooks import saved, with_sheet, workbook

HEAD = ("custom_id", "model", "prompt", "duration", "seed", "prompt_extend")
ROW = ("a", "wan2.6-t2v", "a boat", 5, 42.0, True)
NINE = datetime(2026, 12, 1, 9)  # noqa: DTZ001 - a workbook knows no zone
MAIN = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'


def cell(ref: str, text: str) -> bytes:
    return f'<c r="{ref}" t="inlineStr"><is><t>{text}</t></is></c>'.encode()


def test_a_workbook_is_read_as_its_csv_would_be(read: Read) -> None:
    rows = [HEAD, (), ROW, ("007", "wan2.6-t2v", "a hen\nin the rain", "10", None, "wahr"), (None, "", None)]

    reading = read("boats.xlsx", saved(workbook(*rows)))

    assert reading.problems == []
    requests = [clip.request for clip in reading.clips]
    assert [(one.custom_id, one.prompt, one.duration, one.seed, one.prompt_extend) for one in requests] == [
        ("a", "a boat", 5, 42, True),
        ("007", "a hen\nin the rain", 10, None, True),
    ]
    assert [clip.line for clip in reading.clips] == [3, 4]


def test_a_problem_has_the_cell_of_its_sheet(read: Read) -> None:
    reading = read("boats.xlsx", saved(workbook(HEAD, ("a", "wan2.6-t2v", "two\nlines", 5.5, 2**40))))

    assert [(problem.line, problem.letter, problem.message) for problem in reading.problems] == [
        (2, "D", "duration: must be a whole number, such as 5, not '5.5'"),
        (2, "E", "seed: wan2.6-t2v takes 0 to 2147483647, not 1099511627776"),
    ]


def test_a_date_is_told_the_form_that_has_a_zone(read: Read) -> None:
    rows = [
        ("model", "prompt", "start_by", "vars.day"),
        ("wan2.6-t2v", "a boat", NINE, date(2026, 12, 1)),
    ]

    reading = read("boats.xlsx", saved(workbook(*rows)))

    assert "such as 2026-12-01T09:00+08:00, not '2026-12-01T09:00:00'" in reading.problems[0].message


def test_a_formula_counts_by_its_saved_value(read: Read) -> None:
    calculated = b'<c r="A2" t="str"><f>A1&amp;1</f><v>wan2.6-t2v</v></c><c r="C2"><f>2+3</f><v>5</v></c>'
    rows = b'<row r="1">%s%s%s</row><row r="2">%s%s</row>' % (
        cell("A1", "model"), cell("B1", "prompt"), cell("C1", "duration"), calculated, cell("B2", "=1+1"),
    )  # fmt: skip

    reading = read("boats.xlsx", with_sheet(saved(workbook(HEAD)), MAIN % rows))

    (clip,) = reading.clips
    assert (clip.request.model, clip.request.prompt, clip.request.duration) == ("wan2.6-t2v", "=1+1", 5)


def test_a_formula_without_a_value_is_refused(read: Read) -> None:
    reading = read("boats.xlsx", saved(workbook(HEAD, ("a", "wan2.6-t2v", '="a "&"boat"', 5))))

    problem = next(problem for problem in reading.problems if problem.code == "formula_error")
    assert problem.message == "sheet 'Clips', C2: the formula has no value that was saved with it"
    assert reading.log.file_error_count == 1


def test_merged_cells_are_refused_and_hidden_ones_told(read: Read) -> None:
    book = workbook(HEAD, ROW, ("b", None, "a hen"))
    sheet = book.worksheets[0]
    sheet.merge_cells("B2:B3")
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["D"].hidden = True

    reading = read("boats.xlsx", saved(book))

    told = {(problem.code, problem.severity): problem.message for problem in reading.problems}
    assert told["merged_cells", "error"].startswith("sheet 'Clips', B2:B3: the cells are merged")
    assert "hidden rows are read like the others: 3" in reading.problems[1].message
    assert "hidden columns are read like the others: D" in reading.problems[2].message
    assert reading.problems[2].severity == "warning"


def test_of_several_sheets_one_is_chosen(read: Read) -> None:
    book = workbook(HEAD, ROW)
    book.create_sheet("Empty")
    one = read("boats.xlsx", saved(book))
    book.create_sheet("Autumn").append(["model", "prompt"])
    book["Autumn"].append(["wan2.6-t2v", "a leaf"])
    book.create_sheet("Secret").append(["x"])
    book["Secret"].sheet_state = "hidden"

    several, chosen = read("boats.xlsx", saved(book)), read("boats.xlsx", saved(book), sheet="autumn")
    missing = read("boats.xlsx", saved(book), sheet="Winter")

    assert [clip.custom_id for clip in one.clips] == ["a"]
    assert several.problems[0].message == "it has several sheets: Clips, Autumn"
    assert several.problems[0].remedy == "Say which one: --sheet NAME."
    assert [clip.request.prompt for clip in chosen.clips] == ["a leaf"]
    assert "no sheet 'Winter'; there are Clips, Empty, Autumn, Secret" in missing.problems[0].message


def test_a_manifest_may_name_a_workbook(read: Read) -> None:
    read("boats.xlsx", saved(workbook(HEAD, ROW)))

    reading = read("m.yaml", "file: boats.xlsx\ndefaults: {resolution: 720P}\n")

    assert [(clip.custom_id, clip.file) for clip in reading.clips] == [("a", "boats.xlsx")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is no workbook that can be read (BadZipFile"),
        (b"PK\x03\x04 cut", "it is no workbook that can be read (BadZipFile"),
        (b"\xd0\xcf\x11\xe0 old or encrypted", "it is no workbook that can be read (BadZipFile"),
        (saved(workbook()), "no visible sheet of it has any cell"),
        (with_sheet(saved(workbook()), b"<worksheet><row>"), "the XML of a sheet is broken"),
        (with_sheet(saved(workbook()), b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet/>'), "a sheet declares XML entities"),
        (
            with_sheet(saved(workbook()), MAIN % b'<row r="1"><c r="XFD1"><v>1</v></c></row>'),
            "the sheet 'Clips' has 16384 columns; 500 are the most",
        ),
        (with_sheet(saved(workbook()), MAIN % (b'<row r="1">' + b"<x/>" * 20_000 + b"</row>")), "holds too much"),
    ],
    ids=["empty", "cut", "old", "no cells", "broken", "entities", "wide", "crowded"],
)
def test_what_is_no_workbook_for_a_campaign_is_refused(read: Read, content: bytes, said: str) -> None:
    reading = read("boats.xlsx", content)

    assert said in reading.problems[0].message
    assert reading.clips == []


@pytest.mark.parametrize("limit", ["WORKBOOK_SHEET_BYTES_MAX", "WORKBOOK_PART_BYTES_MAX"])
def test_a_part_that_unpacks_to_more_than_its_limit_is_never_unpacked(
    read: Read, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(module, limit, 100)

    reading = read("boats.xlsx", saved(workbook(HEAD, ROW)))

    assert "bytes; 100 are the most" in reading.problems[0].message


def test_rows_far_apart_cost_no_memory(read: Read) -> None:
    far = b'<row r="1">%s%s</row><row r="1048576">%s%s</row><row r="999999999">%s</row>' % (
        cell("A1", "model"), cell("B1", "prompt"), cell("A1048576", "wan2.6-t2v"), cell("B1048576", "a boat"),
        cell("A999999999", "x"),
    )  # fmt: skip

    reading = read("boats.xlsx", with_sheet(saved(workbook(HEAD)), MAIN % far))

    assert [clip.line for clip in reading.clips] == [1_048_576]


def test_a_workbook_under_another_name_and_older_ones_are_told_what_to_do(read: Read, tmp_path: Path) -> None:
    renamed = read("boats.csv", saved(workbook(HEAD, ROW)))
    old = read("boats.xls", b"\xd0\xcf\x11\xe0")

    assert "end in .xlsx" in renamed.problems[0].message
    assert old.problems[0].remedy == "Save it as .xlsx, or as CSV UTF-8."


def test_a_workbook_that_breaks_off_while_it_is_read_is_told(read: Read) -> None:
    rows = b'<row r="1">%s%s</row><row r="2"><c r="A2" t="s"><v>99</v></c></row>' % (
        cell("A1", "model"), cell("B1", "prompt"),
    )  # fmt: skip

    reading = read("boats.xlsx", with_sheet(saved(workbook(HEAD)), MAIN % rows))

    assert "it is no workbook that can be read (IndexError" in reading.problems[0].message


def test_an_error_of_whoever_reads_stays_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "boats.xlsx"
    path.write_bytes(saved(workbook(HEAD, ROW)))

    with pytest.raises(ValueError, match="mine"), module.open_workbook(path, None):
        raise ValueError("mine")

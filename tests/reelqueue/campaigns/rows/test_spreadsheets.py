"""Files as spreadsheets write them."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from tests.reelqueue.campaigns.conftest import Read

HEAD = "custom_id,model,prompt\n"
PLAIN = f"{HEAD}a,wan2.6-t2v,a paper boat\nb,wan2.6-t2v,Käse für Zoë\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        codecs.BOM_UTF8 + PLAIN.encode(),  # Excel's "CSV UTF-8"
        PLAIN.replace(",", "\t").encode("utf-16"),  # Excel's "Unicode text"
        PLAIN.replace(",", ";").replace("\n", "\r\n").encode(),  # Excel where the comma is the decimal sign
        f"sep=;\r\n{PLAIN.replace(',', ';')}".encode(),
        PLAIN.replace("\n", "\r").encode(),  # an old Mac
        PLAIN.replace("\n", "\n\n,,\n").encode(),  # empty rows
        PLAIN.replace("prompt\n", "prompt,,\n").encode(),  # columns that were only formatted
        PLAIN.replace("custom_id,model,prompt", '"Custom ID","Model" , "Prompt"').replace(" , ", ",").encode(),
        PLAIN.replace("custom_id", "customId").encode(),
    ],
)
def test_whatever_a_spreadsheet_writes_is_the_same_rows(read: Read, content: bytes) -> None:
    reading = read("boats.csv", content)

    assert [(clip.custom_id, clip.request.prompt) for clip in reading.clips] == [
        ("a", "a paper boat"),
        ("b", "Käse für Zoë"),
    ]
    assert reading.problems == []


def test_a_file_in_a_windows_encoding_is_a_problem_of_each_row_that_shows_it(read: Read) -> None:
    reading = read("boats.csv", PLAIN.encode("cp1252"))

    assert [clip.custom_id for clip in reading.clips] == ["a"]
    (problem,) = reading.problems
    assert (problem.line, problem.letter, problem.code) == (3, "C", "bad_encoding")
    assert "0xE4" in problem.message


def test_a_windows_encoding_can_be_stated(read: Read) -> None:
    reading = read("boats.csv", PLAIN.encode("cp1252"), encoding="cp1252")

    assert reading.clips[1].request.prompt == "Käse für Zoë"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"PK\x03\x04 and so on", "unreadable_file"),  # a workbook
        (b"", "no_heading"),
        (b"\n\n", "no_heading"),
        (b"a\x00b", "unreadable_file"),
        (PLAIN.encode("utf-16")[:-1], "unreadable_file"),  # cut off in the middle of a character
    ],
)
def test_what_is_no_table_is_refused_with_a_remedy(read: Read, content: bytes, code: str) -> None:
    reading = read("boats.csv", content)

    assert reading.codes == [code]
    assert reading.problems[0].remedy


def test_lines_are_those_that_an_editor_counts(read: Read) -> None:
    rows = 'a,wan2.6-t2v,"one\ntwo\nthree",5\n\nb,wan2.6-t2v,"one\n\ntwo",x\nc,wan2.6-t2v,one,y\n'

    reading = read("boats.csv", f"custom_id,model,prompt,duration\n{rows}")

    assert [clip.line for clip in reading.clips] == [2]
    # The cell of b stands two lines below the beginning of its row.
    assert [(problem.line, problem.letter) for problem in reading.problems] == [(8, "D"), (9, "D")]


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("duration", "5,5", "must be a whole number, such as 5, not '5,5'"),
        ("duration", "5.5", "must be a whole number, such as 5, not '5.5'"),
        ("duration", "5.000", "must be a whole number, such as 5"),  # five, or five thousand
        ("seed", "1,23E+09", "a spreadsheet has rounded this one"),
        ("duration", "five", "must be a whole number, not 'five'"),
        ("watermark", "maybe", "must be true or false, not 'maybe'"),
        ("metadata", "{scene: 1}", "must be JSON"),
        ("metadata", '{"a": 1, "a": 2}', "the key 'a' occurs twice"),
        ("prompt", "#NAME?", "the spreadsheet's formula failed"),
        ("duration", "99", "wan2.6-t2v takes 2 to 15 seconds, not 99"),
        ("start_by", "2026-12-01 09:00", "timezone"),
        ("raw", "[" * 100 + "]" * 100, "nested at most 32 deep"),
    ],
)
def test_a_cell_that_cannot_be_used_says_what_is_allowed(read: Read, column: str, cell: str, said: str) -> None:
    quoted = cell.replace('"', '""')

    reading = read("boats.csv", f'model,{column}\nwan2.6-t2v,"{quoted}"\n')

    (problem,) = (problem for problem in reading.problems if problem.column == column)
    assert said in problem.message
    assert (problem.line, problem.letter) == (2, "B")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("WAHR", True), ("false", False), ("1.0", True), ("0.0", False), ("1", True), ("Non", False), (" yes ", True)],
)
def test_switches_are_read_in_a_spreadsheets_language(read: Read, cell: str, *, expected: bool) -> None:
    reading = read("boats.csv", f"model,prompt,watermark\nwan2.6-t2v,a boat,{cell}\n")

    assert reading.clips[0].request.watermark is expected


def test_whole_numbers_may_have_a_zero_behind_a_decimal_sign(read: Read) -> None:
    """As pandas and Sheets write a column of whole numbers with an empty cell."""
    head = "custom_id;model;prompt;duration;seed;priority"

    reading = read("boats.csv", f"{head}\na;wan2.6-t2v;a boat;5.0;42.0;1,00\nb;wan2.6-t2v;a hen;;-0.0;\n")

    requests = [clip.request for clip in reading.clips]
    assert reading.problems == []
    assert [(one.duration, one.seed, one.priority) for one in requests] == [(5, 42, 1), (None, 0, 0)]


def test_formulas_and_apostrophes_are_data(read: Read) -> None:
    reading = read("boats.csv", "model,prompt\nwan2.6-t2v,=1+1\nwan2.6-t2v,'-5 degrees\n")

    assert [clip.request.prompt for clip in reading.clips] == ["=1+1", "'-5 degrees"]


def test_lists_and_objects_stand_in_cells(read: Read) -> None:
    urls = "https://a.example/1.png https://a.example/2.png"
    head = "model,prompt,reference_urls,reference_urls.1,metadata,metadata.scene"

    reading = read("boats.csv", f'{head}\nwan2.6-r2v,a boat,"{urls}",https://a.example/3.png,"{{""shot"": 4}}",7\n')

    request = reading.clips[0].request
    assert [url[-5] for url in request.given("reference_urls")] == ["1", "2", "3"]
    assert request.metadata == {"shot": 4, "scene": "7"}


def test_a_misspelt_heading_is_told_once_with_the_nearest_name(read: Read) -> None:
    reading = read("boats.csv", "model,promt,prompt\nwan2.6-t2v,x,a boat\nwan2.6-t2v,x,a cat\n")

    (problem,) = reading.problems
    assert (problem.line, problem.letter, problem.code) == (1, "B", "unknown_column")
    assert "did you mean prompt?" in problem.message
    assert reading.log.file_error_count == 1


def test_two_columns_for_one_option_name_both(read: Read) -> None:
    reading = read("boats.csv", "model,prompt,Prompt\nwan2.6-t2v,a,b\n")

    assert reading.problems[0].message == "Prompt: column B says the same"


def test_columns_for_people_are_left_alone(read: Read) -> None:
    reading = read("boats.csv", "model,#who,,prompt\nwan2.6-t2v,Ann,ignored,a boat\n")

    assert reading.problems == []
    assert reading.clips[0].request.prompt == "a boat"


def test_a_row_that_is_wider_than_its_heading_is_told(read: Read) -> None:
    reading = read("boats.csv", "model,prompt\nwan2.6-t2v,a boat, a cat\n")

    assert reading.codes == ["too_many_cells"]
    assert "3 cells under 2 headings" in reading.problems[0].message


def test_a_broken_quote_spoils_its_row_alone(read: Read) -> None:
    reading = read("boats.csv", 'model,prompt\nwan2.6-t2v,"a "boat""\nwan2.6-t2v,a cat\n')

    assert [clip.request.prompt for clip in reading.clips] == ["a cat"]
    assert [(problem.line, problem.code) for problem in reading.problems] == [(2, "bad_csv")]


def test_a_quote_that_is_never_closed_names_its_line(read: Read) -> None:
    reading = read("boats.csv", 'model,prompt\nwan2.6-t2v,a cat\nwan2.6-t2v,"a boat\nwan2.6-t2v,a dog\n')

    assert [(problem.line, problem.code) for problem in reading.problems] == [(3, "bad_csv")]


def test_a_cell_of_more_than_a_million_characters_ends_the_reading(read: Read) -> None:
    reading = read("boats.csv", f'model,prompt\nwan2.6-t2v,"{"boat " * 210_000}"\n')

    (problem,) = reading.problems
    assert "more than 1000000 characters" in problem.message
    assert reading.log.file_error_count == 1


def test_every_problem_of_a_row_is_told_in_one_pass(read: Read) -> None:
    row = f"wan2.6-t2v,a boat,99,{'x' * 501},5,ultra,https://a.example/a.png"

    reading = read("boats.csv", f"model,prompt,duration,negative_prompt,priority,resolution,image\n{row}\n")

    told = {problem.column for problem in reading.problems}
    assert told == {"duration", "negative_prompt", "resolution", "image"}


def test_a_placeholder_is_a_warning_of_its_clip(read: Read) -> None:
    (clip,) = read("boats.csv", "model,prompt\nwan2.6-t2v,TODO\n").clips

    assert "'TODO' looks like a placeholder" in clip.warnings[0]


def test_rows_of_a_sheet_with_unknown_columns_are_no_duplicates(read: Read) -> None:
    reading = read("boats.csv", "Motiv,Modell\na boat,wan2.6-t2v\na hen,wan2.6-t2v\na cow,wan2.6-t2v\n")

    assert {problem.code for problem in reading.problems} == {"unknown_column", "missing_option"}
    assert len(reading.log.groups) == 3  # a problem for each column, and one that all rows share


def test_a_fault_that_rows_share_is_told_once(read: Read, tmp_path: Path) -> None:
    rows = "".join(f"a hen {number},wan2.6-i2v,pictures/{number}.png\n" for number in range(20))

    reading = read("hens.csv", f"prompt,model,image\n{rows}", local_files=True)

    (group,) = reading.log.groups
    assert (group.count, group.first.code) == (20, "unreadable_file")

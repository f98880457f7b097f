"""Exports for spreadsheets with decimal commas, and as workbooks."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelqueue.campaigns import open_campaign
from reelqueue.campaigns.clip_json import clip_object
from reelqueue.campaigns.problem_log import ProblemLog
from reelqueue.campaigns.report.export_forms import SEMICOLONS, as_csv, as_workbook
from reelqueue.campaigns.report.repair_files import RepairFiles
from reelqueue.campaigns.report.workbook_file import WorkbookFile
from reelqueue.campaigns.rows.csv_dialect import escaped
from reelqueue.campaigns.rows.workbook import open_workbook
from reelqueue.errors import InvalidRequestError
from tests.support.workbooks import saved, workbook

TEXTS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Z"]) | st.sampled_from("\r\n\t_x'=+005F"))


def exported(*rows: tuple[str, ...]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows([escaped(cell) for cell in row] for row in rows)
    return f"\ufeff{buffer.getvalue()}"


RESULTS = exported(
    ("custom_id", "seconds", "cost", "seed", "prompt", "variables"),
    ("007", "5.000", "0.75", "42", "=1+1; a boat", '{"größe": "1.5"}'),
    ("b", "", "", "", "two\nlines", ""),
)


def test_semicolons_come_with_decimal_commas_in_numbers_alone() -> None:
    text = as_csv(RESULTS, SEMICOLONS)

    assert text.startswith("\ufeffcustom_id;seconds;")
    _, first, second = csv.reader(io.StringIO(text), delimiter=";")
    assert first == ["007", "5,000", "0,75", "42", "'=1+1; a boat", '{"größe": "1.5"}']
    assert second[4] == "two\nlines"


def test_a_workbook_has_numbers_and_texts_and_no_formula() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(as_workbook(RESULTS))).active
    assert sheet is not None

    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[1] == ["007", 5.0, 0.75, 42, "=1+1; a boat", '{"größe": "1.5"}']
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} == {"s", "n"}


def test_failures_are_the_same_rows_in_every_form(tmp_path: Path) -> None:
    table = exported(
        ("#problem", "#row", "#variant", "custom_id", "model", "prompt", "duration", "seed", "metadata", "vars.ground"),
        (
            "DataInspectionFailed: no",
            "17",
            "2",
            "007",
            "wan2.6-t2v",
            "=1+1, a boat",
            "5",
            "42",
            '{"größe": 1.5}',
            "'=x",
        ),
    )
    for name, content in (
        ("autumn.bad.csv", table.encode()),
        ("autumn-2.bad.csv", as_csv(table, SEMICOLONS).encode()),
        ("autumn.bad.xlsx", as_workbook(table)),
    ):
        (tmp_path / name).write_bytes(content)
        log = ProblemLog()
        with open_campaign(tmp_path / name) as campaign:
            (clip,) = campaign.clips(log)
        request = clip.request
        assert (clip.custom_id, clip_object(clip)["clip"]["line"], clip.variant) == ("007", 17, 2)
        assert clip.variables == {"ground": "'=x"}
        assert (request.prompt, request.duration, request.seed) == ("=1+1, a boat", 5, 42)
        assert (request.metadata, log.error_count) == ({"größe": 1.5}, 0)


def test_a_cell_that_a_workbook_would_cut_off_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="image: clip 'a' has 40005 characters there"):
        as_workbook(exported(("custom_id", "image"), ("a", "data:" + "A" * 40_000)))


@given(TEXTS)
def test_a_text_comes_back_from_a_workbook_as_it_was(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("books") / "text.xlsx"
    book = WorkbookFile(path)
    book.write(["prompt", "end"])
    book.write([text, "."])
    book.close()

    with open_workbook(path, None) as table:
        assert list(table.rows) == [(2, [text, "."])]


def test_bad_rows_of_a_workbook_are_copied_into_one(tmp_path: Path) -> None:
    path = tmp_path / "boats.xlsx"
    path.write_bytes(
        saved(workbook(("custom_id", "model", "prompt", "duration"), ("07", "wan2.6-t2v", "'=a boat", 99)))
    )
    repair = RepairFiles(path)
    with repair, open_campaign(path) as campaign:
        list(campaign.clips(ProblemLog(repair)))
    assert repair.bad_path == tmp_path / "boats.bad.xlsx"

    book = openpyxl.load_workbook(repair.bad_path)
    book.worksheets[0]["F2"] = 5
    book.save(repair.bad_path)

    log = ProblemLog()
    with open_campaign(repair.bad_path) as campaign:
        (clip,) = campaign.clips(log)
    assert (clip.custom_id, clip.request.prompt, clip.request.duration) == ("07", "'=a boat", 5)
    assert (campaign.options.name, log.error_count) == ("boats", 0)

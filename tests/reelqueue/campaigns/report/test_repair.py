"""The files beside a campaign file: every problem, and the bad rows."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelqueue.campaigns import ProblemLog, open_campaign
from reelqueue.campaigns.clip_json import clip_object
from reelqueue.campaigns.open_file import campaign_name
from reelqueue.campaigns.plan.check_file import Checked, check_file
from reelqueue.campaigns.report.repair_files import ERROR_HEADINGS, RepairFiles
from reelqueue.campaigns.rows.csv_dialect import escaped, unescaped
from reelqueue.schemas.campaigns import CsvStyle

HEAD = "custom_id;model;prompt;duration\n"


def check(path: Path) -> tuple[Checked, RepairFiles]:
    with RepairFiles(path) as repair:
        return check_file(path, region="ap-southeast-1", sink=repair), repair


def interrupt(path: Path) -> None:
    with RepairFiles(path) as repair:
        check_file(path, region="ap-southeast-1", sink=repair)
        raise KeyboardInterrupt


def test_bad_rows_are_copied_and_can_be_corrected_and_read(tmp_path: Path) -> None:
    path = tmp_path / "boats.csv"
    path.write_text(f'{HEAD}a;wan2.6-t2v;"=SUM(1;2)\nnext";99\nb;wan2.6-t2v;fine;5\nc;wan2.6-t2v;\'-x;98\n')
    _, repair = check(path)
    assert repair.bad_path == tmp_path / "boats.bad.csv"
    copy = repair.bad_path.read_text(encoding="utf-8-sig")
    assert "'=SUM(1;2)" in copy

    repair.bad_path.write_text(copy.replace(";99", ";5").replace(";98", ";6"))
    again, _ = check(repair.bad_path)

    assert again.log.error_count == 0
    assert again.plan.clip_count == 2
    assert again.options is not None
    assert again.options.name == "boats"


def test_the_problems_open_in_a_spreadsheet_without_running(tmp_path: Path) -> None:
    path = tmp_path / "boats.csv"
    path.write_text(f'{HEAD}=1+1;wan2.6-t2v;a boat;"=cmd"\n', encoding="utf-8-sig")

    _, repair = check(path)

    text = repair.errors_path.read_bytes()
    heading, row = csv.reader(text.decode("utf-8-sig").splitlines(), delimiter=";")
    assert tuple(heading) == ERROR_HEADINGS
    assert dict(zip(heading, row, strict=True))["seen"] == "'=cmd"
    assert text.startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_files_beside_are_written_like_the_sheet(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "boats.csv"
    path.write_text(f"{HEAD}a;wan2.6-t2v;ein Boot für drei;99\n".replace(";", delimiter), encoding=encoding)

    _, repair = check(path)

    assert repair.bad_path is not None
    for written in (repair.errors_path, repair.bad_path):
        content = written.read_bytes()
        heading, _ = csv.reader(content.decode("utf-8-sig").splitlines(), delimiter=delimiter)
        assert "custom_id" in heading
        assert content.startswith(b"\xef\xbb\xbf") is (encoding != "utf-8")


@pytest.mark.parametrize(
    ("row", "decimal"),
    [("a;5", ","), ("a;5.0", "."), ("a;5,0", ","), ('a,"5,0"', ","), ("a,5.0", "."), ("a,5", ".")],
)
def test_the_decimal_mark_is_the_one_in_the_sheet(tmp_path: Path, row: str, decimal: str) -> None:
    path = tmp_path / "boats.csv"
    delimiter = row[1]
    head = delimiter.join(("prompt", "duration", "model"))
    path.write_text(f"{head}\n{row}{delimiter}wan2.6-t2v\n")

    checked, _ = check(path)

    assert (checked.log.error_count, checked.csv_style) == (
        0, CsvStyle(delimiter=delimiter, decimal=decimal, has_byte_order_mark=False)
    )  # fmt: skip


def test_a_copy_that_somebody_corrects_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "boats.csv"
    path.write_text(f"{HEAD}a;wan2.6-t2v;a boat;99\n")
    _, repair = check(path)
    assert repair.bad_path is not None
    repair.bad_path.write_text("half done")

    check(path)

    assert (tmp_path / "boats.bad.csv~").read_text() == "half done"
    assert "99" in repair.bad_path.read_text()


def test_problems_that_are_gone_leave_no_file(tmp_path: Path) -> None:
    path = tmp_path / "boats.csv"
    path.write_text(f"{HEAD}a;wan2.6-t2v;a boat;99\n")
    check(path)
    path.write_text(f"{HEAD}a;wan2.6-t2v;a boat;5\n")

    _, repair = check(path)

    assert not repair.errors_path.exists()
    assert repair.bad_path is None


def test_an_interrupted_check_leaves_the_files_of_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "boats.csv"
    path.write_text(f"{HEAD}a;wan2.6-t2v;a boat;99\n")
    check(path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    with pytest.raises(KeyboardInterrupt):
        interrupt(path)

    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_bad_lines_of_json_are_copied_with_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "boats.jsonl"
    path.write_text('{"model": "wan2.6-t2v", "prompt": "a boat", "duration": 99}\n')
    _, repair = check(path)
    assert repair.bad_path is not None

    repair.bad_path.write_text(repair.bad_path.read_text().replace('"duration": 99', '"duration": 5'))

    assert "#problem" in repair.bad_path.read_text()
    assert check(repair.bad_path)[0].log.error_count == 0


@given(st.text(st.sampled_from("'=+-@\t\r\n\uff1d\uff0b\uff0d\uff201.,a "), max_size=8))
def test_escaping_is_undone_and_leaves_no_formula(cell: str) -> None:
    shown = escaped(cell)

    assert unescaped(shown) == cell
    assert not shown.startswith(("=", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
    assert not shown.startswith(("+", "-")) or shown[1:].replace(",", "").replace(".", "").isdigit()


def test_a_copy_says_from_which_line_each_row_is(tmp_path: Path) -> None:
    path = tmp_path / "boats.csv"
    path.write_text(f'{HEAD}a;wan2.6-t2v;"a\nboat";5\nb;wan2.6-t2v;a ship;99\n')
    _, repair = check(path)
    assert repair.bad_path is not None
    repair.bad_path.write_text(repair.bad_path.read_text().replace(";99", ";5"))

    with open_campaign(repair.bad_path) as campaign:
        (clip,) = campaign.clips(ProblemLog())

    assert (clip.line, clip.row_line, clip_object(clip)["clip"]["line"]) == (2, 4, 4)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_copy_is_corrected_where_it_is_and_not_copied_again(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"boats.{ending}"
    row = {"custom_id": "a", "model": "wan2.6-t2v", "prompt": "a boat", "duration": 99}
    path.write_text(f"{HEAD}a;wan2.6-t2v;a boat;99\n" if ending == "csv" else f"{json.dumps(row)}\n")
    _, repair = check(path)
    assert repair.bad_path is not None

    again, second = check(repair.bad_path)

    assert (again.log.bad_row_count, second.bad_path) == (1, None)
    assert {file.name for file in tmp_path.iterdir()} == {
        path.name, "boats.errors.csv", f"boats.bad.{ending}", "boats.bad.errors.csv"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["boats.csv", "boats.bad.csv", "boats.bad.bad.csv"])
def test_a_copy_belongs_to_the_campaign_of_its_file(name: str) -> None:
    assert campaign_name(Path(name)) == "boats"


def test_bad_rows_of_a_manifest_are_corrected_and_applied_with_it(tmp_path: Path) -> None:
    (tmp_path / "products.csv").write_text("SKU,Ground\nK-1,marble\nK-2,\n")
    manifest = tmp_path / "sale.yaml"
    manifest.write_text(
        "defaults: {model: wan2.6-t2v}\ntemplate: {prompt: 'a cup on {{ Ground }}', custom_id: '{{ SKU }}'}\n"
        "file: products.csv\n"
    )
    _, repair = check(manifest)
    assert repair.bad_path == tmp_path / "products.bad.csv"
    repair.bad_path.write_text(repair.bad_path.read_text().replace("K-2,", "K-2,slate"))

    again = check_file(manifest, region="ap-southeast-1", rows=repair.bad_path)

    assert again.log.error_count == 0
    with open_campaign(manifest, rows=repair.bad_path) as campaign:
        (clip,) = campaign.clips(ProblemLog())
    assert (campaign.options.name, clip.custom_id, clip.request.prompt) == ("sale", "K-2", "a cup on slate")
    assert (clip.row_line, clip.variables) == (3, {"SKU": "K-2", "Ground": "slate"})


def test_rows_take_the_place_of_a_manifests_and_of_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "boats.csv"
    path.write_text(f"{HEAD}a;wan2.6-t2v;a boat;5\n")

    checked = check_file(path, region="ap-southeast-1", rows=path)

    assert "--rows: it is no manifest" in checked.log.groups[0].first.message

"""Lines by day, in a folder and in a bucket: whole or not there, and read by another process."""

from __future__ import annotations

import json
import os
import shutil
from datetime import date
from pathlib import Path

import pytest

from models.settings import ServiceSettings
from models.storage import LineLog, StorageRefusedError, open_line_log
from reelqueue.errors import ConfigurationError
from tests.support.s3 import BUCKET, S3

MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 2)
LINE = '{"kind": "leaving", "model": "wan2.6-t2v/é"}'


@pytest.fixture(params=["folder", "bucket"])
def url(request: pytest.FixtureRequest, tmp_path: Path, s3: S3) -> str:
    return {"folder": f"file://{tmp_path}/a/.journal", "bucket": f"s3://{BUCKET}/studio/.journal"}[request.param]


def opened(url: str) -> LineLog:
    return open_line_log(url, timeout_seconds=5)


def test_what_several_processes_have_added_is_read_from_a_day_on(url: str) -> None:
    one, other = opened(url), opened(url)
    one.append(MONDAY, "early")
    one.append(TUESDAY, LINE)
    other.append(WEDNESDAY, "late", is_durable=False)
    other.append(WEDNESDAY, "later")

    assert sorted(opened(url).read(TUESDAY)) == ["late", "later", LINE]


def test_nothing_was_added_yet(url: str) -> None:
    assert list(opened(url).read(MONDAY)) == []


def test_earlier_days_are_removed(url: str) -> None:
    lines = opened(url)
    for day in (MONDAY, TUESDAY, WEDNESDAY):
        lines.append(day, day.isoformat())

    lines.remove_before(TUESDAY)

    assert sorted(lines.read(date.min)) == ["2026-12-01", "2026-12-02"]


def test_a_check_leaves_no_line(url: str) -> None:
    lines = opened(url)

    said = lines.check()

    assert lines.place in said
    assert list(lines.read(date.min)) == []


def test_a_line_that_its_writer_could_not_finish_is_left_out(tmp_path: Path) -> None:
    lines = opened(f"file://{tmp_path}")
    lines.append(MONDAY, "whole")
    (path,) = tmp_path.glob("*/*")
    path.write_text("whole\nha", encoding="utf-8")

    assert list(lines.read(MONDAY)) == ["whole"]


def test_after_a_line_that_was_not_written_the_next_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = opened(f"file://{tmp_path}")
    lines.append(MONDAY, "before")
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(lines, "_open", (MONDAY, Path("/dev/full"), full))

    with pytest.raises(StorageRefusedError, match="No space left"):
        lines.append(MONDAY, "lost")
    lines.append(MONDAY, "after")

    assert sorted(lines.read(MONDAY)) == ["after", "before"]


def test_a_line_is_on_the_disk_when_it_was_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = list[str]()
    flush = os.fdatasync

    def watched(file: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{file}").read_text(encoding="utf-8"))
        flush(file)

    monkeypatch.setattr(os, "fdatasync", watched)
    lines = opened(f"file://{tmp_path}")
    lines.append(MONDAY, "first")
    lines.append(MONDAY, "second", is_durable=False)
    lines.append(MONDAY, "third")

    assert flushed == ["first\n", "first\nsecond\nthird\n"]


@pytest.mark.parametrize("replaced", ["removed", "renamed"])
def test_a_folder_that_was_taken_away_is_made_again(tmp_path: Path, replaced: str) -> None:
    lines = opened(f"file://{tmp_path}/journal")
    lines.append(MONDAY, "before")
    if replaced == "removed":
        shutil.rmtree(tmp_path / "journal")
    else:
        (tmp_path / "journal").rename(tmp_path / "old")

    lines.append(MONDAY, "after")

    assert list(lines.read(MONDAY)) == ["after"]


def test_no_part_of_a_key_is_longer_than_a_file_name(s3: S3) -> None:
    long = json.dumps({"kind": "leaving", "facts": "x" * 460})
    lines = opened(f"s3://{BUCKET}/.journal")
    lines.append(MONDAY, long)

    (key,) = s3.objects()
    assert max(map(len, key.split("/"))) <= 255
    assert list(lines.read(MONDAY)) == [long]


@pytest.mark.parametrize("key", ["readme", "notes/readme.txt"])
def test_a_key_of_another_program_is_shown_as_it_is(s3: S3, key: str) -> None:
    lines = opened(f"s3://{BUCKET}/.journal")
    lines.append(MONDAY, LINE)
    s3.moto.put(f"/{BUCKET}/.journal/2026-11-30/{key}").raise_for_status()

    assert sorted(lines.read(MONDAY)) == sorted([LINE, f"2026-11-30/{key}"])


def test_a_place_that_takes_nothing_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    lines = opened(f"file://{tmp_path}/file/.journal")

    with pytest.raises(StorageRefusedError, match="make it a folder"):
        lines.append(MONDAY, "line")


def test_a_missing_bucket_is_said(s3: S3) -> None:
    lines = opened("s3://no-such-bucket/.journal")

    with pytest.raises(StorageRefusedError, match="NoSuchBucket"):
        lines.append(MONDAY, "line")
    with pytest.raises(StorageRefusedError, match="NoSuchBucket"):
        list(lines.read(MONDAY))


PLACES = [
    (None, "/srv/clips/.journal"),
    ("", "/srv/clips/.journal"),  # as compose.yaml leaves it
    ("file:///srv/journal", "/srv/journal"),
    ("off", None),
]


@pytest.mark.parametrize(("journal_url", "place"), PLACES)
def test_the_journal_is_beside_the_clips_unless_set(journal_url: str | None, place: str | None) -> None:
    journal = ServiceSettings(archive_url="file:///srv/clips/", journal_url=journal_url).open_journal()

    assert (journal and journal.place) == place


def test_another_scheme_names_the_variable() -> None:
    with pytest.raises(ConfigurationError, match="REELQUEUE_JOURNAL_URL is 'ftp://x/y'"):
        opened("ftp://x/y")

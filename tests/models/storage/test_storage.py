"""The archive's folder: files appear whole under their key, or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from models.storage import LocalArchive, open_archive
from reelqueue.errors import ConfigurationError


@pytest.fixture
def archive(tmp_path: Path) -> LocalArchive:
    return LocalArchive(tmp_path / "archive")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "..", "../x", "a/../../x", "a/..", "//x", "2026/../../x.mp4"],
)
def test_a_key_never_leaves_the_archive(archive: LocalArchive, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        archive.path(key)


@pytest.mark.parametrize("key", ["a.mp4", "2026/11/23/a.mp4", "a..b/c", "./a"])
def test_a_key_is_a_place_below_the_root(archive: LocalArchive, key: str) -> None:
    assert archive.path(key).is_relative_to(archive.root)


def test_a_file_is_kept_under_its_key(archive: LocalArchive) -> None:
    with archive.incoming(".mp4") as incoming:
        incoming.write_bytes(b"video")
        archive.keep(incoming, "2026/11/23/a.mp4", sha256=sha256(b"video"))

    kept = archive.path("2026/11/23/a.mp4")
    assert kept.read_bytes() == b"video"
    assert kept.stat().st_mode & 0o777 == 0o644


def test_a_file_that_was_not_kept_is_gone(archive: LocalArchive) -> None:
    with archive.incoming(".mp4") as incoming:
        incoming.write_bytes(b"half a video")

    assert [path for path in archive.root.rglob("*") if path.is_file()] == []


def test_an_error_leaves_nothing(archive: LocalArchive) -> None:
    with pytest.raises(IsADirectoryError), archive.incoming(".mp4"):
        archive.root.write_bytes(b"half a video")

    assert [path for path in archive.root.rglob("*") if path.is_file()] == []


def test_the_same_key_again_replaces_the_file_at_once(archive: LocalArchive) -> None:
    for content in (b"first", b"second"):
        with archive.incoming(".mp4") as incoming:
            incoming.write_bytes(content)
            archive.keep(incoming, "a.mp4", sha256=sha256(content))

    assert archive.path("a.mp4").read_bytes() == b"second"


def test_incoming_files_are_on_the_archives_own_file_system(archive: LocalArchive) -> None:
    with archive.incoming(".mp4") as incoming:
        assert incoming.is_relative_to(archive.root)
        assert incoming.stat().st_dev == archive.root.stat().st_dev


def test_a_crash_takes_neither_a_kept_file_nor_its_new_folders(
    archive: LocalArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = set()
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.add(os.fstat(descriptor).st_ino))

    with archive.incoming(".mp4") as incoming:
        archive.keep(incoming, "2026/11/a.mp4", sha256=sha256(b""))

    year = archive.root / "2026"
    assert flushed == {path.stat().st_ino for path in (year / "11" / "a.mp4", year / "11", year, archive.root)}


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///var/lib/clips", "/var/lib/clips"),
        ("file:/var/lib/clips", "/var/lib/clips"),
        ("file:///var/my%20clips", "/var/my clips"),
        ("file:.reelqueue/archive", str(Path(".reelqueue/archive").absolute())),
    ],
)
def test_a_file_url_is_a_folder(url: str, path: str) -> None:
    assert open_archive(url).root == Path(path)


@pytest.mark.parametrize(
    "url", ["s3://", "s3:clips", "ftp://clips", "file://host/clips", "/var/lib/clips", "file:", "", "https://x/y"]
)
def test_another_url_is_refused_with_the_variables_name(url: str) -> None:
    with pytest.raises(ConfigurationError, match="REELQUEUE_ARCHIVE_URL"):
        open_archive(url)


def test_what_a_killed_process_left_behind_is_discarded_by_its_owner(archive: LocalArchive) -> None:
    with archive.incoming(".mp4", owner="mine"), archive.incoming(".mp4", owner="another") as another:
        archive.discard_incoming("mine")

        assert [path for path in archive.root.rglob("*") if path.is_file()] == [another]

"""The archive in a bucket, on a real S3 server: whole under its key or not there, and clear about what went wrong."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from models.storage import Archive, StorageError, StorageRefusedError, StorageUnavailableError, open_archive
from reelqueue.errors import ConfigurationError
from tests.support.s3 import ARCHIVE_URL, KEY_ID, S3, SECRET, answering, cutting, garbling, stalling

KEY = "2026/11/23/a.mp4"
LARGE = 11 * 1024**2
"""Three parts of a multipart upload."""


def keep(archive: Archive, content: bytes, key: str = KEY) -> None:
    with archive.incoming(".mp4", owner="mine") as incoming:
        incoming.write_bytes(content)
        archive.keep(incoming, key, sha256=hashlib.sha256(content).hexdigest())


def test_a_file_is_kept_under_its_key_below_the_prefix(s3: S3, archive: Archive) -> None:
    keep(archive, b"video")

    kept = s3.read(f"studio/{KEY}")
    assert (s3.objects(), kept.content) == ([f"studio/{KEY}"], b"video")
    assert kept.headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize("key", ["spring/shoe #1 50%.mp4", "é/雨の港.mp4", "a=b+c@d(e)[f]~g.mp4"])
def test_a_readable_name_stays_as_it_is(s3: S3, archive: Archive, key: str) -> None:
    keep(archive, b"video", key)

    assert s3.objects() == [f"studio/{key}"]
    assert b"".join(archive.open(key)) == b"video"


def test_a_large_file_is_sent_in_parts_and_read_back(s3: S3, archive: Archive) -> None:
    content = bytes(range(256)) * (LARGE // 256)

    keep(archive, content)

    assert b"".join(archive.open(KEY)) == content
    assert len([path for method, path in s3.seen if method == "PUT" and "partNumber" in path]) == 3


@pytest.mark.parametrize(
    ("begin", "end", "found"), [(0, 2, b"vi"), (2, 4, b"de"), (3, None, b"eo"), (0, None, b"video")]
)
def test_a_part_of_a_file_is_read(archive: Archive, begin: int, end: int | None, found: bytes) -> None:
    keep(archive, b"video")

    assert b"".join(archive.open(KEY, begin=begin, end=end)) == found


def test_the_same_key_again_replaces_the_file(s3: S3, archive: Archive) -> None:
    keep(archive, b"first")
    keep(archive, b"second")

    assert s3.read(f"studio/{KEY}").content == b"second"


def test_a_file_that_is_not_there_is_told_from_a_bucket_that_is_not(s3: S3, archive: Archive) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no gone\.mp4 in s3://clips/studio"):
        archive.open("gone.mp4")
    with pytest.raises(StorageRefusedError, match="NoSuchBucket"):
        open_archive("s3://nobodys/studio").open("gone.mp4")


def test_no_file_stays_on_this_host(archive: Archive, tmp_path: Path) -> None:
    keep(archive, b"video")

    assert list(tmp_path.rglob("*.mp4")) == []


REFUSALS = [
    (403, "AccessDenied"),
    (403, "InvalidAccessKeyId"),
    (401, "ExpiredToken"),
    (404, "NoSuchBucket"),
    (400, "x"),
]


@pytest.mark.parametrize(("status", "code"), REFUSALS)
def test_what_a_person_must_mend_is_said_so(s3: S3, archive: Archive, status: int, code: str) -> None:
    s3.misbehave(answering(status, code))

    with pytest.raises(StorageRefusedError, match=rf"s3://clips/studio: HTTP {status} {code}; check the bucket's name"):
        keep(archive, b"video")


@pytest.mark.parametrize(("status", "code"), [(500, "InternalError"), (503, "SlowDown"), (429, "x")])
def test_what_heals_by_itself_is_said_so(s3: S3, archive: Archive, status: int, code: str) -> None:
    s3.misbehave(answering(status, code))

    with pytest.raises(StorageUnavailableError, match=f"HTTP {status} {code}"):
        keep(archive, b"video")
    assert s3.objects() == []


@pytest.mark.parametrize("fault", [answering(503, "SlowDown", times=1), cutting(times=1)], ids=["503", "cut"])
def test_one_bad_answer_is_asked_over(s3: S3, archive: Archive, fault: object) -> None:
    s3.misbehave(fault)  # type: ignore[arg-type]

    keep(archive, b"video")

    assert s3.read(f"studio/{KEY}").content == b"video"


def test_an_upload_that_is_cut_off_leaves_no_file(s3: S3, archive: Archive) -> None:
    s3.misbehave(cutting())

    with pytest.raises(StorageUnavailableError):
        keep(archive, b"video")
    assert s3.objects() == []


@pytest.mark.parametrize(
    "fault", [answering(403, "AccessDenied", marked="partNumber=3"), cutting(marked="partNumber=3")]
)
def test_parts_of_an_upload_that_fails_are_abandoned(s3: S3, archive: Archive, fault: object) -> None:
    s3.misbehave(fault)  # type: ignore[arg-type]

    with pytest.raises(StorageError):
        keep(archive, bytes(LARGE))

    assert ("DELETE" in [method for method, _ in s3.seen], s3.uploads(), s3.objects()) == (True, [], [])


def test_a_bucket_that_never_answers_is_given_up_and_the_worker_seen_alive(s3: S3, tmp_path: Path) -> None:
    archive, beats, done = open_archive(ARCHIVE_URL, scratch=tmp_path, timeout_seconds=1), [], threading.Event()
    s3.misbehave(stalling(done))

    with archive.incoming(".mp4") as incoming, pytest.raises(StorageUnavailableError):
        archive.keep(incoming, KEY, sha256="", renew=lambda: beats.append(1))

    done.set()
    assert beats != []


def test_what_reads_back_otherwise_is_not_kept(s3: S3, archive: Archive) -> None:
    s3.misbehave(garbling())

    with pytest.raises(StorageUnavailableError, match="reads back otherwise"):
        keep(archive, b"video")
    assert s3.objects() == []


def test_a_bucket_that_works_is_well(archive: Archive) -> None:
    assert archive.check() == "s3://clips/studio takes and gives files"


def test_no_key_is_ever_quoted(s3: S3, archive: Archive) -> None:
    s3.misbehave(answering(403, "InvalidAccessKeyId"))

    with pytest.raises(StorageError) as refused:
        archive.check()

    shown = f"{refused.value!r} {archive!r} {archive.place} {refused.value.__context__!r} {vars(archive)}"
    assert SECRET not in shown
    assert KEY_ID not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["s3://key:secret@clips/x", "https://a.blob.core.windows.net/c?sig=secret", "s3://c?x=secret"]
)
def test_credentials_in_the_url_are_refused_unquoted(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_archive(url)

    assert "secret" not in str(refused.value)


def test_a_container_without_its_account_is_a_setting_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)

    with pytest.raises(ConfigurationError, match="Account must be specified"):
        open_archive("az://clips/studio")


@pytest.fixture
def archive(s3: S3, tmp_path: Path) -> Archive:
    return open_archive(ARCHIVE_URL, scratch=tmp_path / "scratch", timeout_seconds=5)

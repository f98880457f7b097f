"""The video and the poster of a job: whole, in parts, and when they are not there."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from models.asset import Asset, AssetKind
from models.storage import open_archive
from tests.api.conftest import Enqueue, job_id, problem

CONTENT = bytes(range(256)) * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def test_the_job_says_where_its_video_is_and_what_it_measures(api: httpx.Client, video: str) -> None:
    asset = api.get(video.removesuffix("/asset")).json()["asset"]

    assert asset == {
        "url": video,
        "content_type": "video/mp4",
        "sha256": DIGEST,
        "size_bytes": len(CONTENT),
        "duration_seconds": 5.04,
        "width": 1280,
        "height": 720,
        "has_audio": True,
    }


def test_the_video_is_a_download_named_after_its_job(api: httpx.Client, video: str) -> None:
    answer = api.get(video)

    name = f"{video.split('/')[3]}.mp4"
    assert answer.content == CONTENT
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-9", 0, 9),
        ("bytes=255000-", 255_000, 255_999),
        ("bytes=-6", 255_994, 255_999),
        ("bytes=9-999999999", 9, 255_999),
    ],
)
def test_a_range_gives_that_part(api: httpx.Client, video: str, asked: str, first: int, last: int) -> None:
    answer = api.get(video, headers={"Range": asked})

    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/256000"
    assert answer.content == CONTENT[first : last + 1]


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=x", "lines=1-2", "bytes=0-1,5-6", "bytes=" + "9" * 5000, "="])
def test_a_range_that_means_nothing_here_gives_the_whole(api: httpx.Client, video: str, asked: str) -> None:
    answer = api.get(video, headers={"Range": asked})

    assert answer.status_code == 200
    assert answer.content == CONTENT


@pytest.mark.parametrize("asked", ["bytes=256000-", "bytes=-0"])
def test_a_range_beyond_the_end_is_a_problem(api: httpx.Client, video: str, asked: str) -> None:
    answer = api.get(video, headers={"Range": asked})

    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */256000"
    assert problem(answer)["code"] == "range_not_satisfiable"


def test_a_download_is_resumed_only_while_the_content_is_the_same(api: httpx.Client, video: str) -> None:
    same = api.get(video, headers={"Range": "bytes=9-", "If-Range": f'"{DIGEST}"'})
    other = api.get(video, headers={"Range": "bytes=9-", "If-Range": '"other"'})

    assert (same.status_code, other.status_code) == (206, 200)


def test_a_poster_is_shown_in_place(api: httpx.Client, rows: Session, settings: ApiSettings, enqueue: Enqueue) -> None:
    job = enqueue()
    store(rows, settings, job, AssetKind.POSTER, "image/jpeg", ".jpg")

    poster = api.get(f"/v1/jobs/{job['id']}").json()["poster_url"]
    answer = api.get(poster)

    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"].startswith("inline")


@pytest.mark.parametrize("kind", ["asset", "poster"])
def test_a_job_without_the_file_is_a_conflict_that_names_its_state(
    api: httpx.Client, enqueue: Enqueue, kind: str
) -> None:
    answer = api.get(f"/v1/jobs/{enqueue()['id']}/{kind}")

    assert answer.status_code == 409
    assert "queued" in problem(answer)["detail"]


def test_a_file_that_left_the_archive_is_a_problem(api: httpx.Client, settings: ApiSettings, video: str) -> None:
    open_archive(settings.archive_url).path(f"2026/11/23/{video.split('/')[3]}.mp4").unlink()

    answer = api.get(video)

    assert answer.status_code == 404
    assert problem(answer)["code"] == "file_missing"


@pytest.fixture
def video(rows: Session, settings: ApiSettings, enqueue: Enqueue) -> str:
    """Where the stored video of a job is."""
    job = enqueue()
    store(rows, settings, job, AssetKind.VIDEO, "video/mp4", ".mp4")
    return f"/v1/jobs/{job['id']}/asset"


def store(
    rows: Session, settings: ApiSettings, job: dict[str, str], kind: AssetKind, content_type: str, suffix: str
) -> None:
    """Keep CONTENT as a file of *job*."""
    archive = open_archive(settings.archive_url)
    key = f"2026/11/23/{job['id']}{suffix}"
    with archive.incoming(suffix) as path:
        path.write_bytes(CONTENT)
        archive.keep(path, key, sha256=DIGEST)
    measured = {"width_px": 1280, "height_px": 720, "duration_seconds": 5.04, "has_audio": True}
    rows.add(
        Asset(
            job_id=job_id(job), kind=kind, path=key, content_type=content_type, size_bytes=len(CONTENT), sha256=DIGEST,
            created_at=datetime.now(UTC), **measured,
        )
    )  # fmt: skip
    rows.commit()

"""Files of jobs out of a bucket: through the API, whole or in parts, and when the bucket does not answer."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from models.asset import AssetKind
from tests.api.conftest import Enqueue, problem, serving
from tests.api.test_files import CONTENT, DIGEST, store
from tests.support.s3 import ARCHIVE_URL, S3, answering


@pytest.fixture
def bucket(settings: ApiSettings, s3: S3) -> ApiSettings:
    """Settings of an API whose archive is a bucket."""
    assert s3.objects() == []
    return settings.model_copy(update={"archive_url": ARCHIVE_URL})


@pytest.fixture
def video(bucket: ApiSettings, rows: Session, enqueue: Enqueue) -> str:
    """Where the API serves a video that is in the bucket."""
    job = enqueue()
    store(rows, bucket, job, AssetKind.VIDEO, "video/mp4", ".mp4")
    return f"/v1/jobs/{job['id']}/asset"


@pytest.fixture
def door(bucket: ApiSettings) -> Iterator[httpx.Client]:
    """The API over that bucket."""
    with serving(bucket) as client:
        yield client


def test_a_video_comes_whole(door: httpx.Client, video: str) -> None:
    answer = door.get(video)

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert (answer.headers["content-type"], answer.headers["etag"]) == ("video/mp4", f'"{DIGEST}"')


def test_a_part_comes_as_a_part(door: httpx.Client, video: str) -> None:
    answer = door.get(video, headers={"Range": "bytes=1000-1999"})

    assert (answer.status_code, answer.content) == (206, CONTENT[1000:2000])
    assert answer.headers["content-range"] == "bytes 1000-1999/256000"


def test_a_file_that_left_the_bucket_is_told_from_a_bucket_that_is_down(door: httpx.Client, s3: S3, video: str) -> None:
    s3.misbehave(answering(404, "NoSuchKey", method="GET"))
    gone = door.get(video)
    s3.misbehave(answering(403, "AccessDenied", method="GET"))
    refused = door.get(video)

    assert (gone.status_code, problem(gone)["code"]) == (404, "file_missing")
    assert (refused.status_code, problem(refused)["code"]) == (503, "archive_unavailable")
    assert int(refused.headers["retry-after"]) > 0

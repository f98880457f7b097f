"""A download appears whole and verified under its name, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reelqueue import RenderJobError, RenderJobHandle, UnavailableError
from tests.reelqueue.client.conftest import JOB_ID, Handler, World, job

CONTENT = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Flow(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that may break off."""

    def __init__(self, *chunks: bytes | httpx.TransportError) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if isinstance(chunk, httpx.TransportError):
                raise chunk
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


def test_a_video_is_brought_to_its_path(world: World, tmp_path: Path) -> None:
    handle = finished(world, [Flow(CONTENT[:7], CONTENT[7:])])

    path = world.run(handle.download(tmp_path / "boat.mp4"))

    assert path == tmp_path / "boat.mp4"
    assert path.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_gets_a_file_named_after_the_job(world: World, tmp_path: Path) -> None:
    handle = finished(world, [Flow(CONTENT)])

    path = world.run(handle.download(tmp_path))

    assert path == tmp_path / f"{JOB_ID}.mp4"


def test_a_broken_download_begins_again(world: World, tmp_path: Path) -> None:
    broken = Flow(CONTENT[:1000], httpx.ReadError("connection reset"))
    handle = finished(world, [broken, broken, Flow(CONTENT)])

    path = world.run(handle.download(tmp_path / "boat.mp4"))

    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("arrived", [CONTENT[:-1], CONTENT + b"x", b""], ids=["short", "long", "empty"])
def test_other_bytes_than_promised_leave_the_old_file(world: World, tmp_path: Path, arrived: bytes) -> None:
    target = tmp_path / "boat.mp4"
    target.write_bytes(b"the film of yesterday")
    handle = finished(world, [Flow(arrived)])

    with pytest.raises(UnavailableError, match="nothing was kept"):
        world.run(handle.download(target))

    assert target.read_bytes() == b"the film of yesterday"
    assert list(tmp_path.iterdir()) == [target]


def test_a_download_out_of_time_leaves_nothing(world: World, tmp_path: Path) -> None:
    handle = finished(world, [Flow(CONTENT)])

    with pytest.raises(UnavailableError, match="not finished in time"):
        world.run(handle.download(tmp_path / "boat.mp4", timeout_seconds=-1))

    assert list(tmp_path.iterdir()) == []


def test_a_job_without_a_video_has_nothing_to_download(world: World, tmp_path: Path) -> None:
    client = world.client(lambda _: httpx.Response(200, json=job()))

    with pytest.raises(RenderJobError, match="wait for the job first"):
        world.run(world.run(client.get(JOB_ID)).download(tmp_path))


def test_a_server_cannot_send_the_key_elsewhere(world: World, tmp_path: Path) -> None:
    asked: list[httpx.URL] = []
    handler = answering(job(**done(url="http://evil.example/steal")), [Flow(CONTENT)])

    def watched(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return handler(request)

    client = world.client(watched, api_key="rq_key")
    world.run(world.run(client.get(JOB_ID)).download(tmp_path))

    assert {url.host for url in asked} == {"reelqueue.test"}


def finished(world: World, bodies: list[Flow]) -> RenderJobHandle:
    """A handle of a job whose video is served in turn by *bodies*."""
    handle: RenderJobHandle = world.run(world.client(answering(job(**done()), bodies)).get(JOB_ID))
    return handle


def answering(answer: dict[str, Any], bodies: list[Flow]) -> Handler:
    """A server of one job and its video."""
    remaining = iter(bodies)

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/asset"):
            return httpx.Response(200, stream=next(remaining))
        return httpx.Response(200, json=answer)

    return handle


def done(url: str = f"/v1/jobs/{JOB_ID}/asset") -> dict[str, Any]:
    """What sets a finished job apart."""
    asset = {
        "url": url, "content_type": "video/mp4", "sha256": DIGEST, "size_bytes": len(CONTENT),
        "duration_seconds": 5.04, "width": 1280, "height": 720, "has_audio": True,
    }  # fmt: skip
    return {"state": "succeeded", "is_terminal": True, "asset": asset}

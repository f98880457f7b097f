"""The official SDK, unmodified, in both of its APIs, against a simulator process.

It runs in a process of its own, because it reads its settings when it is imported and leaves sockets open.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.conftest import Simulator

SYNC = """
    from dashscope import VideoSynthesis

    sent = VideoSynthesis.async_call(model="wan2.6-t2v", prompt="a cat [[run=10]]", size="1280*720", duration=3)
    assert sent.output.task_status == "PENDING", sent
    assert VideoSynthesis.fetch(sent).status_code == 200
    done = VideoSynthesis.wait(sent)
    assert done.output.task_status == "SUCCEEDED", done
    assert done.usage["duration"] == 3, done.usage
    assert VideoSynthesis.list().output["data"][0]["task_id"] == done.output.task_id
    assert VideoSynthesis.cancel(sent).code == "UnsupportedOperation"
    download(done.output.video_url)
"""
CANCEL = """
    from dashscope import VideoSynthesis

    sent = VideoSynthesis.async_call(model="wan2.6-t2v", prompt="a cat [[queue=9000]]")
    assert VideoSynthesis.cancel(sent).status_code == 200
    assert VideoSynthesis.wait(sent).output.task_status == "CANCELED"
"""
UPLOAD = """
    from dashscope import VideoSynthesis

    done = VideoSynthesis.call(model="wan2.6-i2v-flash", prompt="[[run=10]]", img_url=PICTURE, audio=False)
    assert done.output.task_status == "SUCCEEDED", done
    assert done.usage["audio"] is False
    media = [{"type": "first_frame", "url": PICTURE}]
    done = VideoSynthesis.call(model="wan2.7-i2v", prompt="[[run=10]]", media=media, resolution="720P")
    assert done.output.task_status == "SUCCEEDED", done
    done = VideoSynthesis.call(
        model="wan2.6-r2v", prompt="character1 [[run=10]]", reference_urls=[PICTURE], size="1280*720"
    )
    assert done.output.task_status == "SUCCEEDED", done
"""
FIRST_LAST = """
    from dashscope import VideoSynthesis

    done = VideoSynthesis.call(
        model="wan2.2-kf2v-flash", prompt="[[run=10]]", first_frame_url=PICTURE, last_frame_url=PICTURE
    )
    assert done.output.task_status == "SUCCEEDED", done
"""
FAILURES = """
    from dashscope import VideoSynthesis

    refused = VideoSynthesis.async_call(model="no-such-model", prompt="a")
    assert (refused.status_code, refused.message) == (400, "Model not exist."), refused
    failed = VideoSynthesis.call(model="wan2.6-t2v", prompt="a", size="1*1")
    assert failed.status_code == 200
    assert failed.output.task_status == "FAILED"
    assert failed.output.code == "InvalidParameter"
"""
AIO = """
    import asyncio
    from dashscope.aigc.video_synthesis import AioVideoSynthesis

    async def main():
        sent = await AioVideoSynthesis.async_call(model="wan2.5-t2v-preview", prompt="[[run=10]]", size="832*480")
        done = await AioVideoSynthesis.wait(sent)
        assert done.output.task_status == "SUCCEEDED", done
        assert done.usage["video_duration"] == 5
        assert (await AioVideoSynthesis.list()).output["total"] == 1
        assert (await AioVideoSynthesis.cancel(sent)).code == "UnsupportedOperation"

    asyncio.run(main())
"""
CLIENT = """
    import dashscope

    with dashscope.Client(api_key="sk-test", base_url=BASE_URL, max_retries=0) as client:
        job = client.videos.generate(model="wan2.6-t2v", prompt="[[run=10]]", size="1280*720")
        download(job.output["video_url"])
        media = [{"type": "first_frame", "url": PICTURE}]
        job = client.videos.generate(model="wan2.7-i2v", media=media, resolution="720P")
        assert job.output["video_url"]
        assert client.videos.jobs.list().total == 2
"""
AIO_CLIENT = """
    import asyncio
    import dashscope

    async def main():
        async with dashscope.AsyncClient(api_key="sk-test", base_url=BASE_URL, max_retries=0) as client:
            job = await client.videos.generate(model="wan2.6-t2v", prompt="[[run=10]]", size="1280*720")
            assert job.output["video_url"]

    asyncio.run(main())
"""
PRELUDE = """
    import os
    import urllib.request

    BASE_URL, PICTURE = os.environ["DASHSCOPE_HTTP_BASE_URL"], os.environ["PICTURE"]

    def download(url):
        with urllib.request.urlopen(url) as answer:
            assert answer.read(12)[4:8] == b"ftyp"
"""


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(SYNC, id="1.x"),
        pytest.param(CANCEL, id="1.x cancel"),
        pytest.param(UPLOAD, id="1.x local files"),
        pytest.param(FIRST_LAST, id="1.x first and last frame"),
        pytest.param(FAILURES, id="1.x failures"),
        pytest.param(AIO, id="1.x aio"),
        pytest.param(CLIENT, id="2.x"),
        pytest.param(AIO_CLIENT, id="2.x aio"),
    ],
)
def test_the_official_sdk_runs_unmodified(simulator: Simulator, tmp_path: Path, script: str) -> None:
    simulator.control.post("config", json={"clips": {"width": 64, "height": 36, "seconds": 0.5}})
    picture = tmp_path / "first.png"
    Image.new("RGB", (640, 480), "teal").save(picture)
    environment = os.environ | {
        "DASHSCOPE_HTTP_BASE_URL": f"{simulator.base_url}/api/v1",
        "DASHSCOPE_API_KEY": "sk-test",
        "NO_PROXY": "127.0.0.1",
        "PICTURE": str(picture),
    }
    code = dedent(PRELUDE) + dedent(script)

    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=90, check=False
    )

    assert run.returncode == 0, run.stderr

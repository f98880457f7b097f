"""An app that submits renders, written only to be type-checked: `test_checkers.py` runs mypy and pyright over it.

A line that ends in an ignore comment must be an error: both checkers report an ignore comment that is not needed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Unpack, assert_type
from uuid import UUID

from reelqueue import (
    AsyncClient,
    AsyncRenderJobHandle,
    Client,
    ImageToVideo,
    Job,
    MediaItem,
    MediaSource,
    ReferenceToVideo,
    RenderJobError,
    RenderJobHandle,
    RenderState,
    RequestOptions,
    TextToVideo,
    VideoEdit,
    parse_request,
)
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.schemas.campaigns import Campaign
from reelqueue.webhooks import WebhookEvent, WebhookSecret, verify


def pictures(cup: Path, upload: bytes) -> None:
    ImageToVideo(model="wan2.6-i2v", image=cup)
    ImageToVideo(model="wan2.6-i2v", image=upload, prompt="it turns")
    ImageToVideo(model="wan2.7-i2v", image="https://media.example/a.png", last_frame=Path("b.png"))
    kept = ImageToVideo(model="wan2.6-i2v", image=cup)
    assert_type(kept.image, str | None)
    ImageToVideo(model="wan2.6-i2v", image=7)  # type: ignore[arg-type]


def references(urls: list[str]) -> None:
    kept = ReferenceToVideo(model="wan2.6-r2v", prompt="character1 waves", reference_urls=urls)
    assert_type(kept.reference_urls, tuple[str, ...] | None)
    ReferenceToVideo(
        model="wan2.6-r2v", prompt="they wave", reference_urls=["https://media.example/a.mp4", Path("b.png")]
    )
    ReferenceToVideo(model="wan2.6-r2v", prompt="they wave", reference_urls=("https://media.example/a.mp4",))
    ReferenceToVideo(model="wan2.6-r2v", prompt="they wave", reference_urls=[7])  # type: ignore[list-item]


def media() -> None:
    item = MediaItem(type="video", url="https://media.example/a.mp4")
    VideoEdit(model="wan2.7-videoedit", prompt="make it snow", media=[item])
    edit = VideoEdit(model="wan2.7-videoedit", media=[item, {"type": "reference_image", "url": Path("b.png")}])
    assert_type(edit.media, tuple[MediaItem, ...] | None)
    MediaItem(url="https://media.example/a.mp4")  # type: ignore[call-arg]
    MediaItem(type="video", uri="https://media.example/a.mp4")  # type: ignore[call-arg]


def words(kind: str) -> None:
    TextToVideo(prompt="a model is missing")  # type: ignore[call-arg]
    TextToVideo(model="wan2.6-t2v", promt="misspelt")  # type: ignore[call-arg]
    TextToVideo(model="wan2.6-t2v", image="of another kind")  # type: ignore[call-arg]
    TextToVideo(model="wan2.6-t2v", shot_type=kind)  # type: ignore[arg-type]
    TextToVideo(model="wan2.6-t2v", prompt="fox", metadata={"order": 7}, headers={"X-A": "b"}, raw={"n": 1})
    TextToVideo(model="wan2.6-t2v", prompt="fox", start_by=datetime.now(UTC), on_timeout="cancel", priority=5)
    assert_type(TextToVideo(model="wan2.6-t2v").warnings, tuple[str, ...])


def submits(client: Client, options: Mapping[str, object], cup: Path) -> None:
    handle = client.submit(model="wan2.6-t2v", prompt="a fox", duration=5, idempotency_key="order-7")
    assert_type(handle, RenderJobHandle)
    assert_type(handle.id, UUID)
    assert_type(handle.state(), RenderState)
    assert_type(handle.job.state, RenderState)
    assert_type(handle.wait(timeout_seconds=600, on_change=print), Job)
    assert_type(handle.download("fox.mp4"), Path)
    client.submit(ImageToVideo(model="wan2.6-i2v", image=cup))
    client.submit(options, priority=3)
    client.submit({"model": "wan2.6-t2v", "negativePrompt": "rain"})
    client.submit(model="wan2.6-i2v", image=cup)
    client.submit(model="wan3.0-video", reference_urls=[cup], mode="reference-to-video")
    client.submit(parse_request(options))
    client.submit(model="wan2.6-t2v", promt="misspelt")  # type: ignore[call-arg]
    client.submit(model="wan2.6-t2v", duration="5")  # type: ignore[arg-type]
    client.preview(model="wan2.6-t2v", promt="misspelt")  # type: ignore[call-arg]


def wrapped(client: Client, picture: MediaSource, **options: Unpack[RequestOptions]) -> RenderJobHandle:
    options["image"] = picture
    return client.submit(**options)


def reads(client: Client, handle: RenderJobHandle) -> None:
    try:
        job = handle.wait()
    except RenderJobError as error:
        assert_type(error.job_id, UUID)
        assert_type(error.code, str | None)
        return
    if job.asset is not None and job.estimated_cost is not None:
        assert_type(job.asset.duration_seconds, Decimal | None)
        assert_type(job.estimated_cost.max_amount, Decimal)
    for each in client.jobs(state=[RenderState.FAILED], created_after=datetime.now(UTC)):
        assert_type(each, Job)
    job.asset.url.upper()  # type: ignore[union-attr]


def campaigns(client: Client) -> None:
    assert_type(client.campaigns.get("autumn"), Campaign)
    assert_type(client.campaigns.put(CampaignOptions(name="autumn")), Campaign)
    assert_type(client.webhooks.make("https://app.example/hook"), WebhookSecret)


def receives(body: bytes, headers: Mapping[str, str], secret: str) -> None:
    assert_type(verify(body, headers, secret), WebhookEvent)


async def awaits(cup: Path) -> None:
    async with AsyncClient("http://127.0.0.1:8000", api_key="rq_1") as client:
        handle = await client.submit(model="wan2.6-i2v", image=cup)
        assert_type(handle, AsyncRenderJobHandle)
        assert_type(await handle.wait(), Job)
        assert_type(await client.campaigns.get("autumn"), Campaign)
        await client.submit(model="wan2.6-t2v", promt="misspelt")  # type: ignore[call-arg]
        async for job in client.jobs(state=RenderState.FAILED):
            assert_type(job, Job)

"""The asyncio client's calls on campaigns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import UUID

from reelqueue.campaigns.options import CampaignOptions
from reelqueue.campaigns.plan.server_diff import ServerState
from reelqueue.client._campaigns import gallery_operations as gallery
from reelqueue.client._campaigns import operations as ops
from reelqueue.client._campaigns.gallery_operations import Deciding, Sheet
from reelqueue.client._campaigns.operations import Export
from reelqueue.client._drivers import AsyncDriver
from reelqueue.client._operations import Running
from reelqueue.client._steps import DOWNLOAD_SECONDS
from reelqueue.schemas.campaigns import (
    Campaign,
    CsvStyle,
    DecidedClips,
    GalleryFile,
    GalleryPage,
    ImportedClips,
    ModelSpeed,
    RetriedClips,
    StagedClips,
    WaitingClips,
)


class AsyncCampaignCalls:
    """Campaigns on one server; errors as `CampaignCalls` has them."""

    def __init__(self, driver: AsyncDriver, retry_seconds: float) -> None:
        self._driver = driver
        self._retry_seconds = retry_seconds

    async def put(self, options: CampaignOptions, *, file_name: str | None = None) -> Campaign:
        """Make a campaign, or change how it is run: all options are set, in force at the next dispatch.

        Arguments and errors are those of `CampaignCalls.put`.
        """
        return await self._driver.run(ops.put(options, file_name, self._retry_seconds))

    async def get(self, name: str) -> Campaign:
        """The campaign as it is now.

        Arguments and errors are those of `CampaignCalls.get`.
        """
        return await self._driver.run(ops.get(name, self._retry_seconds))

    async def list(self, *, limit: int = 50) -> list[Campaign]:
        """The newest campaigns."""
        return (await self._driver.run(ops.listed(limit, self._retry_seconds))).items

    async def known(self, name: str) -> ServerState:
        """What the campaign holds already, to be compared with its file."""
        return await self._driver.run(ops.known(name, self._retry_seconds))

    async def speeds(self, models: Iterable[str]) -> tuple[ModelSpeed, ...]:
        """How fast some models render on the server: slots, and measured times."""
        return tuple((await self._driver.run(ops.speeds(models, self._retry_seconds))).items)

    async def submit_clips(self, name: str, lines: Iterable[bytes], *, skip_bad: bool = False) -> ImportedClips:
        """Store a batch of clips, each id once, however often it is handed in.

        Arguments and errors are those of `CampaignCalls.submit_clips`.
        """
        return await self._driver.run(ops.submit_clips(name, lines, skip_bad, self._retry_seconds))

    async def begin_import(
        self, name: str, options: CampaignOptions | None = None, *, file_name: str | None = None
    ) -> UUID:
        """Begin an import, of which nothing is stored until its commit.

        Arguments and errors are those of `CampaignCalls.begin_import`.
        """
        return (await self._driver.run(ops.begin_import(name, options, file_name, self._retry_seconds))).id

    async def stage(self, name: str, import_id: UUID, number: int, lines: Iterable[bytes]) -> StagedClips:
        """Hand over a batch of an import: at most 2,000 lines, as for `submit_clips`.

        Arguments and errors are those of `CampaignCalls.stage`.
        """
        return await self._driver.run(ops.stage(name, import_id, number, lines, self._retry_seconds))

    async def price_import(self, name: str, import_id: UUID, *, clips: int) -> WaitingClips:
        """What the commit of an import would have rendered, and the most that it costs; nothing is stored.

        Arguments and errors are those of `CampaignCalls.price_import`.
        """
        return await self._driver.run(ops.price_import(name, import_id, clips, self._retry_seconds))

    async def commit_import(
        self,
        name: str,
        import_id: UUID,
        *,
        clips: int,
        csv_style: CsvStyle | None = None,
        agreed: WaitingClips | None = None,
    ) -> ImportedClips:
        """Put an import in force, whole.

        Arguments and errors are those of `CampaignCalls.commit_import`.
        """
        step = ops.commit_import(name, import_id, clips, csv_style, agreed, self._retry_seconds)
        return await self._driver.run(step)

    async def discard_import(self, name: str, import_id: UUID) -> None:
        """Forget an import that is not wanted."""
        await self._driver.run(ops.discard_import(name, import_id, self._retry_seconds))

    async def pause(self, name: str) -> Campaign:
        """Submit nothing more until it is resumed."""
        return await self._driver.run(ops.act(name, "pause", self._retry_seconds))

    async def resume(self, name: str) -> Campaign:
        """Resume it; its breaker counts from zero."""
        return await self._driver.run(ops.act(name, "resume", self._retry_seconds))

    async def waiting(self, name: str) -> WaitingClips:
        """How many clips wait to be submitted, and the most that they cost: what `approve` releases."""
        return await self._driver.run(ops.waiting(name, self._retry_seconds))

    async def approve(self, name: str, *, agreed: WaitingClips | None = None) -> Campaign:
        """Let the clips behind the canary be rendered.

        Arguments and errors are those of `CampaignCalls.approve`.
        """
        return await self._driver.run(ops.approve(name, agreed, self._retry_seconds))

    async def cancel(self, name: str, *, running: Running = "finish") -> Campaign:
        """Stop it for good: what waits is cancelled, what the provider has is asked to be."""
        return await self._driver.run(ops.cancel(name, running, self._retry_seconds))

    async def retry(
        self,
        name: str,
        *,
        states: Sequence[str] = (),
        classes: Sequence[str] = (),
        codes: Sequence[str] = (),
        custom_ids: Sequence[str] = (),
        where: Sequence[str] = (),
        dry_run: bool = False,
        agreed: RetriedClips | None = None,
    ) -> RetriedClips:
        """Render clips again that ended without a video; a dry run tells rows and cost. What is empty chooses all.

        Arguments and errors are those of `CampaignCalls.retry`.
        """
        return await self._driver.run(
            ops.retry(
                name,
                {
                    "states": list(states),
                    "classes": list(classes),
                    "codes": list(codes),
                    "custom_ids": list(custom_ids),
                    "where": list(where),
                    "dry_run": dry_run,
                    **ops.agreement(agreed),
                },
            )
        )

    async def export(self, name: str, what: Export) -> bytes:
        """A file of its results, or of its failures to be repaired and applied again."""
        return await self._driver.run(ops.export(name, what, self._retry_seconds))

    async def decide(
        self, name: str, deciding: Deciding, job_ids: Sequence[UUID], *, dry_run: bool = False
    ) -> DecidedClips:
        """Keep clips, reject them or take that back, or render them again for money.

        Arguments and errors are those of `CampaignCalls.decide`.
        """
        return await self._driver.run(gallery.decide(name, deciding, job_ids, self._retry_seconds, dry_run=dry_run))

    async def link(self, name: str) -> str:
        """The address of its gallery, which signs in the person who opens it within ten minutes."""
        found = await self._driver.run(gallery.link(name, self._retry_seconds))
        return f"{self._driver.base_url}{found.path}"

    async def sheet(self, name: str, form: Sheet) -> bytes:
        """The contact sheet: one picture, or pages to print."""
        return await self._driver.run(gallery.sheet(name, form, self._retry_seconds))

    async def gallery_page(self, name: str, number: int = 1, *, after: UUID | None = None) -> GalleryPage:
        """One page of its gallery as a folder, and the files that belong beside it.

        Arguments and errors are those of `CampaignCalls.gallery_page`.
        """
        return await self._driver.run(gallery.gallery_page(name, number, after, self._retry_seconds))

    async def download_file(
        self, file: GalleryFile, folder: Path, *, timeout_seconds: float = DOWNLOAD_SECONDS
    ) -> Path:
        """The path of a page's file after it was brought to its place in a folder, whole and verified, or not at all.

        Arguments and errors are those of `CampaignCalls.download_file`.
        """
        return await self._driver.run(gallery.download_file(file, folder, timeout_seconds))

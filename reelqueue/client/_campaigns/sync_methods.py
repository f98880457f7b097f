"""The blocking client's calls on campaigns."""

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
from reelqueue.client._drivers import SyncDriver
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


class CampaignCalls:
    """Campaigns on one server."""

    def __init__(self, driver: SyncDriver, retry_seconds: float) -> None:
        self._driver = driver
        self._retry_seconds = retry_seconds

    def put(self, options: CampaignOptions, *, file_name: str | None = None) -> Campaign:
        """Make a campaign, or change how it is run: all options are set, in force at the next dispatch.

        Args:
            options: How it is run; its name is in them.
            file_name: The file that they come from, for people.
        """
        return self._driver.run(ops.put(options, file_name, self._retry_seconds))

    def get(self, name: str) -> Campaign:
        """The campaign as it is now.

        Raises:
            NotFoundError: there is none, or it belongs to another.
        """
        return self._driver.run(ops.get(name, self._retry_seconds))

    def list(self, *, limit: int = 50) -> list[Campaign]:
        """The newest campaigns."""
        return (self._driver.run(ops.listed(limit, self._retry_seconds))).items

    def known(self, name: str) -> ServerState:
        """What the campaign holds already, to be compared with its file."""
        return self._driver.run(ops.known(name, self._retry_seconds))

    def speeds(self, models: Iterable[str]) -> tuple[ModelSpeed, ...]:
        """How fast some models render on the server: slots, and measured times."""
        return tuple((self._driver.run(ops.speeds(models, self._retry_seconds))).items)

    def submit_clips(self, name: str, lines: Iterable[bytes], *, skip_bad: bool = False) -> ImportedClips:
        """Store a batch of clips, each id once, however often it is handed in.

        Args:
            name: Of a campaign that is there.
            lines: `reelqueue.campaigns.clip_json.clip_object` of each as JSON; at most 2,000.
            skip_bad: Store the others where some cannot be rendered; else such a batch stores nothing.
        """
        return self._driver.run(ops.submit_clips(name, lines, skip_bad, self._retry_seconds))

    def begin_import(self, name: str, options: CampaignOptions | None = None, *, file_name: str | None = None) -> UUID:
        """Begin an import, of which nothing is stored until its commit.

        Args:
            name: Of a campaign, which the commit makes if it is not there.
            options: How it is run from the commit on; None: as before, or without limits.
            file_name: The file that it is read from, for people.
        """
        return (self._driver.run(ops.begin_import(name, options, file_name, self._retry_seconds))).id

    def stage(self, name: str, import_id: UUID, number: int, lines: Iterable[bytes]) -> StagedClips:
        """Hand over a batch of an import: at most 2,000 lines, as for `submit_clips`.

        Args:
            name: Its campaign.
            import_id: The import.
            number: Of the batch, from 1; a clip comes after others of its batch or of lower ones.
            lines: The clips.
        """
        return self._driver.run(ops.stage(name, import_id, number, lines, self._retry_seconds))

    def price_import(self, name: str, import_id: UUID, *, clips: int) -> WaitingClips:
        """What the commit of an import would have rendered, and the most that it costs; nothing is stored.

        Args:
            name: Its campaign.
            import_id: The import.
            clips: How many were staged.

        Raises:
            ConflictError: It cannot be committed, or is already.
        """
        return self._driver.run(ops.price_import(name, import_id, clips, self._retry_seconds))

    def commit_import(
        self,
        name: str,
        import_id: UUID,
        *,
        clips: int,
        csv_style: CsvStyle | None = None,
        agreed: WaitingClips | None = None,
    ) -> ImportedClips:
        """Put an import in force, whole.

        Args:
            name: Its campaign.
            import_id: The import.
            clips: How many were staged; if the server has another number, nothing is stored.
            csv_style: How the file is written, which results and failures follow; None: as before.
            agreed: What `price_import` has returned; if it is more by now, nothing is stored.

        Raises:
            ConflictError: it is more than was agreed to, or cannot be committed.
        """
        step = ops.commit_import(name, import_id, clips, csv_style, agreed, self._retry_seconds)
        return self._driver.run(step)

    def discard_import(self, name: str, import_id: UUID) -> None:
        """Forget an import that is not wanted."""
        self._driver.run(ops.discard_import(name, import_id, self._retry_seconds))

    def pause(self, name: str) -> Campaign:
        """Submit nothing more until it is resumed."""
        return self._driver.run(ops.act(name, "pause", self._retry_seconds))

    def resume(self, name: str) -> Campaign:
        """Resume it; its breaker counts from zero."""
        return self._driver.run(ops.act(name, "resume", self._retry_seconds))

    def waiting(self, name: str) -> WaitingClips:
        """How many clips wait to be submitted, and the most that they cost: what `approve` releases."""
        return self._driver.run(ops.waiting(name, self._retry_seconds))

    def approve(self, name: str, *, agreed: WaitingClips | None = None) -> Campaign:
        """Let the clips behind the canary be rendered.

        Args:
            name: The campaign's.
            agreed: What `waiting` has returned; if it is more by now, nothing is released.

        Raises:
            ConflictError: it is more than was agreed to, or the campaign was cancelled.
        """
        return self._driver.run(ops.approve(name, agreed, self._retry_seconds))

    def cancel(self, name: str, *, running: Running = "finish") -> Campaign:
        """Stop it for good: what waits is cancelled, what the provider has is asked to be."""
        return self._driver.run(ops.cancel(name, running, self._retry_seconds))

    def retry(
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

        Args:
            name: The campaign's.
            states: How they ended.
            classes: Why they failed.
            codes: The provider's.
            custom_ids: The clips themselves.
            where: Conditions that must all hold.
            dry_run: Render nothing.
            agreed: What a dry run has reported; if it is more by now, nothing is rendered.

        Raises:
            ConflictError: it is more than was agreed to, or the campaign was cancelled.
        """
        return self._driver.run(
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

    def export(self, name: str, what: Export) -> bytes:
        """A file of its results, or of its failures to be repaired and applied again."""
        return self._driver.run(ops.export(name, what, self._retry_seconds))

    def decide(self, name: str, deciding: Deciding, job_ids: Sequence[UUID], *, dry_run: bool = False) -> DecidedClips:
        """Keep clips, reject them or take that back, or render them again for money.

        Args:
            name: The campaign's.
            deciding: What.
            job_ids: The clips; sent twice, nothing is changed or rendered twice.
            dry_run: With ``retry``: only tell what it costs.

        Raises:
            ConflictError: there is no video to look at, or the campaign was cancelled.
        """
        return self._driver.run(gallery.decide(name, deciding, job_ids, self._retry_seconds, dry_run=dry_run))

    def link(self, name: str) -> str:
        """The address of its gallery, which signs in the person who opens it within ten minutes."""
        return f"{self._driver.base_url}{self._driver.run(gallery.link(name, self._retry_seconds)).path}"

    def sheet(self, name: str, form: Sheet) -> bytes:
        """The contact sheet: one picture, or pages to print."""
        return self._driver.run(gallery.sheet(name, form, self._retry_seconds))

    def gallery_page(self, name: str, number: int = 1, *, after: UUID | None = None) -> GalleryPage:
        """One page of its gallery as a folder, and the files that belong beside it.

        Args:
            name: The campaign's.
            number: Of the page, from 1.
            after: `next_after` of the page before.
        """
        return self._driver.run(gallery.gallery_page(name, number, after, self._retry_seconds))

    def download_file(self, file: GalleryFile, folder: Path, *, timeout_seconds: float = DOWNLOAD_SECONDS) -> Path:
        """The path of a page's file after it was brought to its place in a folder, whole and verified, or not at all.

        Raises:
            NotFoundError: it is not in the archive any more.
            UnavailableError: it did not arrive whole in time.
        """
        return self._driver.run(gallery.download_file(file, folder, timeout_seconds))

"""Archive: fetch a rendered video before its URL expires; a result not fetched is money burnt.

The file is streamed to this host, measured, given a poster, its last frame and a description, and appears in the
archive under its name at once and whole, after the files beside it. `workers.archive.retry` says what becomes of it
when something goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.dialects.postgresql import insert

from models.asset import Asset, AssetKind
from models.base import new_id
from models.operations.jobs.transitions import move
from models.storage import Archive, StorageError, file_system_error
from reelqueue.states import COLLECTABLE, RenderState
from workers.archive.download import Download, DownloadError, fetch
from workers.archive.fetch_lease import Fetch, LeaseRenewal, claim_fetch
from workers.archive.found_files import copy_found_file
from workers.archive.inspection import inspect_video
from workers.archive.retry import retry_fetch, retry_store
from workers.archive.sidecar import SUFFIXES, describe_clip
from workers.archive.video_probe import Probe, UnplayableError
from workers.failpoints import Failpoint, failpoint
from workers.runtime.context import Context
from workers.webhooks.deliver import hint_webhooks

log = structlog.get_logger(__name__)


def archive_render_job(context: Context, job_id: UUID) -> str:
    """Fetch the result that expires first into the archive.

    Args:
        context: The worker's.
        job_id: The job that the message names; it goes first among those that expire together.

    Returns:
        What became of it, in a few words for people.
    """
    claim = claim_fetch(context, job_id)
    if claim is None:
        return "no result is due: nothing done"
    said = _archive(context, claim)
    return said if claim.job_id == job_id else f"{said} (job {claim.job_id} expires sooner)"


def _archive(context: Context, claim: Fetch) -> str:
    try:
        size_bytes = _fetch(context, claim)
    except (DownloadError, UnplayableError) as error:
        return retry_fetch(context, claim, str(error))
    except StorageError as error:
        return retry_store(context, claim, error)
    except OSError as error:  # this host has no room for the download
        return retry_store(context, claim, file_system_error(error, context.archive.place))
    return f"archived {size_bytes} bytes"


def _fetch(context: Context, claim: Fetch) -> int:
    """Download, measure and keep the files, then move the job."""
    context.archive.discard_incoming(str(claim.job_id))
    renew = LeaseRenewal(context, claim).renew
    with _incoming(context.archive, claim) as paths:
        video = _download(context, claim, paths[AssetKind.VIDEO], renew)
        poster, last_frame = paths[AssetKind.POSTER], paths[AssetKind.LAST_FRAME]
        probe = inspect_video(paths[AssetKind.VIDEO], poster=poster, last_frame=last_frame, renew=renew)
        files = {AssetKind.VIDEO: video} | {
            kind: Download.of(paths[kind]) for kind in (AssetKind.POSTER, AssetKind.LAST_FRAME)
        }
        files[AssetKind.SIDECAR] = _describe(context, claim, files, probe, paths[AssetKind.SIDECAR])
        failpoint(Failpoint.DOWNLOADED, claim.job_id)
        for kind, (suffix, _) in SUFFIXES.items():
            context.archive.keep(paths[kind], claim.key(suffix), sha256=files[kind].sha256, renew=renew)
    failpoint(Failpoint.KEPT)
    _finish(context, claim, files, probe)
    failpoint(Failpoint.ARCHIVED)
    hint_webhooks(context, claim.job_id)
    return video.size_bytes


@contextmanager
def _incoming(archive: Archive, claim: Fetch) -> Iterator[Mapping[AssetKind, Path]]:
    """Paths of empty files to download into, one for each kind of file."""
    with ExitStack() as files:
        yield {
            kind: files.enter_context(archive.incoming(suffix, owner=str(claim.job_id)))
            for kind, (suffix, _) in SUFFIXES.items()
        }


def _download(context: Context, claim: Fetch, path: Path, renew: Callable[[], None]) -> Download:
    """Get the video: the file that was kept while its task was under review, or else the provider's."""
    if claim.number == 1 and (kept := copy_found_file(context, claim.task, path, renew)) is not None:
        return kept
    try:
        return _fetch_result(context, claim, path, renew)
    except DownloadError:
        kept = copy_found_file(context, claim.task, path, renew)
        if kept is None:
            raise
        return kept


def _fetch_result(context: Context, claim: Fetch, path: Path, renew: Callable[[], None]) -> Download:
    limits = context.settings.archive
    return fetch(
        claim.task.result_url or "",
        path,
        limits=limits.download,
        plain_host=context.settings.provider.plain_host(claim.task.base_url),
        own_networks=context.settings.provider.networks,
        renew=renew,
        run=context.host.run,
        transport=limits.http_transport() if limits.http_transport else None,
    )


def _describe(
    context: Context, claim: Fetch, files: Mapping[AssetKind, Download], probe: Probe, path: Path
) -> Download:
    with context.sessions() as session:
        sidecar = describe_clip(session, claim, files, probe, now=context.clock.now(session))
    path.write_text(sidecar.as_json(), encoding="utf-8")
    return Download.of(path)


def _finish(context: Context, claim: Fetch, files: Mapping[AssetKind, Download], probe: Probe) -> None:
    size_bytes = files[AssetKind.VIDEO].size_bytes
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        late = claim.state in COLLECTABLE
        moved = move(
            session,
            claim.job_id,
            [claim.state],
            RenderState.SUCCEEDED,
            now=now,
            epoch=claim.epoch,
            detail={"bytes": size_bytes, "collected_late": late},
            collected_late=late,
            next_archive_at=None,
            lease_until=None,
            death_count=0,
            failure_class=None,
            failure_code=None,
            failure_message=None,
        )
        if moved is None:
            return  # the lease ran out and another worker has fetched the same file under the same name
        assets = [_asset(claim, kind, file, probe) | {"created_at": now} for kind, file in files.items()]
        session.execute(insert(Asset).values(assets))
    log.info("render_job.archived", job_id=str(claim.job_id), bytes=size_bytes, collected_late=late)


def _asset(claim: Fetch, kind: AssetKind, file: Download, probe: Probe) -> dict[str, Any]:
    suffix, content_type = SUFFIXES[kind]
    return {
        "id": new_id(),
        "job_id": claim.job_id,
        "kind": kind,
        "path": claim.key(suffix),
        "content_type": content_type,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
    } | {name: value if kind is AssetKind.VIDEO else None for name, value in vars(probe).items()}

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
from workers.archive.found_files import copy_found_file, keep_found_file
from workers.archive.inspection import inspect_video
from workers.archive.retry import retry_fetch, retry_store
from workers.archive.sidecar import SUFFIXES, describe_clip
from workers.archive.video_probe import Probe, UnplayableError
from workers.failpoints import Failpoint, failpoint
from workers.runtime.context import Services
from workers.webhooks.deliver import hint_webhooks

log = structlog.get_logger(__name__)


def archive_render_job(services: Services, job_id: UUID) -> str:
    """Fetch the result that expires first into the archive.

    Args:
        services: The worker's.
        job_id: The job that the message names; it goes first among those that expire together.

    Returns:
        What became of it, in a few words for people.
    """
    claim = claim_fetch(services, job_id)
    if claim is None:
        return keep_found_file(services) or "no result is due: nothing done"
    said = _archive(services, claim)
    return said if claim.job_id == job_id else f"{said} (job {claim.job_id} expires sooner)"


def _archive(services: Services, claim: Fetch) -> str:
    try:
        size_bytes = _fetch(services, claim)
    except (DownloadError, UnplayableError) as error:
        return retry_fetch(services, claim, str(error))
    except StorageError as error:
        return retry_store(services, claim, error)
    except OSError as error:  # this host has no room for the download
        return retry_store(services, claim, file_system_error(error, services.archive.place))
    return f"archived {size_bytes} bytes"


def _fetch(services: Services, claim: Fetch) -> int:
    """Download, measure and keep the files, then move the job."""
    services.archive.discard_incoming(str(claim.job_id))
    beat = LeaseRenewal(services, claim).beat
    with _incoming(services.archive, claim) as paths:
        video = _download(services, claim, paths[AssetKind.VIDEO], beat)
        poster, last_frame = paths[AssetKind.POSTER], paths[AssetKind.LAST_FRAME]
        probe = inspect_video(paths[AssetKind.VIDEO], poster=poster, last_frame=last_frame, beat=beat)
        files = {AssetKind.VIDEO: video} | {
            kind: Download.of(paths[kind]) for kind in (AssetKind.POSTER, AssetKind.LAST_FRAME)
        }
        files[AssetKind.SIDECAR] = _describe(services, claim, files, probe, paths[AssetKind.SIDECAR])
        failpoint(Failpoint.DOWNLOADED, claim.job_id)
        for kind, (suffix, _) in SUFFIXES.items():
            services.archive.keep(paths[kind], claim.key(suffix), sha256=files[kind].sha256, beat=beat)
    failpoint(Failpoint.KEPT)
    _finish(services, claim, files, probe)
    failpoint(Failpoint.ARCHIVED)
    hint_webhooks(services, claim.job_id)
    return video.size_bytes


@contextmanager
def _incoming(archive: Archive, claim: Fetch) -> Iterator[Mapping[AssetKind, Path]]:
    """An empty file for each of a clip's."""
    with ExitStack() as files:
        yield {
            kind: files.enter_context(archive.incoming(suffix, owner=str(claim.job_id)))
            for kind, (suffix, _) in SUFFIXES.items()
        }


def _download(services: Services, claim: Fetch, path: Path, beat: Callable[[], None]) -> Download:
    """The video: one that was kept while its task was under review, and where that did not do, the provider's."""
    if claim.number == 1 and (kept := copy_found_file(services, claim.task, path, beat)) is not None:
        return kept
    try:
        return _fetch_result(services, claim, path, beat)
    except DownloadError:
        kept = copy_found_file(services, claim.task, path, beat)
        if kept is None:
            raise
        return kept


def _fetch_result(services: Services, claim: Fetch, path: Path, beat: Callable[[], None]) -> Download:
    limits = services.settings.archive
    return fetch(
        claim.task.result_url or "",
        path,
        limits=limits.download,
        plain_host=services.settings.provider.plain_host(claim.task.base_url),
        own_networks=services.settings.provider.networks,
        beat=beat,
        run=services.host.run,
        transport=limits.http_transport() if limits.http_transport else None,
    )


def _describe(
    services: Services, claim: Fetch, files: Mapping[AssetKind, Download], probe: Probe, path: Path
) -> Download:
    with services.sessions() as session:
        sidecar = describe_clip(session, claim, files, probe, now=services.clock.now(session))
    path.write_text(sidecar.as_json(), encoding="utf-8")
    return Download.of(path)


def _finish(services: Services, claim: Fetch, files: Mapping[AssetKind, Download], probe: Probe) -> None:
    size_bytes = files[AssetKind.VIDEO].size_bytes
    with services.sessions.begin() as session:
        now = services.clock.now(session)
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
        for kind, file in files.items():
            session.execute(insert(Asset).values(_asset(claim, kind, file, probe) | {"created_at": now}))
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
    } | (vars(probe) if kind is AssetKind.VIDEO else {})

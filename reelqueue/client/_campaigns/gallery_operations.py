"""The operations of both clients on a campaign's gallery, its files and its contact sheet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final, Literal
from uuid import UUID

from reelqueue.client._answers import read
from reelqueue.client._campaigns.operations import path_of
from reelqueue.client._download import PartialFile
from reelqueue.client._steps import Fetch, Send, Steps, deadline, exchange
from reelqueue.errors import UnavailableError
from reelqueue.schemas.campaigns import DecidedClips, GalleryFile, GalleryLink, GalleryPage

Sheet = Literal["png", "pdf"]
Deciding = Literal["approve", "reject", "retry", "undecide"]

SHEET_SECONDS: Final = 300.0
"""How long the server may take for drawing some thousand frames."""


def link(name: str, retry_seconds: float) -> Steps[GalleryLink]:
    """The way to the gallery in a browser."""
    step = Send("POST", f"{path_of(name)}/link")
    return read(GalleryLink, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def sheet(name: str, form: Sheet, retry_seconds: float) -> Steps[bytes]:
    """The contact sheet."""
    step = Send("GET", f"{path_of(name)}/sheet.{form}", silence_seconds=SHEET_SECONDS)
    return (yield from exchange(step, give_up_at=deadline(retry_seconds))).content


def decide(
    name: str,
    deciding: Deciding,
    job_ids: Sequence[UUID],
    retry_seconds: float,
    *,
    dry_run: bool,
) -> Steps[DecidedClips]:
    """Keep, reject or render clips again; sent twice, it is done once."""
    body = {"decision": deciding, "job_ids": [str(job_id) for job_id in job_ids], "dry_run": dry_run}
    json_type = {"Content-Type": "application/json"}
    step = Send("POST", f"{path_of(name)}/decisions", {}, json.dumps(body).encode(), json_type)
    return read(DecidedClips, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def gallery_page(name: str, number: int, after: UUID | None, retry_seconds: float) -> Steps[GalleryPage]:
    """One page of the gallery as a folder."""
    params = {"page": str(number)} | ({"after": str(after)} if after else {})
    step = Send("GET", f"{path_of(name)}/gallery", params)
    return read(GalleryPage, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def download_file(file: GalleryFile, folder: Path, timeout_seconds: float) -> Steps[Path]:
    """A file of a page, brought to its place in the folder."""
    destination = place_of(file, folder)
    destination.parent.mkdir(parents=True, exist_ok=True)
    give_up_at = deadline(timeout_seconds)
    with PartialFile(destination, give_up_at=give_up_at) as part:
        yield from exchange(Fetch(file.url, part), give_up_at=give_up_at)
        return part.commit(sha256=file.sha256)


def place_of(file: GalleryFile, folder: Path) -> Path:
    """Where a file belongs.

    Raises:
        UnavailableError: the server names a place outside of the folder, or an address that is not its own.
    """
    path = PurePosixPath(file.path)
    is_inside = path.parts and not path.is_absolute() and ".." not in path.parts and not set(file.path) & set("\\:\0")
    if not is_inside or not file.url.startswith("/v1/"):
        raise UnavailableError(
            f"the server names a file {file.path[:200]!r} at {file.url[:200]!r}; nothing was brought"
        )
    return folder.joinpath(*path.parts)

"""Finished clips in a folder that people can open."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import httpx
import typer

from reelqueue import Client, UnavailableError
from reelqueue.schemas.jobs import Job

T = TypeVar("T")


class Persist(Protocol):
    """Calls until the API answers."""

    def __call__(self, call: Callable[[], T], /) -> T:
        """What the call gives in the end."""
        ...


def download_all(
    client: Client, api_url: str, jobs: Iterable[Job], folder: Path, *, persist: Persist, is_listed: bool
) -> None:
    """Bring videos and posters to a folder.

    Args:
        client: Of the API that has them.
        api_url: That API's scheme, host and port.
        jobs: Those without a video are passed over.
        folder: Made anew.
        persist: Bears an API that is away for a while.
        is_listed: Whether each file is named, or their number only.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with_video = sorted((job for job in jobs if job.asset is not None), key=lambda job: job.custom_id or "")
    for job in with_video:
        path = folder / f"{job.custom_id}.mp4"
        persist(partial(_bring, client, api_url, job, path))
        if is_listed:
            typer.echo(f"{path}  {_shape(job)}")
            typer.echo(str(path.with_suffix(".jpg")))
    if not is_listed:
        typer.echo(f"{len(with_video)} videos and posters in {_short(folder)}")


def _bring(client: Client, api_url: str, job: Job, path: Path) -> None:
    client.get(job.id).download(path)
    try:
        poster = httpx.get(f"{api_url}{job.poster_url}", trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise UnavailableError(f"the poster of {job.custom_id} cannot be read: {error}") from error
    path.with_suffix(".jpg").write_bytes(poster.content)


def _shape(job: Job) -> str:
    if job.asset is None:
        return ""
    sound = "sound" if job.asset.has_audio else "silent"
    return f"{job.asset.width}x{job.asset.height} {job.asset.duration_seconds} s {sound}"


def _short(folder: Path) -> Path:
    """From here, where it is below."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder

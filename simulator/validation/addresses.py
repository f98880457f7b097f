"""Checks of media URLs, as far as they can be checked without leaving the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from reelqueue.catalog import ModelSpec
from simulator.errors import TaskFailure
from simulator.media import OSS_PREFIX, decode_data_uri
from simulator.references import Reference
from simulator.store.media import MediaTable


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a body, as far as it decides which links work."""

    account: str
    model: str
    resolves_oss: bool
    now_ms: int


def check_addresses(
    source: Mapping[str, Any], spec: ModelSpec, references: list[Reference], sender: Sender, media: MediaTable
) -> None:
    """Check that every URL could be loaded.

    Raises:
        TaskFailure: One could not.
    """
    rules = spec.media.by_name if spec.media is not None else {}
    for reference in references:
        role = rules.get(reference.role)
        _check(reference.url, sender, media, takes_data_uri=role is None or role.takes_data_uri)
    audio_url = source.get("audio_url")
    if isinstance(audio_url, str) and audio_url:
        _check(audio_url, sender, media, takes_data_uri=False)


def _check(url: str, sender: Sender, media: MediaTable, *, takes_data_uri: bool) -> None:
    if url.startswith(OSS_PREFIX):
        _check_upload(url.removeprefix(OSS_PREFIX), sender, media)
    elif url.startswith("data:"):
        if not takes_data_uri or decode_data_uri(url) is None:
            raise _invalid_url()
    elif not _is_web_address(url):
        raise _invalid_url()


def _check_upload(key: str, sender: Sender, media: MediaTable) -> None:
    """A temporary link works for its account and model, for 48 hours, and only when resolving was asked for."""
    upload = media.upload(key)
    if (
        not sender.resolves_oss
        or upload is None
        or (upload.account, upload.model) != (sender.account, sender.model)
        or sender.now_ms >= upload.expires_ms
    ):
        raise _not_downloaded()


def _invalid_url() -> TaskFailure:
    message = "The provided URL does not appear to be valid. Make sure it is correctly formatted."
    return TaskFailure("InvalidURL", message)


def _not_downloaded() -> TaskFailure:
    message = "Unable to download the media resource during the data inspection process."
    return TaskFailure("InvalidParameter.DataInspection", message)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)

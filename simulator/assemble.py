"""Puts the simulator together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from random import Random, SystemRandom
from typing import Final

from simulator.accounts import Accounts, account_name
from simulator.billing.signature_check import SignatureCheck
from simulator.clips.clip_cache import ClipLibrary
from simulator.clock import Clock, WallClock
from simulator.core.provider import Provider
from simulator.errors import StartError
from simulator.event_webhooks import Announcer
from simulator.exchange.dependencies import Service
from simulator.fault_script import FaultScript
from simulator.signing import Signer
from simulator.store.store import Store
from simulator.texts.batches import Batches
from simulator.texts.files import Files
from simulator.texts.service import Texts

CAPTURE_FORMAT: Final = 1


def open_service(folder: Path, *, keys: Iterable[str] = (), time_scale: float | None = None) -> Service:
    """The service whose state is in *folder*, as it was left.

    Args:
        folder: Made when missing.
        keys: ``KEY`` or ``ACCOUNT=KEY``; empty accepts every key.
        time_scale: Replaces the remembered one.

    Raises:
        StartError: The folder is in use or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"state folder {folder}: {error.strerror}. Give another --state.") from error
    store = Store(folder)
    clock = WallClock(int(store.settings.get("clock_offset_ms") or 0))
    service = build_service(store, clock, random=SystemRandom(), keys=keys, clip_folder=folder / "clips")
    if time_scale is not None:
        service.provider.configure({"time_scale": time_scale})
    return service


def replay(service: Service, capture: Path) -> list[str]:
    """Make a service answer as the one did that a capture was taken of.

    Args:
        service: Configured so far.
        capture: A file of ``python -m workers probe``.

    Returns:
        The questions whose answers differed and that no configuration can play.

    Raises:
        StartError: It is no capture, or of another version.
    """
    try:
        document = json.loads(capture.read_bytes())
        if document["format"] != CAPTURE_FORMAT:
            raise StartError(f"{capture} is a capture of format {document['format']}, not of {CAPTURE_FORMAT}")
        service.provider.configure(document["simulator"])
        return [str(name) for name in document["not_played"]]
    except OSError as error:
        raise StartError(f"{capture} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StartError(f"{capture} is no capture of `python -m workers probe`: {error}") from error


def build_service(
    store: Store, clock: Clock, *, random: Random, keys: Iterable[str] = (), clip_folder: Path
) -> Service:
    """A service from parts; for tests that bring their own clock and randomness."""
    provider = Provider(store, clock, random=random)
    texts, files = Texts(provider), Files(provider)
    return Service(
        provider=provider,
        accounts=Accounts(dict(map(_key, keys)), clock),
        signer=Signer(store.settings),
        faults=FaultScript(store.faults, clock),
        clips=ClipLibrary(clip_folder, store.media),
        announcer=Announcer(provider, random),
        texts=texts,
        files=files,
        batches=Batches(provider, texts, files),
        bill_access=SignatureCheck(),
    )


def _key(text: str) -> tuple[str, str]:
    """Key and account of a ``[ACCOUNT=]KEY``."""
    account, separator, key = text.partition("=")
    return (key, account) if separator else (text, account_name(text))

"""Puts the simulator together."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from random import Random, SystemRandom

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

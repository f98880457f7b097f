"""Sends messages to a channel: starts the process that does, bounds it, and reads what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from pydantic import SecretStr

from workers.settings import Settings

_PASSED_ON: Final = (
    *("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)


@dataclass(frozen=True)
class Message:
    """What people read."""

    title: str
    body: str
    notify_type: str
    """Apprise's: info, success, warning or failure."""


@dataclass(frozen=True)
class Sent:
    """What became of an order."""

    refusal: str | None
    """Why the URL is not sent to; None: it may be."""
    errors: Sequence[str | None]
    """For each message why it was not sent; None: it was."""


def send_all(url: SecretStr, messages: Sequence[Message], settings: Settings, *, timeout_seconds: float) -> Sent:
    """Send messages to a channel, one after the other; without any, check its URL.

    Args:
        url: As Apprise writes them; it goes to the process by its standard input alone.
        messages: What is sent.
        settings: Which hosts inside the network may be reached.
        timeout_seconds: For all of it; what was not sent by then counts as failed.
    """
    order = {
        "url": url.get_secret_value(),
        "messages": [asdict(message) for message in messages],
        "private_hosts": sorted(settings.delivery.private_hosts),
        "own_networks": [str(network) for network in settings.provider.networks],
    }
    said, is_late = _run(json.dumps(order), timeout_seconds)
    late = f"no answer within {timeout_seconds:g} s" if is_late else "the process that sends has ended"
    if not said:
        return Sent(late, [late for _ in messages])
    if said[0] is not None:
        return Sent(said[0], [f"it is not sent to: {said[0]}" for _ in messages])
    return Sent(None, [*said[1:], *([late] * (len(messages) + 1 - len(said)))])


def _run(order: str, timeout_seconds: float) -> tuple[list[str | None], bool]:
    # No key of the worker's is in its environment, and nothing that it prints beside its answers is kept.
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.notices.apprise_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,  # so that a Ctrl-C is the worker's to handle
    )
    with process:
        try:
            out, is_late = process.communicate(order, timeout=timeout_seconds)[0], False
        except subprocess.TimeoutExpired:
            process.kill()
            out, is_late = process.communicate()[0], True
    return [json.loads(line) for line in out.splitlines() if line.endswith(('"', "null"))], is_late

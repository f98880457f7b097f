"""``reelqueue campaign watch`` on a real terminal, in a pipe and as JSON."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.campaigns import clips, do, make, submit_clips

ROOT = Path(__file__).parents[3]
SECONDS = 60.0
ROWS = 24
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
WATCH = [sys.executable, "-m", "reelqueue", "campaign", "watch", "autumn"]


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_shows_one_view_that_fits(api: httpx.Client, columns: int) -> None:
    make(api, budget="60 USD")
    submit_clips(api, *clips(3))
    do(api, "pause")

    seen = on_terminal(environment(api), columns, "--once")

    lines = left(seen)
    assert [line.rstrip() for line in lines if "━" not in line] == [
        "autumn  paused",
        "clips  3 queued",
        "money  0.00 spent, 0.00 reserved of 60.00 USD",
        "waits  paused by its owner",
    ]
    assert max(map(len, lines)) <= columns
    assert "\x1b[1mautumn" in seen


def test_long_reasons_of_failures_stay_on_a_line(api: httpx.Client) -> None:
    make(api)
    submit_clips(api, *({**clip, "custom_id": f"{'cup' * 30}-{number}"} for number, clip in enumerate(clips(2))))
    do(api, "cancel")

    lines = left(on_terminal(environment(api), 80))

    (told,) = [line for line in lines if "campaign_cancelled" in line]
    assert len(told) <= 80
    assert told.endswith("…")


def test_a_pipe_gets_a_line_without_colours(api: httpx.Client) -> None:
    make(api)
    submit_clips(api, *clips(2))
    do(api, "cancel")

    piped = subprocess.check_output(WATCH, cwd=ROOT, env=environment(api), text=True, timeout=SECONDS)

    assert piped == "cancelled; 2 of 2 ended; 2 cancelled; 2 cancelled, campaign_cancelled\n"


def test_json_is_a_line_for_machines_on_a_terminal_too(api: httpx.Client) -> None:
    make(api)
    submit_clips(api, *clips(2))
    do(api, "cancel")

    (line,) = on_terminal(environment(api), 80, "--json").splitlines()

    assert json.loads(line)["counts"] == {"cancelled": 2}


def left(written: str) -> list[str]:
    """The lines that are left on the screen when the view has been drawn over for the last time."""
    last = written.rpartition("\x1b[2K")[2]
    return ESCAPES.sub("", last).replace("\r", "").rstrip("\n").split("\n")


def environment(api: httpx.Client) -> dict[str, str]:
    return {**os.environ, "REELQUEUE_API_URL": str(api.base_url), "TERM": "xterm-256color"}


def on_terminal(environment: dict[str, str], columns: int, *options: str) -> str:
    """What the command writes on a terminal that is so wide, escape sequences included."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    with subprocess.Popen([*WATCH, *options], cwd=ROOT, env=environment, stdin=its, stdout=its, stderr=its) as command:
        os.close(its)
        written = b"".join(_chunks(ours))
        assert command.wait(SECONDS) == 0, written
    os.close(ours)
    return written.decode()


def _chunks(terminal: int) -> Iterator[bytes]:
    """What comes until nobody writes any more, which Linux tells by an error."""
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            return
        if not chunk:
            return
        yield chunk


@pytest.fixture
def api(server: str) -> Iterator[httpx.Client]:
    """A running API."""
    with httpx.Client(base_url=server, trust_env=False, timeout=SECONDS) as api:
        yield api

"""Faults of the file behind a result URL."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Final

from starlette.responses import FileResponse

from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply
from simulator.faults.kind import Kind
from simulator.store.fault import Fault


def with_content(reply: Reply) -> Reply:
    """*reply* with its file, if it has one, read into it."""
    if isinstance(reply.response, FileResponse):
        return _file(reply, Path(reply.response.path).read_bytes())
    return reply


def _short(reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    content = with_content(reply).body()
    return _file(reply, content[: len(content) // 2])


def _changed(reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    """Another file than before, though a playable one: a padding box at its end."""
    return _file(reply, with_content(reply).body() + (16).to_bytes(4, "big") + b"free" + b"reelqueue"[:8])


def _not_media(reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    return _file(reply, b"\x00" * len(with_content(reply).body()))


def _gzip_file(reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    encoded = _file(reply, gzip.compress(with_content(reply).body(), compresslevel=1, mtime=0))
    return replace(encoded, headers=reply.headers | {"content-encoding": "gzip"})


def _file(reply: Reply, content: bytes) -> Reply:
    return replace(reply, content=content, document=None, response=None)


KINDS: Final = (
    Kind("short-file", _short, needs_answer=True),  # half the file, and its length says so
    Kind("changed-file", _changed, needs_answer=True),  # other bytes than the last time
    Kind("gzip-file", _gzip_file, needs_answer=True),  # compressed without being asked for
    Kind("not-media", _not_media, needs_answer=True),  # zeros of the right length
)

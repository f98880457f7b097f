"""A worker and Flower as processes of their own, and jobs that nobody may read about in either."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from celery import Celery
from sqlalchemy import Engine, text

from embedded.processes.child_process import ChildProcess, Command
from tests.conftest import ROOT, answers

PROMPT = "a paper boat, canary-prompt-3f61"
KEY = "sk-canary-key-90ab"
IMAGE_URL = "https://media.test/canary-url-77c2.png"
PASSWORD = "canary-password-e05d"
USER = "operator"
CANARIES = ("canary-prompt", "canary-key", "canary-url", "canary-password")
"""What none of the pages, answers and logs may hold."""
REFUSED = "canary-prompt refuse this one"
"""The simulator refuses it in words that quote the request."""
WAIT_SECONDS = 60.0
RENDERED_COUNT = 3


@dataclass(frozen=True)
class Site:
    """Both processes, and the ways to look at them."""

    base_url: str
    producer: Celery
    """Knows the broker and nothing of ours, as another app does."""
    engine: Engine
    logs: Path
    children: dict[str, ChildProcess]

    @cached_property
    def http(self) -> httpx.Client:
        """Logged in."""
        return httpx.Client(base_url=self.base_url, auth=(USER, PASSWORD), trust_env=False)

    @cached_property
    def stranger(self) -> httpx.Client:
        """Without credentials."""
        return httpx.Client(base_url=self.base_url, trust_env=False)

    def tasks(self, name: str, state: str | None = None) -> list[dict[str, Any]]:
        """What Flower knows of a kind of task, the newest first."""
        query = {"taskname": name} | ({"state": state} if state else {})
        found: dict[str, dict[str, Any]] = self.http.get("/api/tasks", params=query).raise_for_status().json()
        return list(found.values())

    def enqueue(self, key: str, request: dict[str, Any], **options: Any) -> None:
        """Send a request as a plain Celery app does."""
        arguments = {"request": request, "idempotency_key": key}
        self.producer.send_task("intake.enqueue", kwargs=arguments, queue="intake", **options)

    def count(self, state: str) -> int:
        """How many jobs are in a state."""
        with self.engine.connect() as connection:
            found = connection.execute(text("SELECT count(*) FROM render_jobs WHERE state = :state"), {"state": state})
            return int(found.scalar_one())

    def close(self) -> None:
        """Close both clients."""
        self.http.close()
        self.stranger.close()


@contextmanager
def running(environment: dict[str, str], folder: Path) -> Iterator[dict[str, ChildProcess]]:
    """A worker on every queue and Flower, until the end of the block."""
    queues = "control,intake,celery,submit,poll,archive"
    worker = ("worker", "-n", "every@studio", "-Q", queues, "--pool", "threads", "--concurrency", "4")
    children = {
        name: _child(name, ("celery", "-A", "workers.app", *arguments), environment, folder)
        for name, arguments in {"worker": worker, "flower": ("flower",)}.items()
    }
    try:
        for child in children.values():
            child.start()
        yield children
    finally:
        for child in children.values():
            child.stop()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS:g} s: {what}"
        time.sleep(0.05)


def environment_for(port: int, **services: str) -> dict[str, str]:
    """The environment of both processes; nothing of this machine's own settings is in it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("REELQUEUE_", "FLOWER_"))}
    return inherited | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "ALIBABA_API_KEY": KEY,
        "FLOWER_BASIC_AUTH": f"{USER}:{PASSWORD}",
        "FLOWER_PORT": str(port),
        **services,
    }


def wait_until_watched(site: Site) -> None:
    """Wait until Flower answers and hears the worker."""
    with httpx.Client(base_url=site.base_url, trust_env=False) as http:
        site.children["flower"].wait_until(lambda: answers(http, "/healthcheck"), WAIT_SECONDS)
    wait_for(lambda: "every@studio" in site.http.get("/workers?json=1").text, "Flower hears the worker")


def _child(name: str, arguments: tuple[str, ...], environment: dict[str, str], folder: Path) -> ChildProcess:
    run = Command(name=name, arguments=arguments, environment=environment, folder=ROOT)
    return ChildProcess(run, logs=folder, pids=folder)

"""Celery workers and beat as processes, started again when they end, as the stack does."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from embedded.process import ChildProcess, Command
from tests.conftest import ROOT

_WORKER: Final = ("worker", "--loglevel", "INFO", "--without-mingle", "--without-gossip")
# Each queue has two workers, of different pools where the stack has another one than threads.
_ARGUMENTS: Final = {
    "control": (*_WORKER, "-n", "control@%h", "-Q", "control,intake,celery", "--pool", "threads", "--concurrency", "2"),
    "render": (*_WORKER, "-n", "render@%h", "-Q", "submit,archive", "--pool", "threads", "--concurrency", "4"),
    "poll": (*_WORKER, "-n", "poll@%h", "-Q", "poll", "--pool", "prefork", "--concurrency", "1"),
    "every": (
        *(*_WORKER, "-n", "every@%h", "-Q", "control,intake,celery,submit,archive,poll"),
        *("--pool", "threads", "--concurrency", "4"),
    ),
}
STOP_SECONDS: Final = 20.0


class Crew:
    """Every process that does the product's work."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        beat = ("beat", "--schedule", str(folder / "beat"), "--pidfile=")
        self.children = {
            name: _child(name, arguments, environment, folder)
            for name, arguments in {**_ARGUMENTS, "beat": beat}.items()
        }
        self.restarts: list[str] = []
        """Who was started again, in order."""

    def start(self) -> None:
        """Start everybody."""
        for child in self.children.values():
            child.start()

    def look_after(self) -> None:
        """Start again who has ended; call it often, from the main thread."""
        for name, child in self.children.items():
            if not child.is_running:
                child.clean_up()  # a pool may have outlived its parent
                child.start()
                self.restarts.append(name)

    def kill(self, name: str) -> None:
        """End a worker and its pool with SIGKILL."""
        self.children[name].kill()

    def ask_to_stop(self, name: str) -> None:
        """Send SIGTERM: finish what is in hand, give the rest back."""
        self.children[name].ask_to_stop()

    def wake(self) -> None:
        """Let whoever is frozen go on."""
        for child in self.children.values():
            if child.is_running and child.pid is not None:
                child_signal(child.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End everybody."""
        self.wake()
        for child in self.children.values():
            child.ask_to_stop()
        for child in self.children.values():
            child.stop()


def child_signal(pid: int, number: signal.Signals) -> None:
    """Signal the whole group of a child."""
    os.killpg(pid, number)


def _child(name: str, arguments: tuple[str, ...], environment: Mapping[str, str], folder: Path) -> ChildProcess:
    run = Command(
        name=name,
        arguments=[sys.executable, "-m", "celery", "-A", "workers.app", *arguments],
        environment=environment,
        folder=ROOT,
        stop_seconds=STOP_SECONDS,
    )
    return ChildProcess(run, logs=folder, pids=folder)

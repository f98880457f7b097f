"""The Celery workers and the beat of one host, as processes that are started again when they end.

They are forked from a process that has Celery and the app imported: workers die by the hundred here, and an import
each time would take most of the machine.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

import psutil

from embedded.stack.stack import ROOT

_CONTEXT: Final = multiprocessing.get_context("forkserver")
_IMPORTED: Final = [
    *("celery.bin.celery", "celery.bin.worker", "celery.bin.beat", "celery.apps.worker", "celery.apps.beat"),
    *("celery.concurrency.thread", "celery.concurrency.prefork", "kombu.transport.redis", "psycopg"),
    *("workers.app", "workers.tasks.control", "workers.tasks.intake", "workers.tasks.render", "workers.tasks.text"),
    "workers.tasks.webhook",
    # A forked process imports the parent's main module, which needs these.
    *("pytest", "embedded.__main__"),
]
_WORKER: Final = ("worker", "--loglevel", "INFO", "--without-mingle", "--without-gossip")
# Each queue has two workers, of different pools where the stack has another one than threads.
_ARGUMENTS: Final = {
    "control": (*_WORKER, "-Q", "control,intake,celery", "--pool", "threads", "--concurrency", "2"),
    "render": (*_WORKER, "-Q", "submit,archive,notify,text,batch", "--pool", "threads", "--concurrency", "4"),
    "poll": (*_WORKER, "-Q", "poll", "--pool", "prefork", "--concurrency", "1"),
    "every": (
        *(*_WORKER, "-Q", "control,intake,celery,submit,archive,notify,poll,text,batch"),
        *("--pool", "threads", "--concurrency", "4"),
    ),
}
WORKERS: Final = tuple(_ARGUMENTS)
"""Names of a host's workers."""
_STOP_SECONDS: Final = 20.0
_PR_SET_PDEATHSIG: Final = 1


class Member:
    """One worker, or beat."""

    def __init__(self, name: str, arguments: tuple[str, ...], log_path: Path) -> None:
        self.name = name
        self._arguments = arguments
        self._log_path = log_path
        self._process: ForkServerProcess | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.is_alive()

    def start(self) -> None:
        """Start it, and end what is left of its last life: a pool may outlive its parent."""
        self.kill()
        self._process = _CONTEXT.Process(target=_run, args=(self._arguments, str(self._log_path)), name=self.name)
        self._process.start()

    def ask_to_stop(self) -> None:
        """Send SIGTERM: the worker finishes its current tasks and returns the rest."""
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """End it in an orderly way, or kill it."""
        self.ask_to_stop()
        if self._process is not None:
            self._process.join(_STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it and its group with SIGKILL."""
        if self._process is not None and self._process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.join()
            self._process.close()
            self._process = None

    def frozen(self) -> list[psutil.Process]:
        """Its frozen processes."""
        if self._process is None or not self.is_running:
            return []
        try:
            worker = psutil.Process(self._process.pid)
            family = [worker, *worker.children(recursive=True)]
            return [process for process in family if process.status() == psutil.STATUS_STOPPED]
        except psutil.NoSuchProcess:  # it is ending, so it does not stand still
            return []


class WorkerProcesses:
    """Every process of one host that does the product's work."""

    def __init__(self, folder: Path, *, host: str = "first", has_beat: bool = True) -> None:
        """Prepare to work.

        Args:
            folder: The host's own: logs and beat's schedule.
            host: Its name, which its workers carry.
            has_beat: Whether beat runs here; there is one in all.
        """
        folder.mkdir(parents=True, exist_ok=True)
        arguments: dict[str, tuple[str, ...]] = {
            name: (*given, "-n", f"{name}@{host}") for name, given in _ARGUMENTS.items()
        }
        if has_beat:
            arguments["beat"] = ("beat", "--schedule", str(folder / "beat"), "--pidfile=")
        self.members = {name: Member(name, given, folder / f"{name}.log") for name, given in arguments.items()}
        self.restarts: list[str] = []
        """Who was started again, in order."""

    def look_after(self) -> None:
        """Start again who has ended; call it often."""
        for name, member in self.members.items():
            if not member.is_running:
                member.start()
                self.restarts.append(name)

    def stop(self) -> None:
        """Let everybody finish, then end."""
        self.thaw()
        for member in self.members.values():
            member.ask_to_stop()
        for member in self.members.values():
            member.stop()

    def kill(self) -> None:
        """End everybody at once."""
        for member in self.members.values():
            member.kill()

    def thaw(self) -> None:
        """Let frozen processes continue and finish their tasks."""
        for member in self.members.values():
            if frozen := member.frozen():
                for process in frozen:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.resume()
                member.stop()  # an orderly end comes after the work in hand


def prepare(environment: Mapping[str, str]) -> None:
    """Make this process able to fork crews; once in its life, as the environment of what is forked never changes."""
    mine = dict(os.environ)
    _CONTEXT.set_forkserver_preload(_IMPORTED)
    os.environ.clear()
    os.environ.update({**environment, "PYTHONPATH": str(ROOT)})
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(mine)


def _run(arguments: tuple[str, ...], log_path: str) -> None:
    """Be a Celery process."""
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    from celery.bin.celery import main

    sys.argv = ["celery", "-A", "workers.app", *arguments]
    main()

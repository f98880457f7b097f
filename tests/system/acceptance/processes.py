"""The stack as its users start it: a process, with its words and what it started."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[3]
SECONDS = 120.0
"""Bounds a wait on a busy machine; none of the waits takes this long."""


class Running:
    """A started ``python -m embedded …``, both of its streams in one; keywords are variables of its environment."""

    def __init__(self, *arguments: str, **variables: str) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "embedded", *arguments],
            cwd=ROOT,
            env=environment() | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def read_until(self, words: str) -> str:
        """The first line from here on that has these words; reads up to it."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip())
            if words in line:
                return line.rstrip()
        raise AssertionError(f"it ended without saying {words!r}:\n" + "\n".join(self.lines))

    def started(self) -> list[psutil.Process]:
        """Everything that it has started, however deep."""
        return psutil.Process(self.pid).children(recursive=True)

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self.finish()

    def finish(self) -> int:
        """Read the rest of its words, and wait for its exit code."""
        assert self._process.stdout is not None
        if not self._process.stdout.closed:
            self.lines += self._process.stdout.read().splitlines()
            self._process.stdout.close()
        return self._process.wait(SECONDS)

    def stop(self) -> int:
        """Ask it to end, as Ctrl-C does."""
        self._process.terminate()
        return self.finish()


@contextmanager
def running(*arguments: str, **variables: str) -> Iterator[Running]:
    """A process that is gone afterwards, whatever the test did."""
    process = Running(*arguments, **variables)
    try:
        yield process
    finally:
        if process.has_ended:
            process.finish()
        else:
            process.stop()


def environment() -> dict[str, str]:
    """The environment without anything that is ours."""
    ours = ("REELQUEUE_", "ALIBABA_", "DASHSCOPE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}

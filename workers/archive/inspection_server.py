"""``python -m workers.archive.inspection_server``: inspects one video after the other, each in a process of its own.

A line of JSON in names the files and the bounds, a line of JSON out says what was seen. The server has loaded its
libraries once and forks for each file: so what a file makes a decoder take is given back with that process, and a
file that takes too much ends that process alone. The server ends when its standard input does.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TextIO

from workers.archive.video_probe import UnplayableError, probe_video, write_last_frame

_MEBIBYTE: Final = 1024 * 1024


def main() -> None:
    """Answer each line of the standard input with one on the standard output."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_isolated(json.loads(line))) + "\n")
        sys.stdout.flush()


def _isolated(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """Inspect a file in a forked process; the server goes on if that process dies."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        with contextlib.suppress(BaseException), os.fdopen(writing, "w") as answers:
            _answer(order, answers)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answers:
        said = answers.read()
    _, status = os.waitpid(pid, 0)
    if said:
        answer: Mapping[str, Any] = json.loads(said)
        return answer
    ended = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "no answer"
    return {"refused": f"looking into it takes more time or memory than a video may need ({ended})"}


def _answer(order: Mapping[str, Any], answers: TextIO) -> None:
    _bound(order["cpu_seconds"], order["memory_mib"])
    path = Path(order["path"])
    try:
        probe = probe_video(path, Path(order["poster"]))
        write_last_frame(path, Path(order["last_frame"]))
    except UnplayableError as error:
        json.dump({"refused": str(error)}, answers)
    else:
        json.dump({"probe": vars(probe) | {"duration_seconds": str(probe.duration_seconds)}}, answers)


def _bound(cpu_seconds: int, memory_mib: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    with contextlib.suppress(ValueError, OSError):  # not every system can bound a process's memory
        resource.setrlimit(resource.RLIMIT_AS, (memory_mib * _MEBIBYTE, memory_mib * _MEBIBYTE))


if __name__ == "__main__":
    main()

"""What it costs to start: CPU time of imports and of commands' help, as multiples of Python's own start.

``python -m bench.startup [--times 5]`` starts each in a process of its own, several times, and prints the least CPU
time of its own and of its children, and how many starts of Python alone that is: the ratio holds on a busy machine.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
NOTHING: Final = ("-c", "pass")
STARTS: Final = {
    "from reelqueue import Client": ("-c", "from reelqueue import Client"),
    "Client()": ("-c", "from reelqueue import Client; Client()"),
    "reelqueue --help": ("-m", "reelqueue", "--help"),
    "reelqueue status --help": ("-m", "reelqueue", "status", "--help"),
    "reelqueue campaign --help": ("-m", "reelqueue", "campaign", "--help"),
    "python -m workers --help": ("-m", "workers", "--help"),
    "a worker's app": ("-c", "import workers.app"),
    "the API's app": ("-c", "import api.app"),
    "the simulator": ("-m", "simulator", "--help"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    nothing = cpu_seconds(NOTHING, times)
    print(f"{nothing:6.3f} s         Python alone")
    for name, arguments in STARTS.items():
        seconds = cpu_seconds(arguments, times)
        print(f"{seconds:6.3f} s  {seconds / nothing:5.0f} x  {name}")


def cpu_seconds(arguments: tuple[str, ...], times: int) -> float:
    """The least CPU time of several runs: what the machine does besides makes some dearer."""
    return min(one_run(arguments) for _ in range(times))


def one_run(arguments: tuple[str, ...]) -> float:
    """CPU seconds of one process, in user code and in the kernel."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()

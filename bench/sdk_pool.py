"""Clips rendered by threads over the official SDK, for ``bench/makespan.py``; nothing else may call it.

``python bench/sdk_pool.py --scale 100 --threads 5 < prompts`` submits a clip for each line with
``VideoSynthesis.async_call`` and waits for it with ``VideoSynthesis.wait``, as the SDK's own examples do. Only its
pauses between two questions are divided by the simulator's time scale; their pattern (1, 1, 2, 2, 2, 4, 4, 4, 5 s)
is the SDK's. Printed is how many have succeeded.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from dashscope import VideoSynthesis
from dashscope.client import base_api


class ScaledTime:
    """What the SDK takes for the module ``time``."""

    def __init__(self, scale: float) -> None:
        self._scale = scale

    def time(self) -> float:
        """The time, which it compares with a limit that is not set."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Its pause, in the simulator's time."""
        time.sleep(seconds / self._scale)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--model", required=True)
    options = parser.parse_args()
    vars(base_api)["time"] = ScaledTime(options.scale)
    prompts = sys.stdin.read().splitlines()
    with ThreadPoolExecutor(options.threads) as pool:
        print(sum(pool.map(lambda prompt: render(options.model, prompt), prompts)))


def render(model: str, prompt: str) -> bool:
    """Submit one clip and wait for it."""
    accepted = VideoSynthesis.async_call(model=model, prompt=prompt, size="1280*720", duration=5)
    ended = VideoSynthesis.wait(accepted)
    return bool(ended.output and ended.output.task_status == "SUCCEEDED")


if __name__ == "__main__":
    main()

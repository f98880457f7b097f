"""``up``: the stack, until somebody ends it."""

from __future__ import annotations

import time

import httpx
from rich.console import Console

from embedded.stack.service_plan import FLOWER_USER, WORKERS
from embedded.stack.stack import Stack, StackOptions, answers

_LOOK_SECONDS = 0.2
_WHOLE_SECONDS = 60.0
_PING_SECONDS = 1.0


def run_up(options: StackOptions) -> None:
    """Start the stack, say where its doors are, and look after it until Ctrl-C."""
    console = Console(stderr=True)
    started = time.monotonic()
    with console.status("starting") as status:
        stack = Stack(options, on_progress=lambda what: status.update(f"starting {what}"))
        stack.start()
    try:
        with console.status("waiting for the workers and Flower"):
            wait_until_whole(stack)
        console.print(f"ready after {time.monotonic() - started:.0f} s")
        print_doors(stack, console)
        look_after(stack, console)
    except KeyboardInterrupt:
        console.print("stopping; the next start resumes what is unfinished")
    finally:
        stack.stop()


def look_after(stack: Stack, console: Console) -> None:
    """Keep the services alive, for ever."""
    while True:
        for ending in stack.look_after():
            console.print(str(ending))
        time.sleep(_LOOK_SECONDS)


def wait_until_whole(stack: Stack) -> None:
    """Wait for what the API does without: workers that answer over the broker, and Flower.

    A minute at most: they may also come later.
    """
    # Imported late: it takes half a second, and the demo does without.
    from celery import Celery

    broker = Celery(broker=stack.environment["REELQUEUE_BROKER_URL"])
    deadline = time.monotonic() + _WHOLE_SECONDS
    with httpx.Client(trust_env=False) as http:
        while time.monotonic() < deadline:
            nodes = {node.partition("@")[0] for reply in broker.control.ping(timeout=_PING_SECONDS) for node in reply}
            if nodes >= set(WORKERS) and answers(http, f"{stack.url('flower')}/healthcheck"):
                return
            stack.look_after()


def print_doors(stack: Stack, console: Console) -> None:
    """Say where everything is."""
    flower = f"{stack.url('flower')}  user {FLOWER_USER}, password {stack.record.flower_password}"
    provider = {"provider": "DashScope: jobs cost money"}
    simulator = {"simulator": f"{stack.url('simulator')}/__sim__/ledger"}
    doors = {
        "API": f"{stack.url('api')}/docs",
        "Flower": flower,
        **(provider if stack.record.is_live else simulator),
        "state": str(stack.folder.root),
    }
    for name, where in doors.items():
        console.print(f"{name:<10} {where}", soft_wrap=True, highlight=False)
    console.print(f"export REELQUEUE_API_URL={stack.url('api')}", soft_wrap=True, highlight=False)

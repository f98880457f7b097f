"""``up``: runs the stack until it is stopped."""

from __future__ import annotations

import shlex
import time
from collections import Counter

import httpx
from rich.console import Console

from api.settings import load_settings as load_api_settings
from embedded.errors import ServiceError
from embedded.stack.service_plan import FLOWER_USER, WORKERS
from embedded.stack.stack import Stack, StackOptions, answers
from workers.settings import load_settings as load_worker_settings

_LOOK_SECONDS = 0.2
_WHOLE_SECONDS = 60.0
_PING_SECONDS = 1.0
# One end at the start may be chance, such as a broker that was not there yet.
_ENDINGS = 3


def run_up(options: StackOptions) -> None:
    """Start the stack, print its addresses, and keep it alive until Ctrl-C.

    Raises:
        ConfigurationError: A variable of the environment has a wrong value.
        ServiceError: A service keeps ending.
    """
    check_settings()
    console = Console(stderr=True)
    started = time.monotonic()
    with console.status("starting") as status:
        stack = Stack(options, on_progress=lambda what: status.update(f"starting {what}"))
        stack.start()
    try:
        with console.status("waiting for the workers and Flower"):
            missing = wait_until_whole(stack)
        waited = f"after {time.monotonic() - started:.0f} s"
        console.print(f"ready {waited}" if not missing else f"{waited} jobs are taken; no answer yet from {missing}")
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


def check_settings() -> None:
    """Read the settings of every service as it will, before anything starts.

    Raises:
        ConfigurationError: A variable has a wrong value; the message names it.
    """
    load_api_settings()
    load_worker_settings()


def wait_until_whole(stack: Stack) -> str:
    """Wait for what the API does without: workers that answer over the broker, and Flower.

    A minute at most: they may also come later.

    Returns:
        The services that have not answered, in words.

    Raises:
        ServiceError: A service ended several times meanwhile: it never will.
    """
    # Imported late: it takes half a second, and the demo does without.
    from celery import Celery

    broker = Celery(broker=stack.environment["REELQUEUE_BROKER_URL"])
    deadline = time.monotonic() + _WHOLE_SECONDS
    endings: Counter[str] = Counter()
    missing = {*WORKERS, "flower"}
    with httpx.Client(trust_env=False) as http:
        while missing and time.monotonic() < deadline:
            for ending in stack.look_after():
                endings[ending.name] += 1
                if endings[ending.name] == _ENDINGS:
                    what = f"ended {_ENDINGS} times while it started, at last with exit code {ending.exit_code}"
                    raise ServiceError(ending.name, what, ending.log_path)
            missing -= {
                node.partition("@")[0] for reply in broker.control.ping(timeout=_PING_SECONDS) for node in reply
            }
            if answers(http, f"{stack.url('flower')}/healthcheck"):
                missing.discard("flower")
    return ", ".join(sorted(missing))


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
    # What producers on this machine need, ready to be pasted into their shell.
    exported = {name: stack.environment[name] for name in ("REELQUEUE_BROKER_URL", "REELQUEUE_RESULT_BACKEND_URL")}
    for name, value in {**exported, "REELQUEUE_API_URL": stack.url("api")}.items():
        console.print(f"export {name}={shlex.quote(value)}", soft_wrap=True, highlight=False, markup=False)

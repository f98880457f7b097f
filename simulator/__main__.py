"""``python -m simulator``: the DashScope stand-in as a process."""

from __future__ import annotations

import argparse
import logging
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from simulator.assemble import open_service, replay
from simulator.errors import StartError
from simulator.server import bind, serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulator until it is told to stop; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=options.log_level.upper(), format="%(asctime)s %(name)s %(message)s")
    try:
        listener = bind(options.host, options.port)
        service = open_service(options.state, keys=options.key, time_scale=options.time_scale)
        unplayed = replay(service, options.replay) if options.replay else []
    except StartError as error:
        print(f"simulator: {error}", file=sys.stderr)  # noqa: T201 - the command's talk
        return 1
    if unplayed:
        print(f"simulator: differs, and cannot be played: {', '.join(unplayed)}", file=sys.stderr)  # noqa: T201 - as above
    host, port = listener.getsockname()[:2]
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    # Readers of a pipe wait for this line to learn the port.
    print(f"simulator listening on http://{place}", flush=True)  # noqa: T201 - the command's talk
    serve(service, listener, options.log_level)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator", description="A stand-in for DashScope's video API, with a billing ledger."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0 takes a free one and prints it")
    parser.add_argument("--state", type=Path, required=True, metavar="DIR", help="folder that survives a restart")
    parser.add_argument("--time-scale", type=_positive, metavar="X", help="divide run times and expiries by X")
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="[ACCOUNT=]KEY",
        help="accept this key only; repeat for more. Without any, every key works and is an account of its own",
    )
    parser.add_argument(
        "--replay",
        type=Path,
        metavar="CAPTURE",
        help="answer as the service did that `python -m workers probe --capture CAPTURE` has asked",
    )
    parser.add_argument("--log-level", default="warning", choices=["debug", "info", "warning", "error"])
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())

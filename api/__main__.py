"""``python -m api``: serve the API.

Bound to loopback it serves callers on its own machine without keys; bound to anything else it asks
for a bearer key.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress

import uvicorn

from api.app import create_app
from api.http.server import server_config
from api.settings import load_settings
from models.logs import configure_logs
from reelqueue.errors import ConfigurationError
from reelqueue.loopback import is_loopback

_GRACE_SECONDS = 10


def main() -> int:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m api", description="Serve Reelqueue's HTTP API.")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port to bind (default: %(default)s)")
    options = parser.parse_args()
    configure_logs()
    try:
        settings = load_settings()
        require_key = settings.api_require_key
        if require_key is None:
            require_key = not is_loopback(options.host)
        app = create_app(settings, require_key=require_key)
    except ConfigurationError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    config = server_config(
        app,
        settings,
        host=options.host,
        port=options.port,
        timeout_graceful_shutdown=_GRACE_SECONDS,  # a slow download must not hold up a restart
    )
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again that has ended it
        server.run()
    return 0 if server.started else 3


if __name__ == "__main__":
    sys.exit(main())

"""A parent that starts both servers, says which processes they are, and waits to be killed."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from embedded.servers.postgres import PostgresServer
from embedded.servers.valkey import ValkeyServer


def main(folder: Path) -> None:
    with PostgresServer(folder / "postgres") as postgres, ValkeyServer(folder / "valkey") as valkey:
        sys.stdout.write(f"{postgres.child.pid} {valkey.child.pid}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

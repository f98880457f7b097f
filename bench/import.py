"""How long a campaign file takes into the database, and how much memory.

``python bench/import.py [--clips 100000]`` starts its own Postgres and API, applies a spreadsheet by the command line
as a person does, applies it again, and prints the seconds of both, the largest memory of each process, and the rows.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from embedded.postgres import PostgresServer

ROOT = Path(__file__).parents[1]
START_SECONDS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=100_000)
    clips = parser.parse_args().clips
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = write_rows(folder / "catalogue.csv", clips)
        server = PostgresServer(folder / "postgres", is_durable=False)
        server.start()
        try:
            measure(server, folder, file)
        finally:
            server.stop()


def write_rows(path: Path, clips: int) -> Path:
    """A spreadsheet of that many clips."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["custom_id", "model", "prompt", "duration", "resolution", "seed", "metadata.scene"])
        for number in range(clips):
            prompt = f"product {number} on a marble table, soft morning light, a slow camera move around it"
            writer.writerow([f"clip-{number}", "wan2.6-t2v", prompt, 5, "720P", number, number % 50])
    return path


def measure(server: PostgresServer, folder: Path, file: Path) -> None:
    """Apply the file twice, and tell."""
    server.create_database("bench")
    url = server.url("bench")
    config = Config(ROOT / "alembic.ini")
    config.attributes["database_url"] = url
    command.upgrade(config, "head")
    port = free_port()
    environment = os.environ | {
        "REELQUEUE_DATABASE_URL": url,
        "REELQUEUE_BROKER_URL": "redis://127.0.0.1:9/0",  # hints go nowhere: the broker is not what is measured
        "REELQUEUE_ARCHIVE_URL": f"file:{folder}/archive",
        "REELQUEUE_API_URL": f"http://127.0.0.1:{port}",
    }
    log = (folder / "api.log").open("w")
    api = subprocess.Popen(
        [sys.executable, "-m", "api", "--port", str(port)], cwd=ROOT, env=environment, stdout=log, stderr=log
    )
    try:
        wait_for(port)
        for what in ("applied", "applied again"):
            print(f"{what}: {seconds_of(file, environment):.1f} s")
        print(f"largest memory of the API: {largest_memory_mb(api.pid)} MB")
    finally:
        api.terminate()
        api.wait()
        log.close()
    kilobytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"largest memory of any process: {kilobytes // 1024} MB")
    with create_engine(url).connect() as connection:
        stored = connection.execute(text("SELECT count(*) FROM render_jobs")).scalar_one()
    print(f"{stored} rows")


def seconds_of(file: Path, environment: dict[str, str]) -> float:
    """Seconds of one apply, from its process' start to its end."""
    began = time.perf_counter()
    words = [sys.executable, "-m", "reelqueue", "campaign", "apply", str(file), "--yes"]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    print(done.stdout.splitlines()[-1])
    return time.perf_counter() - began


def largest_memory_mb(pid: int) -> int:
    """The most that a running process has held."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) // 1024


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    """Until the API answers."""
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at:
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("the API did not start")


if __name__ == "__main__":
    main()

"""How long a campaign file takes into the database, and how much memory.

``python bench/import.py [--clips 100000]`` starts its own Postgres and API, applies a spreadsheet by the command line
as a person does, applies it again, and prints the seconds and the largest memory of either side. In the same run some
of the rows are enqueued one by one over the API: the ratio holds on a busy machine, where seconds do not.
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

from embedded.servers.postgres import PostgresServer

ROOT = Path(__file__).parents[1]
SINGLE_COUNT = 300
"""Jobs that are enqueued one by one, to compare with."""
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
        load = os.getloadavg()[0]
        single_seconds = seconds_of_single_jobs(port) / SINGLE_COUNT
        applied_seconds = seconds_of(file, environment)
        print(f"applied: {applied_seconds:.1f} s, while {load:.1f} processes wanted {os.cpu_count()} processors")
        print(f"applied again: {seconds_of(file, environment):.1f} s")
        print(f"largest memory of the command: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024} MB")
        print(f"largest memory of the API: {largest_memory_mb(api.pid)} MB")
    finally:
        api.terminate()
        api.wait()
        log.close()
    with create_engine(url).connect() as connection:
        stored = connection.execute(text("SELECT count(*) FROM render_jobs WHERE custom_id IS NOT NULL")).scalar_one()
    each_seconds = applied_seconds / stored
    print(f"{stored} clips, {each_seconds * 1e6:.0f} us each; enqueued one by one: {single_seconds * 1e6:.0f} us,")
    print(f"{single_seconds / each_seconds:.0f} times as long")


def seconds_of_single_jobs(port: int) -> float:
    """Seconds of enqueuing jobs one by one, on one connection."""
    request = {"model": "wan2.6-t2v", "prompt": "a paper boat", "duration": 5, "resolution": "720P"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        began = time.perf_counter()
        for seed in range(SINGLE_COUNT):
            client.post("/v1/jobs", json=request | {"seed": seed}).raise_for_status()
        return time.perf_counter() - began


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

"""What reading a campaign file costs beside parsing its requests, and how much memory a row keeps.

``python bench/campaign_file.py [--rows 100000]`` writes spreadsheets into a temporary folder, checks each to its end
as ``reelqueue campaign check`` does, and prints seconds, the ratio to parsing the same requests alone, and how many
bytes a row stays in memory.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from reelqueue.campaigns.plan.check_file import check_file
from reelqueue.requests.parse import parse_request

REGION = "ap-southeast-1"
MANIFEST = """
defaults: {model: wan2.7-t2v, resolution: 720P, duration: 5}
template: {prompt: "{{ name }} on a table, {{ style }}, slow pan, golden light"}
matrix: {style: [film noir, watercolour, studio light, pop art], ratio: ["16:9", "9:16", "1:1"]}
file: products.csv
"""


def write_rows(path: Path, count: int, *, bad: bool = False) -> None:
    """A spreadsheet of plain rows, all different; bad ones have two mistakes each."""
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["custom_id", "model", "prompt", "resolution", "duration", "seed"])
        seconds = "99" if bad else "5"
        for number in range(count):
            prompt = f"a paper boat number {number} on a lake, slow pan, golden light"
            rows.writerow([f"clip-{number}", "wan2.6-t2v", prompt, "2K" if bad else "720P", seconds, number])


def write_products(folder: Path, count: int) -> Path:
    """A manifest whose matrix makes twelve clips of each product."""
    with (folder / "products.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["custom_id", "name"])
        rows.writerows([f"p{number}", f"product number {number}"] for number in range(count // 12))
    path = folder / "catalogue.yaml"
    path.write_text(MANIFEST)
    return path


def seconds_of(run: Callable[[], object]) -> float:
    """Processor time of one run: other programs on the machine do not count."""
    begun = time.process_time()
    run()
    return time.process_time() - begun


def parse_alone(path: Path) -> None:
    """The requests of a spreadsheet without anything else that a campaign needs."""
    with path.open(newline="") as stream:
        for row in csv.DictReader(stream):
            parse_request(row | {"duration": int(row["duration"]), "seed": int(row["seed"])})


def bytes_of(path: Path) -> int:
    """Most memory that a check holds at a time."""
    tracemalloc.start()
    check_file(path, region=REGION)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=100_000)
    count = arguments.parse_args().rows
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        plain, bad, some = folder / "plain.csv", folder / "bad.csv", folder / "some.csv"
        write_rows(plain, count)
        write_rows(bad, count, bad=True)
        write_rows(some, count // 10)
        parsed = seconds_of(lambda: parse_alone(plain))
        print(f"parsing {count} requests alone: {parsed:.1f} s")
        for name, path in {"rows": plain, "bad rows": bad, "of a matrix": write_products(folder, count)}.items():
            spent = seconds_of(lambda path=path: check_file(path, region=REGION))  # type: ignore[misc]
            print(f"checking {count} {name}: {spent:.1f} s, {spent / parsed:.1f} times that")
        many, few = bytes_of(plain), bytes_of(some)
        print(f"memory: {few / 1e6:.0f} MB for {count // 10} rows, {many / 1e6:.0f} MB for {count}", end=": ")
        print(f"{(many - few) / (count - count // 10):.0f} bytes a row")


if __name__ == "__main__":
    main()

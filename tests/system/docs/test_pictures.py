"""The pictures of the documents stand on their own: they are read where no other host may be asked."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[3]
PICTURES = sorted((ROOT / "docs").rglob("*.svg"))
# A namespace is a name, not an address.
NAMESPACE = "http://www.w3.org/2000/svg"


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_it_names_no_other_host(path: Path) -> None:
    assert re.findall(r"https?://[^\s\"')]+", path.read_text(encoding="utf-8")) == [NAMESPACE]


def test_the_recording_ends_with_the_proof() -> None:
    picture = ET.parse(ROOT / "docs" / "pictures" / "sabotage.svg")  # noqa: S314 - our own file
    lines = [line for text in picture.iter(f"{{{NAMESPACE}}}text") if (line := (text.text or "").strip())]

    last = lines[-1].replace("\N{NO-BREAK SPACE}", " ")
    assert re.fullmatch(r"24/24 succeeded · billed 24 · duplicates 0 · adopted [1-9]\d*", last)

"""The page that describes what stands beside each clip says what the code writes."""

from __future__ import annotations

from tests.system.docs.clip_schema import ROOT, schema


def test_the_schema_is_that_of_the_type() -> None:
    written = (ROOT / "docs/clip.schema.json").read_text()

    assert written == schema(), "write it anew: python tests/system/docs/clip_schema.py > docs/clip.schema.json"

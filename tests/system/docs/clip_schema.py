"""The JSON Schema of what stands beside each clip.

``python tests/system/docs/clip_schema.py > docs/clip.schema.json`` writes it anew.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def schema() -> str:
    """The file's content."""
    from reelqueue.schemas.sidecar import SCHEMA, Sidecar

    described = Sidecar.model_json_schema(by_alias=True, mode="serialization")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{SCHEMA}", "title": "Archived clip"}
    return json.dumps(head | {name: value for name, value in described.items() if name != "title"}, indent=2) + "\n"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.stdout.write(schema())

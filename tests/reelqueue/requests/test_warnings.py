from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reelqueue import build, parse_request

P = "https://media.example/first.png"
V = "https://media.example/clip.mp4"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        # a model that no table knows
        ({"model": "acme-video", "prompt": "x"}, "in no published table"),
        ({"model": "Wan2.6-T2V", "prompt": "x"}, "did you mean wan2.6-t2v"),
        # the documentation disagrees with itself
        ({"model": "wan2.6-t2v", "prompt": "x", "duration": 7}, "5, 10 or 15 seconds only"),
        ({"model": "wan2.6-t2v-us", "prompt": "x", "duration": 15}, "15 is seen in clients only"),
        ({"model": "wan2.5-t2v-preview", "prompt": "x", "shot_type": "multi"}, "wan2.6 only"),
        ({"model": "wan2.6-r2v", "prompt": "x", "reference_urls": [P], "prompt_extend": True}, "does not list"),
        ({"model": "happyhorse-1.1-t2v", "prompt": "x", "resolution": "480P"}, "Chinese pages"),
        (
            {
                "model": "wan2.7-videoedit",
                "media": [{"type": "video", "url": V}, *[{"type": "reference_image", "url": P}] * 4],
            },
            "allow 3 reference_image only",
        ),
        # options that cancel each other
        ({"model": "wan2.6-i2v-flash", "image": P, "audio": False, "audio_url": V}, "will not be heard"),
        ({"model": "wan2.6-t2v", "prompt": "x", "shot_type": "multi", "prompt_extend": False}, "has no effect"),
        ({"model": "wan2.7-t2v", "prompt": "x", "resolution": "1280x720", "ratio": "1:1"}, "overrides the 16:9"),
        (
            {"model": "wan2.7-r2v", "prompt": "x", "reference_urls": [P], "image": P, "ratio": "1:1"},
            "ignores the ratio",
        ),
        # what is sent is not quite what was asked
        ({"model": "wan2.6-i2v", "image": P, "resolution": "720x1280"}, "only the tier 720P is sent"),
        ({"model": "wan2.7-t2v", "prompt": "x", "resolution": "1088x832"}, "as 1104x832, not 1088x832"),
        ({"model": "wan2.7-r2v", "prompt": "x", "reference_urls": ["https://media.example/7"]}, "item 0 of reference"),
        ({"model": "wan2.6-t2v", "prompt": "x", "raw": {"fps": 30}}, "fps: sent to wan2.6-t2v unchecked"),
        ({"model": "happyhorse-1.0-t2v", "prompt": "x"}, "puts a watermark on the video"),
    ],
)
def test_a_doubt_is_sent_with_a_warning(options: Mapping[str, Any], words: str) -> None:
    warnings = build(parse_request(options)).warnings

    assert any(words in warning for warning in warnings), warnings


@pytest.mark.parametrize(
    "options",
    [
        {"model": "wan2.6-t2v", "prompt": "x", "duration": 5, "resolution": "1280x720"},
        {"model": "wan2.6-i2v", "image": P, "resolution": "720P"},
        {"model": "wan2.6-r2v", "prompt": "x", "reference_urls": [P, V], "shot_type": "single"},
        {"model": "wan2.7-t2v", "prompt": "x", "resolution": "1104x832"},
        {"model": "wan2.7-i2v", "image": P, "last_frame": P},
        {"model": "wan3.0-video", "prompt": "x", "resolution": "832x480"},
        {"model": "happyhorse-1.0-t2v", "prompt": "x", "watermark": False},
    ],
)
def test_a_plain_request_has_no_warnings(options: Mapping[str, Any]) -> None:
    assert build(parse_request(options)).warnings == ()

"""A request for each option, in which the option has a value of its own."""

from __future__ import annotations

from typing import Any, Final

PICTURE: Final = "https://media.test/cup.png"
OTHER_PICTURE: Final = "https://media.test/lamp.png"
CLIP: Final = "https://media.test/cup.mp4"

_T2V: Final = {"model": "wan2.6-t2v", "prompt": "a paper boat"}
_I2V: Final = {"model": "wan2.6-i2v-flash", "prompt": "a paper boat", "image": PICTURE}
_WAN27: Final = {"model": "wan2.7-i2v", "prompt": "a paper boat", "image": PICTURE}

SAMPLES: Final[dict[str, dict[str, Any]]] = {
    "custom_id": _T2V | {"custom_id": "shot-7"},
    "model": _T2V | {"model": "wan2.7-t2v"},
    "mode": _I2V | {"mode": "image-to-video"},
    "prompt": _T2V | {"prompt": "a red cup"},
    "negative_prompt": _T2V | {"negative_prompt": "rain"},
    "resolution": _T2V | {"resolution": "1080P"},
    "ratio": _T2V | {"model": "wan2.7-t2v", "ratio": "9:16"},
    "duration": _T2V | {"duration": 10},
    "seed": _T2V | {"seed": 7},
    "image": _I2V,
    "last_frame": _WAN27 | {"last_frame": OTHER_PICTURE},
    "reference_urls": {"model": "wan2.6-r2v", "prompt": "character1 sails", "reference_urls": [PICTURE, CLIP]},
    "media": {
        "model": "wan2.7-i2v",
        "prompt": "a paper boat",
        "media": [{"type": "first_frame", "url": PICTURE}, {"type": "last_frame", "url": OTHER_PICTURE}],
    },
    "audio": _I2V | {"audio": False},
    "audio_url": _T2V | {"audio_url": "https://media.test/sea.mp3"},
    "headers": _T2V | {"headers": {"X-DashScope-DataInspection": "enable"}},
    "on_timeout": _T2V | {"on_timeout": "abandon"},
    "poll_interval_ms": _T2V | {"poll_interval_ms": 9_000},
    "poll_timeout_ms": _T2V | {"poll_timeout_ms": 900_000},
    "priority": _T2V | {"priority": 5},
    "prompt_extend": _T2V | {"prompt_extend": False},
    "raw": _T2V | {"raw": {"style": 1}},
    "shot_type": _T2V | {"shot_type": "multi"},
    "start_by": _T2V | {"start_by": "2030-01-01T00:00:00Z"},
    "watermark": _T2V | {"watermark": True},
    "metadata": _T2V | {"metadata": {"scene": 4}},
}
"""By option of the table, in its order."""

CHEAPER: Final[dict[str, dict[str, Any]]] = {
    "model": _T2V | {"model": "wan2.1-t2v-turbo"},
    "resolution": _T2V | {"resolution": "720P"},
    "duration": _T2V | {"duration": 5},
    "audio": _I2V,
    "reference_urls": {"model": "wan2.6-r2v", "prompt": "character1 sails", "reference_urls": [PICTURE]},
    "raw": _T2V,
}
"""The same request with another value, which has another price, by option."""

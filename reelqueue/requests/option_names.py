"""Names of all request options, and what other clients call them."""

from __future__ import annotations

from typing import Final

JOB_OPTIONS: Final = frozenset(
    {
        "custom_id",
        "headers",
        "metadata",
        "on_timeout",
        "poll_interval_ms",
        "poll_timeout_ms",
        "priority",
        "raw",
        "start_by",
    }
)
"""Options that are ours and that every model therefore takes."""

EVERY_OPTION: Final = JOB_OPTIONS | {
    "audio",
    "audio_url",
    "duration",
    "image",
    "last_frame",
    "media",
    "mode",
    "model",
    "negative_prompt",
    "prompt",
    "prompt_extend",
    "ratio",
    "reference_urls",
    "resolution",
    "seed",
    "shot_type",
    "watermark",
}
"""The options of all kinds together."""

OTHER_WORDS: Final = {
    "aspect_ratio": "ratio",
    "first_frame": "image",
    "first_frame_url": "image",
    "generate_audio": "audio",
    "image_url": "image",
    "img_url": "image",
    "last_frame_url": "last_frame",
    "reference_video_urls": "reference_urls",
    "size": "resolution",
}
"""What the service and other clients call our options."""

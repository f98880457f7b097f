"""Limits of pictures, videos and sounds that several model families share.

Source: Alibaba Cloud Model Studio API references of each family, read 2026-11.
"""

from __future__ import annotations

from typing import Final

from reelqueue.catalog.spec import MIB, ClipLimits, ImageLimits, MediaRole

EARLY_IMAGE: Final = ImageLimits(
    side_px_min=240,
    side_px_max=8000,
    size_bytes_max=10 * MIB,
    stricter=ImageLimits(side_px_min=360, side_px_max=2000, size_bytes_max=10 * MIB),
)
"""First and last frames of Wan 2.1 and 2.2; pages up to early 2026 said 360 to 2000 px."""

FIRST_FRAME_IMAGE: Final = ImageLimits(
    side_px_min=240,
    side_px_max=8000,
    size_bytes_max=20 * MIB,
    stricter=ImageLimits(side_px_min=360, side_px_max=2000, size_bytes_max=10 * MIB),
)
"""First frames of Wan 2.5 and 2.6; pages up to early 2026 said 360 to 2000 px and 10 MB."""

CURRENT_IMAGE: Final = ImageLimits(side_px_min=240, side_px_max=8000, size_bytes_max=20 * MIB, aspect_max=8)
"""Every picture of Wan 2.7 and 3.0."""

REFERENCE_VIDEO: Final = ClipLimits(
    seconds_min=1, seconds_max=30, size_bytes_max=100 * MIB, side_px_min=240, side_px_max=4096
)

AUDIO_TRACK: Final = ClipLimits(seconds_min=3, seconds_max=30, size_bytes_max=15 * MIB)
"""WAV or MP3 that drives a video of Wan 2.5 or 2.6; longer than the video is cut, shorter ends in silence."""

WAN27_AUDIO_TRACK: Final = ClipLimits(seconds_min=2, seconds_max=30, size_bytes_max=15 * MIB)
"""The same for Wan 2.7."""

EARLY_FIRST_FRAME: Final = MediaRole(name="first_frame", image=EARLY_IMAGE, takes_data_uri=True)
LEGACY_FIRST_FRAME: Final = MediaRole(name="first_frame", image=FIRST_FRAME_IMAGE, takes_data_uri=True)
EARLY_LAST_FRAME: Final = MediaRole(name="last_frame", image=EARLY_IMAGE, takes_data_uri=True)
CURRENT_FIRST_FRAME: Final = MediaRole(name="first_frame", image=CURRENT_IMAGE, takes_data_uri=True)
CURRENT_LAST_FRAME: Final = MediaRole(name="last_frame", image=CURRENT_IMAGE, takes_data_uri=True)

"""Which job stands for a clip of a campaign's file now."""

from __future__ import annotations

from typing import Final

from models.render_job import RenderJob

IS_CLIP: Final = RenderJob.content_sha256.is_not(None)
"""A job that was made of a row of a file."""
IS_CURRENT: Final = (IS_CLIP, RenderJob.superseded_at.is_(None))
"""A clip that stands for its id now."""

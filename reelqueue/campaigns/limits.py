"""How large a campaign file may be; each limit is told with its number when a file crosses it."""

from __future__ import annotations

from typing import Final

from reelqueue.strict_json import DEPTH_MAX

CLIPS_MAX: Final = 1_000_000
"""Of one campaign, after its matrix and variants."""
CELL_CHARACTERS_MAX: Final = 1_000_000
LINE_CHARACTERS_MAX: Final = 24_000_000
"""Of one line of text: a picture of 15 MiB as a data URI still fits into a line of JSON."""
COLUMNS_MAX: Final = 500
JSON_DEPTH_MAX: Final = DEPTH_MAX
MANIFEST_BYTES_MAX: Final = 16 * 1024 * 1024
WORKBOOK_SHEET_BYTES_MAX: Final = 512 * 1024 * 1024
"""Of one sheet, unpacked; it is read as a stream."""
WORKBOOK_PART_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of any other part, unpacked, such as the texts of all sheets, which stand in memory."""
WORKBOOK_ROWS_MAX: Final = 1_048_576
"""As many as Excel has."""
MANIFEST_VALUES_MAX: Final = 1_000_000
"""Of one manifest, counted as if every alias were written out."""
MANIFEST_DEPTH_MAX: Final = 32
VARIANTS_MAX: Final = 100
AXES_MAX: Final = 16
EXCLUDES_MAX: Final = 200
"""Rules of a matrix, of which each combination is compared with each."""
MANIFEST_PROBLEMS_MAX: Final = 100
"""That are told of one manifest; finding the name that a misspelt one may have meant takes its time."""
SEEN_CHARACTERS_MAX: Final = 80
"""Of a value that a problem quotes."""
TOLD_CHARACTERS_MAX: Final = 200
"""Of a variable that is kept with its clip, for people to filter by."""
PATH_CHARACTERS_MAX: Final = 4_096
"""Of a picture's path, which is kept with its clip; no system takes a longer one."""
TEMPLATE_CHARACTERS_MAX: Final = 20_000
TEMPLATE_DEPTH_MAX: Final = 30
"""Jinja2's compiler takes time by the cube of it, and Python's refuses a few times as much."""
VARIABLE_CHARACTERS_MAX: Final = 10_000
"""Of one value that a template uses."""
RENDERED_CHARACTERS_MAX: Final = 100_000
"""Of what one template writes for one clip; no model reads a tenth of it."""
LOOP_STEPS_MAX: Final = 10_000
"""Of all loops of one template together, for one clip."""
RENDER_SECONDS_MAX: Final = 1.0
"""For one template and one clip; a usual one takes microseconds."""

"""Records a command in a terminal as a picture: ``python docs/pictures/record.py``.

What the command really wrote, colours included, becomes ``sabotage.svg`` beside this file. Nothing in the picture
comes from another host: rich's own template fetches fonts, so this one names those that every system has.
"""
# ruff: noqa: INP001, T201 - a command beside its pictures, no package

from __future__ import annotations

import argparse
import io
import os
import pty
import re
import sys
from pathlib import Path
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT: Final = Path(__file__).parents[2]
COMMAND: Final = ("./run", "demo", "--sabotage")
COLUMNS: Final = 120
"""Of the terminal in which the command runs; the picture is as wide as the longest line."""

# A status line that was taken away again: written, then the cursor goes up and the line is cleared.
_ERASED: Final = re.compile(r"[^\n]*\n(?:\r|\x1b\[\?25h)*\x1b\[1A\x1b\[2K")

_THEME: Final = TerminalTheme(
    background=(22, 27, 34),
    foreground=(230, 237, 243),
    normal=[(72, 79, 88), (255, 123, 114), (86, 211, 100), (227, 179, 65), (121, 192, 255), (210, 168, 255),
            (86, 212, 221), (177, 186, 196)],
    bright=[(110, 118, 129), (255, 161, 152), (126, 231, 135), (242, 204, 96), (165, 214, 255), (226, 197, 255),
            (179, 240, 255), (240, 246, 252)],
)  # fmt: skip

_TEMPLATE: Final = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font-family: system-ui, sans-serif; font-size: 16px; font-weight: 600; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


def record(command: tuple[str, ...]) -> tuple[str, int]:
    """Run a command in a terminal of its own, shown here meanwhile.

    Returns:
        What it wrote, escape sequences included, and its exit code.
    """
    written = bytearray()

    def read(descriptor: int) -> bytes:
        chunk = os.read(descriptor, 65536)
        written.extend(chunk)
        return chunk

    os.chdir(ROOT)
    os.environ.update(COLUMNS=str(COLUMNS), TERM="xterm-256color")
    status = pty.spawn(command, read)
    return written.decode(), os.waitstatus_to_exitcode(status)


def draw(command: tuple[str, ...], written: str) -> str:
    """The picture of a terminal, as SVG.

    Args:
        command: As typed.
        written: By it, escape sequences included.
    """
    text = Text.from_ansi(f"\x1b[1m$ {' '.join(command)}\x1b[0m\n" + _settled(written))
    width = max(cell_len(line.plain) for line in text.split("\n"))
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(text, soft_wrap=True)
    return console.export_svg(
        title="Reelqueue",
        theme=_THEME,
        code_format=_TEMPLATE,
        font_aspect_ratio=0.6,
        unique_id="reelqueue",
    )


def _settled(written: str) -> str:
    """What is left on the screen at the end."""
    lines = _ERASED.sub("", written.replace("\r\n", "\n"))
    return lines.rstrip("\n")


def main() -> int:
    """Record, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("sabotage.svg"))
    output: Path = parser.parse_args().output.absolute()
    written, exit_code = record(COMMAND)
    if exit_code != 0:
        print(f"{' '.join(COMMAND)} ended with exit code {exit_code}: nothing was drawn", file=sys.stderr)
        return 1
    output.write_text(draw(COMMAND, written), encoding="utf-8")
    print(f"{output.name}: {output.stat().st_size} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

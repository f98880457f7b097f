"""docs/settings.md; ``./run check`` compares its tables with the code."""

from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs/settings.md"


def test_every_setting_says_what_it_means() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]

    assert rows
    assert not [row for row in rows if "| " + " |" in row]

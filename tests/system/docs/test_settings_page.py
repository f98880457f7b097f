from pathlib import Path

from tests.system.docs.settings_page import ROOT, page


def test_the_page_lists_every_setting_with_its_meaning_and_default() -> None:
    written = Path(ROOT, "docs/settings.md").read_text()

    assert written == page(), "write it anew: python tests/system/docs/settings_page.py > docs/settings.md"


def test_every_setting_says_what_it_means() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| `")]

    assert rows
    assert not [row for row in rows if "| " + " |" in row]

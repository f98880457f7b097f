"""The pages of the repository's root as pages of the documentation site; a hook of MkDocs.

Links between them and ``docs/`` are written for readers of the repository, and are rewritten here. What a link
names outside of the site, such as an example, is shown as text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "GUARANTEES.md": "guarantees.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Where each page of the root is in the site."""

_LINK = re.compile(r"(?<!!)\[([^]]*)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)|(!\[[^]]*\])\((?!\w+:)([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root."""
    for name, uri in PAGES.items():
        files.append(File.generated(config, uri, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - a hook's
    """Rewrite the links of one page."""
    sources = {uri: name for name, uri in PAGES.items()}
    source = sources.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    return _LINK.sub(lambda link: _rewritten(link, source, page.file.src_uri), markdown)


def _rewritten(link: re.Match[str], source: str, uri: str) -> str:
    """One link of the page that is *source* in the repository and *uri* in the site."""
    text, target, anchor, picture, picture_target = link.groups()
    named = posixpath.normpath(posixpath.join(posixpath.dirname(source), target or picture_target))
    place = PAGES.get(named) or (named.removeprefix("docs/") if named.startswith("docs/") else None)
    if place is None:
        # A file of the repository that is no part of the site; a missing one is left for MkDocs to report.
        return str(text) if text and (ROOT / named).exists() else link[0]
    relative = posixpath.relpath(place, posixpath.dirname(uri) or ".")
    return f"{picture}({relative})" if picture else f"[{text}]({relative}{anchor or ''})"

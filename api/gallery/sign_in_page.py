"""The page on which a person pastes a key once."""

from __future__ import annotations

from html import escape
from typing import Final

from api.gallery.html_document import Dress, document
from api.gallery.tiles_html import sentence

SIGN_IN_DRESS: Final = Dress(("base.css", "door.css"), ("sign-in.js",))
FRONT_DRESS: Final = Dress(("base.css", "door.css"))
RETURN_DRESS: Final = Dress(("base.css",))


def sign_in_page(to: str, problem: str | None = None) -> str:
    """The form.

    Args:
        to: The path to go to then.
        problem: Why the last try was refused.
    """
    alert = f'<p class="problem" role="alert">{sentence(problem)}</p>' if problem else ""
    body = f"""<main class="door">
<h1>Sign in to Reelqueue</h1>
<form method="post" action="/sign-in">
{alert}<input type="hidden" name="to" value="{escape(to)}"><input type="hidden" name="pass">
<label for="key">API key</label>
<input id="key" type="password" name="key" autocomplete="current-password" spellcheck="false" required autofocus>
<button>Sign in</button>
</form>
<p class="hint">This browser does not keep the key: it gets a cookie for twelve hours.
Without a key, ask for a link: <code>reelqueue campaign open NAME</code> prints one.</p>
</main>"""
    return document(SIGN_IN_DRESS, "Sign in · Reelqueue", body, is_served=True)


def front_page() -> str:
    """Leads to the pages that a person may look for at the server's root."""
    body = """<main class="door">
<h1>Reelqueue</h1>
<p><a href="/campaigns">Campaigns</a>: clips to look at, approve and download.</p>
<p><a href="/docs">API</a>: what programs call; <a href="/openapi.json">its description</a> for generators.</p>
</main>"""
    return document(FRONT_DRESS, "Reelqueue", body, is_served=True)


def return_page() -> str:
    """Asks for the page once more.

    A browser keeps the cookie back where another site led here; this page's own request carries it.
    """
    body = '<meta http-equiv="refresh" content="0">'
    return document(RETURN_DRESS, "Reelqueue", body, is_served=True)

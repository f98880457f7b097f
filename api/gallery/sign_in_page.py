"""The page on which a person pastes a key once, and the two pages around it."""

from __future__ import annotations

from typing import Final

from api.gallery.html_document import PageAssets, document

SIGN_IN_ASSETS: Final = PageAssets(("base.css", "door.css"), ("sign-in.js",))
FRONT_ASSETS: Final = PageAssets(("base.css", "door.css"))
RETURN_ASSETS: Final = PageAssets(("base.css",))


def sign_in_page(to: str, problem: str | None = None) -> str:
    """The form.

    Args:
        to: The path to go to then.
        problem: Why the last try was refused.
    """
    return document("sign_in.html", SIGN_IN_ASSETS, "Sign in · Reelqueue", is_served=True, to=to, problem=problem)


def front_page() -> str:
    """Leads to the pages that a person may look for at the server's root."""
    return document("front.html", FRONT_ASSETS, "Reelqueue", is_served=True)


def return_page() -> str:
    """Asks for the page once more.

    A browser keeps the cookie back where another site led here; this page's own request carries it.
    """
    return document("return.html", RETURN_ASSETS, "Reelqueue", is_served=True)

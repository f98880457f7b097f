"""Convert cells of a spreadsheet, which have no type, to the values that options take."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from reelqueue import strict_json
from reelqueue.campaigns.limits import CELL_CHARACTERS_MAX
from reelqueue.campaigns.problem import shortened
from reelqueue.campaigns.rows.url_cells import check_single, split_urls
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.fields import whole_number
from reelqueue.requests.option_table import REQUEST_OPTIONS, Form, names_of

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_WHOLE_DECIMAL: Final = re.compile(r"([+-]?[0-9]{1,20})[.,](?:0|00|0{4,20})", re.ASCII)
"""5.0, as pandas and Sheets write a column with empty cells; 5.000 may be five thousand."""
_DECIMAL: Final = re.compile(r"[+-]?[0-9]+[.,][0-9]+", re.ASCII)
_SCIENTIFIC: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+", re.ASCII)
_EXCEL_ERROR: Final = re.compile(r"#(?:NAME\?|REF!|VALUE!|DIV/0!|N/A|NUM!|NULL!|SPILL!|CALC!|GETTING_DATA)")
_SWITCHES: Final = {
    # What a spreadsheet writes for a checkbox depends on its language, and pandas has numbers beside an empty cell.
    **dict.fromkeys(("true", "yes", "1", "1.0", "1,0", "wahr", "ja", "vrai", "oui", "verdadero", "vero"), True),
    **dict.fromkeys(("false", "no", "0", "0.0", "0,0", "falsch", "nein", "faux", "non", "falso"), False),
}


def read_integer(text: str, option: str) -> int:
    """A whole number.

    Raises:
        InvalidRequestError: It is none, or one that a spreadsheet has spoilt.
    """
    digits = text.strip()
    if _INTEGER.fullmatch(digits):
        return int(digits)
    if whole := _WHOLE_DECIMAL.fullmatch(digits):
        return int(whole[1])
    if _SCIENTIFIC.fullmatch(digits):
        why = "must be a whole number with all of its digits; a spreadsheet has rounded this one"
    elif _DECIMAL.fullmatch(digits):
        why = "must be a whole number, such as 5"
    else:
        why = "must be a whole number"
    raise InvalidRequestError("wrong_type", f"{option}: {why}, not {shortened(digits)!r}", option)


def read_switch(text: str, option: str) -> bool:
    """True or false, in the words of several spreadsheets.

    Raises:
        InvalidRequestError: It is neither.
    """
    switch = _SWITCHES.get(text.strip().casefold())
    if switch is None:
        seen = shortened(text)
        raise InvalidRequestError("wrong_type", f"{option}: must be true or false, not {seen!r}", option)
    return switch


def read_json(text: str, option: str) -> object:
    """A JSON value.

    Raises:
        InvalidRequestError: It is no JSON, has a key twice or is nested too deeply.
    """
    try:
        return strict_json.read_json(text)
    except ValueError as error:
        raise InvalidRequestError("bad_json", f"{option}: must be JSON ({error})", option) from error


def read_urls(text: str, option: str) -> object:
    """URLs as `split_urls` divides them, or a JSON list of them."""
    return read_json(text, option) if text.lstrip().startswith("[") else split_urls(text, option)


def read_typed(value: object, option: str) -> object:
    """What JSON or YAML, which have types, say about an option: 5.0 is 5, and a text means what it would in a cell.

    Raises:
        InvalidRequestError: It is a text that the option cannot be read from.
    """
    reader = READERS.get(option)
    if isinstance(value, float) and reader is read_integer:
        return whole_number(value)
    if isinstance(value, str) and reader is not None:
        return reader(value, option) if value.strip() else None
    return value


def check_text(text: str, column: str) -> None:
    """Refuse what no cell should hold.

    Raises:
        InvalidRequestError: It is longer than a cell may be, or a formula's error and not its value.
    """
    if len(text) > CELL_CHARACTERS_MAX:
        message = f"{column}: a cell has at most {CELL_CHARACTERS_MAX} characters, not {len(text)}"
        raise InvalidRequestError("too_long", message, column)
    if text.startswith("#") and _EXCEL_ERROR.fullmatch(text.strip()):
        raise InvalidRequestError(
            "formula_error",
            f"{column}: must be a value; the spreadsheet's formula failed, not {text.strip()!r}",
            column,
        )


def _word(text: str, option: str) -> str:  # noqa: ARG001 - as all readers
    return text.strip()


_READERS_BY_FORM: Final[Mapping[Form, Callable[[str, str], object]]] = {
    Form.INTEGER: read_integer,
    Form.SWITCH: read_switch,
    Form.MEDIA: read_json,
    Form.OBJECT: read_json,
    Form.HEADERS: read_json,
    Form.URLS: read_urls,
    Form.URL: check_single,
}
READERS: Final[Mapping[str, Callable[[str, str], object]]] = {
    "variants": read_integer,
    **{option.name: reader for option in REQUEST_OPTIONS if (reader := _READERS_BY_FORM.get(option.form))},
}
"""How a cell of each option is read; prompts are taken as they stand, anything else without outer spaces."""

VERBATIM: Final = names_of(forms=[Form.TEXT])


def reader_of(option: str) -> Callable[[str, str], object] | None:
    """What turns a cell into the option's value; None for one that is taken as it stands."""
    return None if option in VERBATIM else READERS.get(option, _word)

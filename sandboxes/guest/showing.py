"""Values and errors in a few words, whatever they are."""

from __future__ import annotations

import reprlib
from typing import Any

MAX_VALUE = 300
MAX_FAILURE = 2000

_SHORT = reprlib.Repr()
_SHORT.maxlevel = 4
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = _SHORT.maxfrozenset = _SHORT.maxdeque = _SHORT.maxdict = 12
_SHORT.maxstring = _SHORT.maxother = MAX_VALUE
_SHORT.maxlong = 60


def show(value: Any) -> str:
    try:
        return _SHORT.repr(value)[:MAX_VALUE]
    except BaseException:
        return f"<{type(value).__name__}>"


def show_error(error: BaseException) -> str:
    """Its kind and text; for a failing assert what was compared."""
    check = vars(error).get("_check")
    try:
        text = str(error)
    except BaseException:
        text = ""
    if check:
        return (check if text in ("", check) else f"{check} ({text})")[:MAX_FAILURE]
    return f"{type(error).__name__}: {text}"[:MAX_FAILURE]

"""The one error of this room."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PlanError(ValueError):
    """A server, kind or moment that does not exist: one sentence with the value and what there is."""


def unknown(what: str, value: str, known: Iterable[str]) -> PlanError:
    """A PlanError for ``value``, with a did-you-mean and the list of what is known."""
    names = list(known)
    close = difflib.get_close_matches(value, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return PlanError(f"unknown {what} {value!r}: {hint}known are {', '.join(names)}")

"""Rules by code, by name, or by the first digits of codes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from wsdoctor.diagnosis.rules import RULES, find_rule

_PREFIX = re.compile(r"WSD\d{0,3}", re.IGNORECASE)


class SelectionError(ValueError):
    """No rule is called so: one sentence with the nearest name."""


def codes_of(selectors: Iterable[str]) -> frozenset[str]:
    """The codes that ``selectors`` mean. Raises SelectionError for one that means none."""
    return frozenset(code for selector in selectors for code in _codes(selector))


def _codes(selector: str) -> tuple[str, ...]:
    wanted = selector.strip()
    if wanted.upper() == "ALL":
        return tuple(RULES)
    if _PREFIX.fullmatch(wanted):
        found = tuple(code for code in RULES if code.startswith(wanted.upper()))
    else:
        rule = find_rule(wanted)
        found = (rule.code,) if rule else ()
    if not found:
        known = [*RULES, *(rule.name for rule in RULES.values())]
        close = get_close_matches(
            wanted.upper() if wanted[:3].upper() == "WSD" else wanted, known, 1
        )
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise SelectionError(f"there is no rule {selector!r}{hint} (see: wsdoctor list rules)")
    return found

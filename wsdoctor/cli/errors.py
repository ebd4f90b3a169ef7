"""How the command line fails: one sentence on stderr, and an exit code.

Exit codes: 0 healthy · 1 findings · 2 usage, configuration, import or start-up · 3 internal error
· 4 nothing was checked · 5 only inconclusive · 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from wsdoctor.options.parse import InputError

BAD_INPUT = 2
INTERNAL_ERROR = 3
NOTHING_CHECKED = 4
INCONCLUSIVE = 5
INTERRUPTED = 130

DEBUG_VARIABLE = "WSDOCTOR_DEBUG"


def did_you_mean(value: str, known: list[str]) -> str:
    """``" (did you mean 'x'?)"`` for the closest of ``known``, or nothing."""
    from difflib import get_close_matches

    close = get_close_matches(value, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def say(sentence: str) -> None:
    """Print ``sentence`` to stderr under the program's name."""
    print(f"wsdoctor: {sentence}", file=sys.stderr)


def report_failure(error: Exception, cleaned: Callable[[str], str] = str) -> int:
    """Say what went wrong on stderr; returns the exit code. ``cleaned`` is a text without secrets."""
    if usage := getattr(error, "format_message", None):
        # click's UsageError and its kin, from whichever click this typer is built on
        context = getattr(error, "ctx", None)
        hint = f" (see: {context.command_path} --help)" if context is not None else ""
        sentence = str(usage()).strip().rstrip(".").replace("Value error, ", "")  # pydantic's
        say(cleaned(f"{sentence}{hint}"))
        return BAD_INPUT
    if _is_bad_input(error):
        if text := getattr(error, "traceback_text", ""):
            print(cleaned(str(text)).rstrip(), file=sys.stderr)
        say(cleaned(str(error)))
        return BAD_INPUT
    if os.environ.get(DEBUG_VARIABLE):
        print(cleaned("".join(traceback.format_exception(error))).rstrip(), file=sys.stderr)
    kind = type(error).__name__
    what = f"{kind}: {error}" if str(error) else kind
    say(f"internal error: {cleaned(what)} (this is a bug of wsdoctor; --debug shows the traceback)")
    return INTERNAL_ERROR


def _is_bad_input(error: Exception) -> bool:
    if isinstance(error, InputError):
        return True
    # Looked up by module, so that a command that never imported them does not do so now.
    homes = {
        "wsdoctor.plan.errors": "PlanError",
        "wsdoctor.target": "TargetError",
        "wsdoctor.engine.catalogue": "UnknownVariantError",
        "wsdoctor.engine.merge": "MergeError",
        "wsdoctor.settings.file": "SettingsError",
        "wsdoctor.suppression.baseline": "BaselineError",
    }
    for home, name in homes.items():
        known = getattr(sys.modules.get(home), name, None)
        if isinstance(known, type) and isinstance(error, known):
            return True
    return False

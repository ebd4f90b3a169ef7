"""A probe of the user's: an attribute to look at, or a function to call, written like a target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsdoctor.target.address import parse
from wsdoctor.target.errors import TargetError, TargetImportError, did_you_mean, run_user_code
from wsdoctor.target.modules import import_place

if TYPE_CHECKING:
    from collections.abc import Callable


def load_probe(text: str, app_dir: str | None) -> Callable[[], object]:
    """What gives the value of the probe ``text`` each time: ``module:attribute`` or ``file.py:attribute``.

    A function, or whatever else can be called, is called; of anything else the value is what is
    there at that time.

    Raises:
        TargetError: there is no such thing.
        TargetImportError: the module, or a property, raised.
    """
    try:
        return _probe(text, app_dir)
    except TargetImportError as error:
        raise TargetImportError(f"--probe '{text}': {error}", error.traceback_text) from error
    except TargetError as error:
        raise TargetError(f"--probe '{text}' cannot be read: {error}") from error


def _probe(text: str, app_dir: str | None) -> Callable[[], object]:
    address = parse(text)
    if not address.attribute:
        raise TargetError("it names no attribute: give module:attribute or file.py:attribute")
    imported = import_place(address, app_dir)
    parts = address.attribute.split(".")
    inside: object = imported.module
    for part in parts:

        def get(inside: object = inside, part: str = part) -> Any:
            return getattr(inside, part, _MISSING)

        found = run_user_code(get, f"getting '{part}'", imported.user_code)
        if found is _MISSING:
            hint = did_you_mean(part, (name for name in dir(inside) if not name.startswith("_")))
            raise TargetError(f"there is no '{part}'{hint or ': check its name'}")
        inside = found

    def read() -> object:
        thing: object = imported.module
        for part in parts:
            thing = getattr(thing, part)
        return thing() if callable(thing) else thing

    return read


_MISSING = object()

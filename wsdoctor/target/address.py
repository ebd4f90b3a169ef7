"""How a target is written: ``package.module:attribute`` or ``path/to/file.py:attribute``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wsdoctor.target.errors import TargetError

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """A target as the user gave it; ``app_dir`` is where its modules are, default: here.

    ``factory`` says that the attribute is to be called to get the app. An empty ``spec`` means:
    find the app by Litestar's rules.
    """

    spec: str
    factory: bool = False
    app_dir: str | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """A spec, taken apart.

    ``place`` is a dotted module name, or a path if ``is_file``. ``attribute`` may be dotted, and is
    empty if none was given. ``called`` is true for ``module:create_app()``, as gunicorn takes it.
    """

    place: str
    is_file: bool
    attribute: str = ""
    called: bool = False

    @property
    def spec(self) -> str:
        return f"{self.place}:{self.attribute}" if self.attribute else self.place


def parse(text: str) -> Address:
    """The address that ``text`` spells.

    Raises:
        TargetError: it is neither of the two forms.
    """
    text = text.strip()
    # The colon of a Windows drive is not the one that separates: C:\x\app.py:app
    start = 2 if _DRIVE.match(text) else 0
    place, colon, attribute = text[start:].partition(":")
    place = text[:start] + place
    called = attribute.endswith("()")
    attribute = attribute.removesuffix("()")
    if not place:
        raise TargetError(f"'{text}' names no module: give module:attribute or file.py:attribute")
    if colon and not attribute:
        raise TargetError(f"'{text}' names nothing after the colon: give '{place}:app', say")
    if not all(part.isidentifier() for part in attribute.split(".")) and attribute:
        raise TargetError(
            f"'{attribute}' in '{text}' is not the name of an attribute: "
            "give module:attribute or file.py:attribute, with one colon"
        )
    is_file = place.lower().endswith(".py") or "/" in place or "\\" in place or place in {".", ".."}
    if not is_file and not all(place.split(".")):
        raise TargetError(f"'{place}' is not a module name: give it in full, as package.module")
    return Address(place, is_file, attribute, called)

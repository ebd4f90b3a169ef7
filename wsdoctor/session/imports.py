"""The user's files that those of a recording import, so that names in these can be looked up."""

from __future__ import annotations

import linecache
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.util import resolve_name

from wsdoctor.target.usercode import UserCode

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#;]*)|import[ \t]+([^\n#;]*))",
    re.MULTILINE,
)

_FILES = 40
_LETTERS = 500_000
"""Letters of all files together: a recording goes from one process to another."""


def imported(files: Iterable[str], user_code: UserCode) -> dict[str, str]:
    """The text of the user's files that ``files`` import, directly or not, by file name."""
    names = {
        file: name
        for name, module in [*sys.modules.items()]
        if isinstance(file := getattr(module, "__file__", None), str)
    }
    known = dict.fromkeys(files)
    found: dict[str, str] = {}
    waiting = [*known]
    for file in waiting:
        for module in _imports("".join(linecache.getlines(file)), names.get(file, "")):
            other = getattr(sys.modules.get(module), "__file__", None)
            if not isinstance(other, str) or other in known or not user_code.is_user(other):
                continue
            text = "".join(linecache.getlines(other))
            if len(found) == _FILES or sum(map(len, found.values())) + len(text) > _LETTERS:
                return found
            known[other], found[other] = None, text
            waiting.append(other)
    return found


def _imports(text: str, name: str) -> Iterator[str]:
    """The modules that a module of that name may import."""
    module = sys.modules.get(name)
    package = getattr(module, "__package__", None) or ""
    for where, names, modules in _IMPORT.findall(text):
        for part in modules.split(","):
            yield part.split(" as ")[0].strip()
        if not where:
            continue
        try:
            source = resolve_name(where, package)
        except (ImportError, ValueError):  # relative, in a file that is no module of a package
            continue
        yield source
        for part in names.strip("()").split(","):
            if word := re.match(r"\s*(\w+)", part):
                yield f"{source}.{word[1]}"

"""Code that stands in no file: made by ``exec``, or typed at a prompt. Whose is it?

Its file name (``<string>``) says nothing: dataclasses and libraries generate code under such names, too.
So what decides is the namespace that it runs in.
"""

from __future__ import annotations

import gc
import inspect
import re
import sys
from collections.abc import Callable
from types import CodeType, FunctionType, ModuleType
from typing import Any

_PROMPT = re.compile(r"<(stdin|console|(i?python|ipython)-input-[^>]*)>")
"""The names that Python's own prompt, `code.InteractiveConsole` and IPython give to what is typed."""

_FILE = re.compile(r"[/\\.]")
"""What the name of a file has somewhere: a folder, or an extension."""

_ASYNC = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_BY_DATACLASSES = "__create_fn__"


def is_generated(filename: str) -> bool:
    """Whether ``filename`` names no file at all, as far as its form tells.

    Sanic, for one, compiles its own methods anew, under the name of the method.
    """
    return not filename or filename.startswith("<") or not _FILE.search(filename)


def is_typed(filename: str) -> bool:
    """Whether code of that file name was typed at a prompt."""
    return _PROMPT.fullmatch(filename) is not None


def is_users(
    code: CodeType, namespace: dict[str, Any] | None, is_user: Callable[[str], bool]
) -> bool:
    """Whether generated ``code`` is the user's; ``is_user`` says it of a module's file.

    It is if it runs in a module of the user's, in ``__main__``, or in a namespace that such a module
    keeps. In one that is no module's, asynchronous code is the user's in any case: what libraries
    generate are plain functions. What a class decorator generates is never the user's.
    ``namespace`` is None if it is not known.
    """
    if _BY_DATACLASSES in code.co_qualname or code.co_filename.startswith(("<frozen ", "<attrs ")):
        return False
    if namespace is None:
        functions = (item for item in gc.get_referrers(code) if type(item) is FunctionType)
        namespace = next((function.__globals__ for function in functions), {})
    module = sys.modules.get(namespace.get("__name__", ""))
    if module is not None and (vars(module) is namespace or _is_copy(namespace, module)):
        return _is_users_module(module, is_user)
    if code.co_flags & _ASYNC:
        return True
    if "__name__" in namespace:  # a namedtuple, say
        return False
    keepers = {id(item) for item in gc.get_referrers(namespace) if type(item) is dict}
    return any(
        id(vars(module)) in keepers and _is_users_module(module, is_user)
        for module in list(sys.modules.values())
    )


def _is_copy(namespace: dict[str, Any], module: ModuleType) -> bool:
    """Whether ``namespace`` was made of the names in ``module``."""
    spec = namespace.get("__spec__")
    return spec is not None and spec is getattr(module, "__spec__", None)


def _is_users_module(module: ModuleType, is_user: Callable[[str], bool]) -> bool:
    return module.__name__ == "__main__" or is_user(getattr(module, "__file__", None) or "")

"""Where a handler is in the user's source."""

from __future__ import annotations

import functools
import inspect
import linecache
import re
from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING

from wsdoctor.recording.events import StackFrame

if TYPE_CHECKING:
    from wsdoctor.target.usercode import UserCode


def unwrap(handler: object) -> object:
    """The function within partials, bound methods and ``functools.wraps``; else ``handler``."""
    seen: set[int] = set()
    while id(handler) not in seen:
        seen.add(id(handler))
        if isinstance(handler, functools.partial):
            handler = handler.func
        elif isinstance(handler, MethodType):
            handler = handler.__func__
        elif isinstance(handler, FunctionType):
            handler = inspect.getattr_static(handler, "__wrapped__", handler)
    return handler


def name_of(handler: object) -> str:
    """The qualified name of a function or class, of another object its class's."""
    handler = unwrap(handler)
    if not isinstance(handler, FunctionType | type):
        handler = type(handler)
    return handler.__qualname__


def frame_of(handler: object, user_code: UserCode) -> StackFrame | None:
    """The line of the handler's ``def`` or ``class``; None if it has no source."""
    handler = unwrap(handler)
    if not isinstance(handler, FunctionType | type):
        handler = unwrap(getattr(type(handler), "__call__", None))  # noqa: B004 - its source
    if isinstance(handler, FunctionType):
        file, line = handler.__code__.co_filename, _def_line(handler.__code__)
    elif isinstance(handler, type) and (found := _class_line(handler)):
        file, line = found
    else:
        return None
    return StackFrame(
        file=file,
        line=line,
        function=handler.__qualname__,
        user=user_code.is_user(file),
        first_line=line,
    )


def _def_line(code: CodeType) -> int:
    """The line of ``def``; the code itself knows only that of its first decorator."""
    lines = linecache.getlines(code.co_filename)
    return _first(rf"\s*(async\s+)?def\s+{re.escape(code.co_name)}\b", lines, code.co_firstlineno)


def _class_line(cls: type) -> tuple[str, int] | None:
    try:
        file = inspect.getsourcefile(cls)
        lines, index = inspect.findsource(cls)
    except (OSError, TypeError):  # it is written in C, or its file is gone
        return None
    return (file, _first(rf"\s*class\s+{cls.__name__}\b", lines, index + 1)) if file else None


def _first(pattern: str, lines: list[str], start: int) -> int:
    """The number of the first line from ``start`` on that begins so; ``start`` if none does."""
    below = enumerate(lines[start - 1 :], start)
    return next((number for number, line in below if re.match(pattern, line)), start)

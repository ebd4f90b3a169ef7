"""The user's own driver: the coroutine function that takes the client past a handshake.

    async def drive(http, ws): ...

It is written in a file or module like a target, and loaded with it: in the same process, and anew with
every import of the target.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, cast

from wsdoctor.target.address import parse
from wsdoctor.target.attribute import attribute
from wsdoctor.target.errors import TargetError, did_you_mean
from wsdoctor.target.modules import import_place

Driver = Callable[[Any, Any], Awaitable[object]]
"""Called with an HTTP client that is bound to the server, and with the connection."""

_FORM = "a driver is written `async def drive(http, ws)`"


class DriverError(TargetError):
    """The driver raised while it drove, or did not connect.

    ``traceback_text`` has the user's own frames, and is empty if there are none.
    """

    def __init__(self, message: str, traceback_text: str = "") -> None:
        super().__init__(message)
        self.traceback_text = traceback_text


def load_driver(spec: str, app_dir: str | None = None) -> Driver:
    """The function that ``spec``, written as ``file.py:function`` or ``module:function``, means.

    Raises:
        TargetError: there is no such file or function, or it is no coroutine function of two
            parameters.
        TargetImportError: the module raised while it was imported.
    """
    try:
        address = parse(spec)
        if not address.attribute:
            raise TargetError(f"'{spec}' names no function: give {spec}:drive, say")  # noqa: TRY301 - one prefix for all that is wrong with the option
        imported = import_place(address, app_dir)
        found = attribute(imported.module, address.attribute, address.place, imported.user_code)
    except TargetError as error:
        # In place, so that a traceback of the user's stays with it.
        error.args = (f"--driver: {error}",)
        raise
    if not inspect.iscoroutinefunction(found):
        functions = (
            name
            for name, thing in vars(imported.module).items()
            if inspect.iscoroutinefunction(thing)
        )
        hint = did_you_mean(address.attribute, functions)
        raise TargetError(f"--driver: '{spec}' is no coroutine function{hint or f': {_FORM}'}")
    try:
        inspect.signature(found).bind(None, None)
    except TypeError:
        raise TargetError(
            f"--driver: '{spec}' does not take two arguments, the HTTP client and the connection: {_FORM}"
        ) from None
    return cast("Driver", found)

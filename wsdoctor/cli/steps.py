"""The client's script, from ``--send``, ``--send-json``, ``--send-bytes``, ``--send-file``, ``--script``.

The client performs the steps in the order in which the options stand on the command line, also
across options. Click groups the values by option, so the order is taken from its parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsdoctor.cli.ordered import ORDER
from wsdoctor.settings.inputs import InputError, file_bytes, hexadecimal, json_text
from wsdoctor.settings.script import parse_script

if TYPE_CHECKING:
    from wsdoctor.recording.case import Step


def script(meta: Mapping[str, Any], given: Mapping[str, Sequence[str] | None]) -> tuple[Step, ...]:
    """The steps of the options in ``given`` (by parameter name), in their order on the command line.

    ``meta`` is the ``meta`` of the context of an OrderedCommand.
    """
    waiting = {name: iter(values or ()) for name, values in given.items()}
    steps: list[Step] = []
    for name in meta.get(ORDER, ()):
        if name in waiting and (value := next(waiting[name], None)) is not None:
            steps += _READERS[name](value)
    return tuple(steps)


def _read_send(value: str) -> Iterator[Step]:
    from wsdoctor.recording.case import SendStep

    yield SendStep(text=value)


def _read_json(value: str) -> Iterator[Step]:
    return _read_send(json_text(value))


def _read_bytes(value: str) -> Iterator[Step]:
    from wsdoctor.recording.case import SendStep

    yield SendStep(hex=hexadecimal(value))


def _read_file(value: str) -> Iterator[Step]:
    content = file_bytes(value, "--send-file")
    try:
        return _read_send(content.decode())
    except UnicodeDecodeError:
        return _read_bytes(content.hex())


def _read_script(value: str) -> Iterator[Step]:
    if not _is_file(value):
        if _looks_like_a_path(value):
            raise InputError(f"--script cannot read {value!r}: there is no such file")
        return parse_script(value)
    try:
        return parse_script(file_bytes(value, "--script").decode())
    except UnicodeDecodeError:
        raise InputError(f"--script {value!r} is not a UTF-8 text file") from None


def _is_file(value: str) -> bool:
    try:
        return Path(value).is_file()
    except (OSError, ValueError):
        return False


def _looks_like_a_path(value: str) -> bool:
    return not re.search(r"\s", value) and bool(re.search(r"[./\\]", value))


_READERS = {
    "send": _read_send,
    "send_json": _read_json,
    "send_bytes": _read_bytes,
    "send_file": _read_file,
    "script": _read_script,
}

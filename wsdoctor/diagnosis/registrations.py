"""What the source says of a library's method that keeps something: by which method it is undone, and where."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping

from wsdoctor.diagnosis.entries import frame_in
from wsdoctor.diagnosis.syntax import innermost_function, parse, root_of
from wsdoctor.recording.events import Registered, Stack, StackFrame

_UNDOES = {
    "add": ("remove", "discard", "delete"),
    "append": ("remove",),
    "attach": ("detach",),
    "bind": ("unbind",),
    "connect": ("disconnect",),
    "enter": ("leave", "exit"),
    "enroll": ("unenroll",),
    "hook": ("unhook",),
    "insert": ("remove",),
    "install": ("uninstall",),
    "join": ("leave",),
    "link": ("unlink",),
    "listen": ("unlisten", "remove_listener"),
    "observe": ("unobserve",),
    "on": ("off", "remove_listener"),
    "register": ("unregister", "deregister"),
    "sub": ("unsub",),
    "subscribe": ("unsubscribe",),
    "track": ("untrack",),
    "watch": ("unwatch",),
}
"""Words of a method's name, and those of the name of the one that undoes it."""

_PLAIN = frozenset({"add", "append", "insert"})
"""Methods of a collection: what is put in there may be meant to stay."""

_LAPSES = frozenset({"job", "jobs", "later", "once", "schedule", "task", "tasks", "timer"})
"""Words in the name of a method whose effect ends by itself, perhaps at a date."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")


def registration(
    sources: Mapping[str, str],
    stack: Stack,
    methods: Collection[str],
    ran: Collection[tuple[str, int]],
) -> Registered:
    """Facts about the line at the end of ``stack``, which made a library keep something.

    ``methods`` are those of the library's objects. ``ran`` are the lines, as file and number, that ran
    for the client.
    """
    put = stack[-1]
    calls = _calls_at(sources.get(put.file, ""), put.line)
    lapses = any(word in _LAPSES for name, _ in calls for word in words(name))
    for name, call in calls:
        undoing = [undo for undo in undone_by(name) if undo in methods]
        if name not in methods or not undoing:
            continue
        found = [
            (place, text, (first, last))
            for file, source in sources.items()
            for place, text, (first, last) in _calls_of(file, source, undoing, call)
        ]
        found.sort(key=lambda item: item[0].file != put.file)
        run = [
            item
            for item in found
            if any((item[0].file, line) in ran for line in range(item[2][0], item[2][1] + 1))
        ]
        if found:
            place, text, _ = (run or found)[0]
            return Registered(put, undoing[0], place, text, undone=bool(run), lapses=lapses)
        if name not in _PLAIN:
            return Registered(put, undoing[0], lapses=lapses)
    return Registered(put, lapses=lapses)


def undone_by(name: str) -> Iterator[str]:
    """The names that a method may have which undoes the one called ``name``, the likeliest first."""
    for position, word in enumerate(_WORD.findall(name)):
        for other in _UNDOES.get(word.lower(), ()):
            parts = [match.span() for match in _WORD.finditer(name)]
            first, last = parts[position]
            yield name[:first] + (other.capitalize() if word[0].isupper() else other) + name[last:]
            if not position:
                yield other


def words(name: str) -> list[str]:
    """The words of a name in either style: ``addHandler``, ``add_handler``."""
    return [word.lower() for word in _WORD.findall(name)]


def _calls_at(source: str, line: int) -> list[tuple[str, ast.Call]]:
    """The methods that are called in an expression on ``line``, the innermost call first."""
    tree = parse(source)
    found = [
        (node.func.attr, node)
        for node in (ast.walk(tree) if tree is not None else ())
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return sorted(found, key=lambda item: (item[1].end_lineno or 0) - item[1].lineno)


def _calls_of(
    file: str, source: str, names: Collection[str], undone: ast.Call
) -> Iterator[tuple[StackFrame, str, tuple[int, int]]]:
    """Each call by which ``undone`` may be undone: its place, its text, and the lines that it spans.

    It is of a method with one of ``names``. A name of one word, such as ``disconnect``, is that of other
    methods as well: such a call has the same object, or the same argument.
    """
    tree = parse(source) if any(name in source for name in names) else None
    if tree is None:
        return
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in names
            and (len(words(node.func.attr)) > 1 or _is_alike(node, undone))
            and (function := innermost_function(tree, node.lineno)) is not None
        ):
            text = ast.unparse(node)
            span = (node.lineno, node.end_lineno or node.lineno)
            yield frame_in(file, function, node.lineno), text, span


def _is_alike(call: ast.Call, other: ast.Call) -> bool:
    """Whether two calls are of the same object, or have an argument in common."""
    objects = [root_of(it.func.value) for it in (call, other) if isinstance(it.func, ast.Attribute)]
    if len(set(objects)) == 1 and objects[0]:
        return True
    given = {ast.unparse(it) for it in call.args} & {ast.unparse(it) for it in other.args}
    return bool(given)

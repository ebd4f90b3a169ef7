"""Comments that ignore rules (``ignore[CODE] reason``): on the line of a finding, or on the head of a function.

The head of a function, or of a class, is everything from its first decorator to its colon: a
comment there holds for all of it.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field

from wsdoctor.suppression.selection import SelectionError, codes_of

_COMMENT = re.compile(r"#\s*wsdoctor:\s*ignore\b(?:\[(?P<rules>[^\]]*)\])?\s*(?P<reason>.*)")


@dataclass(slots=True)
class Comment:
    """One comment. ``lines`` are the first and the last line that it holds for."""

    line: int
    lines: tuple[int, int]
    codes: frozenset[str]
    reason: str
    used: bool = field(default=False)

    def silences(self, code: str, line: int) -> bool:
        return code in self.codes and self.lines[0] <= line <= self.lines[1]


@dataclass(frozen=True, slots=True)
class Comments:
    """The comments of one file, and sentences about those that mean nothing."""

    comments: tuple[Comment, ...] = ()
    mistakes: tuple[str, ...] = ()


def read_comments(source: str, file: str) -> Comments:
    """The comments of ``source``; ``file`` is its name in the sentences."""
    if "wsdoctor:" not in source:
        return Comments()
    heads = tuple(_heads(source))
    comments: list[Comment] = []
    mistakes: list[str] = []
    for line, text in _texts(source):
        match = _COMMENT.search(text)
        if match is None:
            continue
        if not (match["rules"] or "").strip():
            mistakes.append(
                f"{file}:{line}: a comment that ignores everything ignores nothing: "
                "name the rule, as in # wsdoctor: ignore[WSD301] reason"
            )
            continue
        try:
            codes = codes_of(match["rules"].split(","))
        except SelectionError as error:
            mistakes.append(f"{file}:{line}: {error}")
            continue
        # The innermost head: a decorator of a method stands within its class, too.
        within = [whole for first, last, whole in heads if first <= line <= last]
        comments.append(
            Comment(
                line=line,
                lines=min(within, key=lambda pair: pair[1] - pair[0], default=(line, line)),
                codes=codes,
                reason=match["reason"].strip(" -:"),
            )
        )
    return Comments(tuple(comments), tuple(mistakes))


def _texts(source: str) -> Iterator[tuple[int, str]]:
    """The comments of ``source`` by line; none of a file that Python cannot read to its end."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
    except (tokenize.TokenError, SyntaxError):
        return


def _heads(source: str) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """The lines of the head, and all lines, of each function and class."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
            last = max(first, node.body[0].lineno - 1)
            if node.body[0].lineno == node.lineno:
                last = node.lineno  # all on one line
            yield first, last, (first, node.end_lineno or last)

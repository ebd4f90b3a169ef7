"""What a text report is printed on: lines that are wrapped at spaces, and never cut."""

from __future__ import annotations

import textwrap

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wsdoctor.report.layout import visible

WIDEST = 110
"""Prose in wider lines is hard to read."""

_LABEL = 12

STYLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "info": "bold blue",
    "defective": "bold red",
    "healthy": "bold green",
    "inconclusive": "bold yellow",
    "nothing-checked": "bold yellow",
    "logged": "red",
    "masked": "yellow",
    "no": "green",
}
"""Colours of severities, verdicts and marks, whose words are always printed, too."""


class Page:
    """A console that one writes lines on; none of them is ever cut."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.width = min(console.width, WIDEST)

    def line(self, text: Text | str = "") -> None:
        self.console.print(text, soft_wrap=True)

    def blank(self) -> None:
        self.line()

    def rule(self, title: str) -> None:
        self.line(Text(f"=== {title} ".ljust(self.width, "="), style="bold"))

    def table(self, table: Table) -> None:
        self.console.print(table, width=self.width if table.expand else None)

    def prose(self, text: str, *, indent: int = 0, style: str = "") -> None:
        """Paragraphs, wrapped."""
        for paragraph in text.splitlines() or [""]:
            for part in self._wrapped(paragraph, indent):
                self.line(Text((" " * indent + part).rstrip(), style=style))

    def labelled(self, label: str, *values: str, style: str = "") -> None:
        """``values`` beneath each other, to the right of ``label``; several are marked with ``-``."""
        bullet = "- " if len(values) > 1 else ""
        indent = 2 + _LABEL + len(bullet)
        for value in values:
            for number, part in enumerate(self._wrapped(value, indent)):
                head = f"  {label:<{_LABEL}}{bullet}" if not number else " " * indent
                self.line(Text.assemble((head, "dim"), (part, style)))
            label = ""

    def verbatim(self, label: str, value: str) -> None:
        """``value`` in one line, however long: it is there to be copied."""
        self.line(Text.assemble((f"  {label:<{_LABEL}}", "dim"), visible(value)))

    def mixed(self, text: str, indent: int) -> None:
        """Prose, wrapped, and between it lines of code: those that are indented stay as they are."""
        for line in text.strip("\n").splitlines():
            if line[:1].isspace():
                self.line((" " * indent + visible(line)).rstrip())
            else:
                self.prose(line, indent=indent)

    def _wrapped(self, text: str, indent: int) -> list[str]:
        width = max(self.width - indent, 20)
        return textwrap.wrap(
            visible(text), width, break_long_words=False, break_on_hyphens=False
        ) or [""]  # fmt: skip

"""Python text."""

from __future__ import annotations


def quoted(value: str | bytes) -> str:
    """``value`` as a literal in double quotes, as formatters write it."""
    prefix, _, text = repr(value).partition("'")
    return f'{prefix}"{text[:-1]}"' if text and '"' not in prefix + text else repr(value)

"""Small things of text layout."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

_CONTROLS = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"
} | {code: f"\\u{code:04x}" for code in (*range(0xD800, 0xE000), 0xFFFE, 0xFFFF)}
"""Also what no UTF-8 has (surrogates) and no XML (two code points that are no characters)."""


def visible(text: str) -> str:
    """``text`` with control characters spelled out.

    Logs and messages of the application under test are shown; they must not move the cursor or
    recolour the terminal of the reader, nor spoil the encoding of a file.
    """
    return text.replace("\r\n", "\n").translate(_CONTROLS)


def flattest(columns: Sequence[Sequence[str]], width: int, least: int) -> list[int]:
    """How to share ``width`` out to columns of texts so that wrapping them makes the fewest lines.

    No column gets less than ``least``, even if ``width`` is too small for that.
    """
    spare = max(width - least * len(columns), 0)
    heights = [[_height(texts, least + more) for more in range(spare + 1)] for texts in columns]
    # best[k]: the fewest lines of the columns so far with k spare characters, and who gets them
    best: list[tuple[int, list[int]]] = [(0, [])] * (spare + 1)
    for height in heights:
        best = [
            min(
                (best[k - more][0] + height[more], [*best[k - more][1], more])
                for more in range(k + 1)
            )
            for k in range(spare + 1)
        ]
    return [least + more for more in best[spare][1]]


def _height(texts: Sequence[str], width: int) -> int:
    return sum(len(textwrap.wrap(text, width)) for text in texts)

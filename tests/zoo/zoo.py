"""All rows of the zoo: one file in ``rows`` for each application in ``apps``."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

from tests.zoo.pair import Pair

HERE = Path(__file__).parent
APPS = HERE / "apps"

ZOO: tuple[Pair, ...] = tuple(
    replace(pair, app=path.stem)
    for path in sorted((HERE / "rows").glob("*.py"))
    for pair in importlib.import_module(f"tests.zoo.rows.{path.stem}").ROWS
)

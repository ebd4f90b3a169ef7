"""The built-in variants: their catalogue, and running one.

Reading the catalogue imports none of them: what a variant declares of itself is read from its
source. (``wsdoctor list`` must not pay for Litestar.)
"""

from __future__ import annotations

import ast
import difflib
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsdoctor.explore.options import Options, Progress
    from wsdoctor.report.model import Report

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "_scenarios", _PACKAGE.parent / "scenarios")
"""In a wheel they are inside the package; in a checkout at its top."""

MOMENTS = ("after:2",)
"""The moment at which a variant is met unless others are asked for."""


class UnknownVariantError(LookupError):
    """There is no such variant: one sentence with the nearest name and the list."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A built-in handler. ``shows`` are the findings it declares, none for a correct one."""

    name: str
    title: str
    story: str
    shows: tuple[str, ...]
    fixed_twin: str | None
    path: Path


@cache
def catalogue() -> tuple[Variant, ...]:
    """Every variant, in alphabetical order."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
    paths = sorted(folder.glob("*.py")) if folder else []
    return tuple(_read(path) for path in paths if not path.name.startswith("_"))


def find_variant(name: str) -> Variant:
    """The variant called ``name``. Raises UnknownVariantError."""
    by_name = {variant.name: variant for variant in catalogue()}
    wanted = name.strip().replace("_", "-").lower()
    if wanted not in by_name:
        close = difflib.get_close_matches(wanted, by_name, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        msg = f"unknown variant {name!r}: {hint}known are {', '.join(by_name)}"
        raise UnknownVariantError(msg)
    return by_name[wanted]


def _read(path: Path) -> Variant:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    title, _, story = (ast.get_docstring(tree) or "").partition("\n")
    declared = {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in {"SHOWS", "FIXED_TWIN"}
    }
    return Variant(
        name=path.stem.replace("_", "-"),
        title=title.strip(),
        story=story.strip(),
        shows=tuple(declared.get("SHOWS", ())),
        fixed_twin=declared.get("FIXED_TWIN"),
        path=path,
    )


def run_variant(
    name: str, options: Options, *, progress: Progress | None = None, command: str = ""
) -> Report:
    """Run one variant in this process and compare what it shows with what it declares.

    Raises UnknownVariantError, and PlanError for an unknown server, kind or moment. An interrupt
    (Ctrl-C) ends the run: the Report then says so and holds what is known.
    """
    from wsdoctor.diagnosis.diagnose import findings
    from wsdoctor.explore.conclude import conclude
    from wsdoctor.explore.examine import Examination, choose, examine
    from wsdoctor.explore.options import NoProgress
    from wsdoctor.explore.subjects import InProcess, handshake, installed_servers
    from wsdoctor.report.model import Declared, TargetInfo
    from wsdoctor.target import TargetSpec, concrete_path, load

    began = time.monotonic()
    variant = find_variant(name)
    choice = choose(options, installed_servers(), moments=MOMENTS)
    target = load(TargetSpec(f"{variant.path}:app"))
    found = Examination(notes=list(choice.notes))
    interrupted = False
    try:
        for route in target.routes:
            runner = InProcess(target.build, target.framework, target.user_code, route.handler, options)
            examine(
                route.path,
                handshake(concrete_path(route, {}), "", options),
                choice,
                options,
                runner,
                found,
                progress or NoProgress(),
            )
    except KeyboardInterrupt:
        interrupted = True
    exhibits = findings(found.diagnosed)
    shown = tuple(dict.fromkeys(e.finding.code for e in exhibits if e.finding.severity != "info"))
    narrowed = bool(options.servers or options.kinds or options.moments)
    return conclude(
        found,
        target=TargetInfo(spec=variant.name, kind="variant", framework=target.framework),
        command=command,
        began=began,
        interrupted=interrupted,
        exhibits=exhibits,
        declared=Declared(
            variant=variant.name,
            story=variant.title,
            expected=variant.shows,
            found=shown,
            as_declared=_as_declared(variant.shows, shown, narrowed=narrowed)
            and all(case.result.verdict not in {"inconclusive", "nothing-checked"} for case in found.diagnosed),
            fixed_twin=variant.fixed_twin,
        ),
    )


def _as_declared(expected: tuple[str, ...], shown: tuple[str, ...], *, narrowed: bool) -> bool:
    """The whole matrix shows all that is declared; a narrowed one some of it; neither anything else."""
    if narrowed and expected:
        return bool(shown) and set(shown) <= set(expected)
    return set(shown) == set(expected)

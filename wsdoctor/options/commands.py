"""Options that one command has for itself, and all groups of options.

The types are looked at when the program runs, so this module does not postpone annotations.
"""

from dataclasses import dataclass
from typing import Literal

from wsdoctor.options.check import Options, TargetOptions
from wsdoctor.options.forms import Texts
from wsdoctor.options.option import RUN, option
from wsdoctor.options.reporting import Reporting

Framework = Literal["litestar", "starlette", "fastapi", "quart", "channels", "asgi"]


@dataclass(frozen=True, kw_only=True)
class ReplayOptions:
    """What ``replay`` runs again."""

    variant: str = option(
        "",
        "--variant",
        metavar="NAME",
        completion="variants",
        help="A built-in variant, in the place of TARGET.",
    )
    codes: tuple[str, ...] = option(
        (),
        "--code",
        form=Texts(),
        metavar="CODE",
        completion="rules",
        help="Look only for this rule; of a report, repeatable.",
    )


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Which variants ``run`` runs."""

    variants: tuple[str, ...] = option(
        (),
        "--variant",
        form=Texts(commas=True),
        metavar="NAME",
        panel=RUN,
        completion="variants",
        help="Run this variant; repeatable, or separated by commas. See: wsdoctor list variants",
    )
    every: bool = option(False, "--all", panel=RUN, help="Run every variant.")


@dataclass(frozen=True, kw_only=True)
class TriageOptions:
    """What ``triage`` writes into the commands that it prints."""

    target: str = option(
        "",
        "--target",
        metavar="TARGET",
        help="What the commands that reproduce are to check.",
    )


@dataclass(frozen=True, kw_only=True)
class ExplainOptions:
    """The framework that ``explain`` writes for."""

    framework: Framework = option(
        "litestar",
        "--framework",
        help="The framework whose terms the remedy uses.",
    )


@dataclass(frozen=True, kw_only=True)
class SchemaOptions:
    """Which contract ``schema`` prints."""

    settings: bool = option(
        False, "--settings", help="Print the JSON Schema of the settings file instead."
    )


GROUPS: tuple[type, ...] = (
    TargetOptions,
    Options,
    Reporting,
    ReplayOptions,
    RunOptions,
    TriageOptions,
    ExplainOptions,
    SchemaOptions,
)

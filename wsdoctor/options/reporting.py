"""Options for the contents and the destinations of reports.

The program examines the types at run time, so this module does not postpone annotations.
"""

from dataclasses import dataclass
from typing import Literal

from wsdoctor.options.forms import File, Reports, Texts
from wsdoctor.options.option import OUTPUT, option

FailOn = Literal["error", "warning", "info"]

_JUDGES = {"check", "merge"}
_REPORTS = {"check", "merge", "run"}


@dataclass(frozen=True, kw_only=True)
class Reporting:
    """Which findings count, and where they are written."""

    select: tuple[str, ...] = option(
        (),
        "--select",
        form=Texts(words="list of rules"),
        key="select",
        commands=_JUDGES,
        metavar="RULE",
        panel=OUTPUT,
        completion="rules",
        help="Report only these rules: a code, a name, or a prefix like WSD3; repeatable, or "
        "separated by commas.",
        setting="Report only these rules: codes, names or prefixes.",
    )
    ignore: tuple[str, ...] = option(
        (),
        "--ignore",
        form=Texts(words="list of rules"),
        key="ignore",
        scope="both",
        commands=_JUDGES,
        metavar="RULE",
        panel=OUTPUT,
        completion="rules",
        help="Do not report these rules, likewise. In the code: # wsdoctor: ignore[WSD301] reason",
        setting="Do not report these rules.",
    )
    baseline: str | None = option(
        None,
        "--baseline",
        form=File(),
        key="baseline",
        commands=_JUDGES,
        metavar="FILE",
        panel=OUTPUT,
        help="Report only what is not in this file, the findings of an earlier day.",
    )
    baseline_update: bool = option(
        False,
        "--baseline-update",
        commands=_JUDGES,
        panel=OUTPUT,
        help="Write the findings of this run into the --baseline file.",
    )
    fail_on: FailOn = option(
        "warning",
        "--fail-on",
        key="fail-on",
        commands=_JUDGES,
        panel=OUTPUT,
        help="The least severity of a finding that makes the exit code 1.",
    )
    format: Literal["text", "json"] = option(
        "text",
        "--format",
        commands={*_REPORTS, "triage"},
        panel=OUTPUT,
        help="What standard output gets.",
    )
    reports: tuple[str, ...] = option(
        (),
        "--report",
        form=Reports(),
        key="reports",
        commands=_REPORTS,
        metavar="FORMAT=PATH",
        panel=OUTPUT,
        completion="formats",
        help="Also write a report: json, text, html, markdown, junit, sarif, github, gitlab or "
        "ndjson, e.g. html=report.html; - as PATH is standard output, in place of the text; "
        "repeatable.",
        setting="Files to write, by format; `-` is standard output.",
    )
    emit: Literal["pytest"] | None = option(
        None,
        "--emit",
        commands={"replay"},
        panel=OUTPUT,
        help="Write a test of its own, with plain uvicorn and websockets, for a bug report.",
    )
    output: str | None = option(
        None,
        "--output",
        "-o",
        form=File(),
        commands={"replay"},
        metavar="FILE",
        panel=OUTPUT,
        help="Where --emit writes to (default: standard output).",
    )
    config: str | None = option(
        None,
        "--config",
        form=File(),
        commands={*_JUDGES, "replay"},
        metavar="FILE",
        panel=OUTPUT,
        eager=True,
        help="The settings: a TOML file like wsdoctor.toml, or a pyproject.toml with "
        "[tool.wsdoctor] (default: the nearest one, here or above).",
    )
    show_settings: bool = option(
        False,
        "--show-settings",
        commands={"check"},
        panel=OUTPUT,
        help="Print what holds, and where it comes from, and run nothing.",
    )
    verbose: bool = option(
        False,
        "--verbose",
        "-v",
        commands=_REPORTS,
        panel=OUTPUT,
        help="Also show every case.",
    )

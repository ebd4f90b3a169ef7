"""The tables of a text report: the two markers, the matrix of cases, variants side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from wsdoctor.diagnosis.finding import CaseResult
from wsdoctor.plan.servers import short_name
from wsdoctor.report.model import Report
from wsdoctor.report.page import STYLES, Page
from wsdoctor.report.summary import (
    as_declared,
    hides_findings,
    mark,
    markers_on,
    name_of,
    not_judged,
    servers_of,
)

_DISCONNECT = "WebSocketDisconnect escaped"
_UNEXPECTED = "Unexpected ASGI message"
_LEGEND = "logged: it is in the server's log. masked: it happens, and this server says nothing."


def print_markers(page: Page, report: Report) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    disconnect, unexpected = [Text(_DISCONNECT)], [Text(_UNEXPECTED)]
    for server in servers_of([report]):
        table.add_column(short_name(server), overflow="fold")
        markers = markers_on(report, server)
        disconnect.append(_styled(markers.websocket_disconnect if markers else "-"))
        unexpected.append(_styled(markers.unexpected_asgi_message if markers else "-"))
    table.add_row(*disconnect)
    table.add_row(*unexpected)
    page.table(table)
    if any(mark.plain in {"logged", "masked"} for mark in (*disconnect, *unexpected)):
        page.prose(_LEGEND, style="dim")


def print_matrix(page: Page, report: Report) -> None:
    routes = tuple(dict.fromkeys(case.route for case in report.cases))
    passed = [
        r
        for r in routes
        if all(_mark(report, c).startswith("ok") for c in report.cases if c.route == r)
    ]
    for route in routes:
        if route not in passed or len(routes) == 1:
            page.table(_route_matrix(report, route, titled=len(routes) > 1))
            page.prose(
                f"ok: {_ok(report)}. X 2/3: a finding at 2 of 3 moments. ?: inconclusive. -: not run."
                f"{_NOT_JUDGED if not_judged(report) else ''}{_HIDDEN if hides_findings(report) else ''}",
                style="dim",
            )
    if passed and len(routes) > 1:
        page.labelled(_ok(report), *passed)


_NOT_JUDGED = " ok 2/3: the others were not judged, see the note."
_HIDDEN = " hidden: only suppressed findings."


def _ok(report: Report) -> str:
    return "no findings" if hides_findings(report) else "healthy"


def _mark(report: Report, case: CaseResult) -> str:
    return mark(report, case.route, case.server, case.kind)


def _route_matrix(report: Report, route: str, *, titled: bool) -> Table:
    cases = [case for case in report.cases if case.route == route]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(route if titled else "disconnect", overflow="fold")
    servers = servers_of([report])
    for server in servers:
        table.add_column(short_name(server), overflow="fold")
    for kind in dict.fromkeys(case.kind for case in cases):
        row = [mark(report, route, server, kind) for server in servers]
        table.add_row(kind, *(Text(word, style=_cell_style(word)) for word in row))
    return table


def _cell_style(mark: str) -> str:
    return {"X": "red", "?": "yellow", "o": "green"}.get(mark[:1], "")


def print_comparison(page: Page, reports: Sequence[Report]) -> None:
    servers = servers_of(reports)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("variant", overflow="fold")
    table.add_column("")
    for server in servers:
        table.add_column(_in_two_lines(short_name(server)))
    table.add_column("findings")
    table.add_column("as\ndeclared")
    for report in reports:
        for row in _compared(report, servers):
            table.add_row(*row)
    page.table(table)
    page.prose(
        f"escaped: {_DISCONNECT}. message: an {_UNEXPECTED} was sent.", style="dim"
    )  # fmt: skip
    page.prose(_LEGEND, style="dim")


def _in_two_lines(name: str) -> str:
    return name.replace("-", "-\n", 1)


def _compared(report: Report, servers: Iterable[str]) -> Iterator[list[Text]]:
    """Two rows: the variant with the first question, then the second question."""
    on = [markers_on(report, server) for server in servers]
    first, *others = dict.fromkeys(f.code for f in report.findings) or [report.verdict]
    declared = Text("yes", style="green") if as_declared(report) else Text("NO", style="bold red")
    yield [
        Text(name_of(report), style="bold"),
        Text("escaped"),
        *(_styled(m.websocket_disconnect if m else "-") for m in on),
        Text(first),
        declared,
    ]
    yield [
        Text(""),
        Text("message"),
        *(_styled(m.unexpected_asgi_message if m else "-") for m in on),
        Text("\n".join(others)),
    ]


def _styled(word: str) -> Text:
    return Text(word, style=STYLES.get(word, ""))

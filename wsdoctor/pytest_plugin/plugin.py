"""``pytest --wsdoctor=TARGET``: load the targets, collect their items, run them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from wsdoctor.diagnosis.finding import Finding
from wsdoctor.engine.check import CheckRun
from wsdoctor.engine.incremental import IncrementalCheck
from wsdoctor.options.parse import InputError
from wsdoctor.plan import PlanError
from wsdoctor.pytest_plugin.failure import Failure
from wsdoctor.pytest_plugin.failure_text import Judgement, headline, in_brief, in_full, judge
from wsdoctor.pytest_plugin.items import PieceItem, TargetNode
from wsdoctor.report.model import Report
from wsdoctor.report.redaction import redact
from wsdoctor.report.summary import counted
from wsdoctor.report.wording import hidden_in
from wsdoctor.settings.file import SettingsError, SettingsFile, read_nearest
from wsdoctor.settings.resolved import resolve
from wsdoctor.suppression.apply import silence
from wsdoctor.suppression.baseline import BaselineError
from wsdoctor.target import TargetError
from wsdoctor.workers.messages import Loaded

_BAD_INPUT = (SettingsError, InputError, PlanError, BaselineError, TargetError)

_TO_WORKERS = "wsdoctor"
"""The key of what pytest-xdist takes to its workers: they all collect the same, and import nothing for it."""


class Checkups:
    """A plugin that is registered if ``--wsdoctor`` is given."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._open = ExitStack()
        self._targets: list[_Target] = []
        self._wanted: list[str] = []
        """Node ids on the command line that are ours."""

    @pytest.hookimpl(tryfirst=True)  # before pytest-xdist starts its workers
    def pytest_sessionstart(self) -> None:
        try:
            self._load()
        except _BAD_INPUT as error:
            frames = getattr(error, "traceback_text", "")
            raise pytest.UsageError(
                "\n".join(filter(None, (f"wsdoctor: {error}", frames)))
            ) from None
        specs = [target.loaded.spec for target in self._targets]
        self._wanted = [arg for arg in self._config.args if _is_ours(arg, specs)]
        self._config.args[:] = [arg for arg in self._config.args if arg not in self._wanted]

    def _load(self) -> None:
        config = self._config
        given = read_nearest(config.getoption("wsdoctor_config"))
        sent = getattr(config, "workerinput", {}).get(_TO_WORKERS)
        known = msgspec.json.decode(sent, type=list[Loaded]) if sent else []
        wanted = dict.fromkeys(config.getoption("wsdoctor"))
        for number, spec in enumerate(wanted):
            target = _Target(config, given, spec)
            self._open.enter_context(target.check_run)
            target.loaded = known[number] if known else target.check_run.load()
            self._targets.append(target)
            if not target.loaded.routes:
                notes = "; ".join(target.check_run.notes)
                raise TargetError(f"there is nothing to check: {notes}")
            if config.pluginmanager.hasplugin("dsession"):
                target.check_run.pool.close()  # the cases run in the processes of pytest-xdist

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of pytest-xdist what the targets are."""
        loaded = [target.loaded for target in self._targets]
        node.workerinput[_TO_WORKERS] = msgspec.json.encode(loaded).decode()

    @pytest.hookimpl(tryfirst=True)  # before anybody selects, or sorts
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        # Two ways to write one target are one target.
        targets = {target.loaded.spec: target for target in self._targets}.values()
        mine = [item for target in targets for item in target.collected(session)]
        for wanted in self._wanted:
            if not any(_is_ours(item.nodeid, [wanted]) for item in mine):
                raise pytest.UsageError(
                    f"wsdoctor: there is no item {wanted!r}: --collect-only lists them"
                )
        items += [item for item in mine if not self._wanted or _is_ours(item.nodeid, self._wanted)]

    def pytest_report_header(self) -> list[str]:
        return [line for target in self._targets for line in target.header()]

    def pytest_unconfigure(self) -> None:
        self._open.close()


def _is_ours(name: str, above: list[str]) -> bool:
    """Whether the node ``name`` is one of ``above``, or below one."""
    return any(name == node or name.startswith(f"{node}::") for node in above)


class _Target:
    """One target of ``--wsdoctor``, by the settings and the options."""

    loaded: Loaded

    def __init__(self, config: pytest.Config, given: SettingsFile, spec: str) -> None:
        resolved = resolve(given, spec)
        options = resolved.options
        if depth := config.getoption("wsdoctor_depth"):
            options = replace(options, depth=depth)
        if hasattr(config, "workerinput"):
            options = replace(options, workers=1)  # pytest-xdist has as many as there should be
        self._config = config
        self._given = given
        self._secrets = options.secrets
        # Only a check of everything can say which suppressions are no longer needed.
        self._decisions = replace(resolved.decisions, whole=False)
        self._fail_on = config.getoption("wsdoctor_fail_on") or resolved.fail_on
        self.check_run = CheckRun(
            resolved.target.target,
            options,
            factory=resolved.target.factory,
            app_dir=resolved.target.app_dir,
        )
        self._piecewise = IncrementalCheck(self.check_run, remarks=self._fail_on == "info")
        self._silenced: dict[str, tuple[Report, Report]] = {}
        self._told: dict[str, str] = {}
        """The item whose failure text has a finding in full, by fingerprint."""
        self._noted: set[str] = set()

    def header(self) -> Iterator[str]:
        loaded = self.loaded
        where = f", settings: {os.path.relpath(self._given.path)}" if self._given.path else ""
        yield (
            f"wsdoctor: {loaded.spec} ({loaded.framework} {loaded.kind}), "
            f"{counted(len(loaded.routes), 'WebSocket route')}{where}"
        )
        yield from (f"wsdoctor: {note}" for note in self.check_run.notes)

    def collected(self, session: pytest.Session) -> Iterator[pytest.Item]:
        spec = self.loaded.spec
        routes = dict.fromkeys(route.path for route in self.loaded.routes)
        node = TargetNode.from_parent(
            session,
            name=spec,
            nodeid=spec,
            loaded=self.loaded,
            pieces=self._piecewise.pieces([*routes]),
            run=self.run,
        )
        for item in session.genitems(node):
            assert isinstance(item, pytest.Item)
            yield item

    def run(self, item: PieceItem) -> None:
        """Run ``item``; raises Failure with what is wrong."""
        piece = item.piece
        report = self._report(item)
        judgement = judge(report, piece, self._fail_on, first=item.parent.pieces[0])
        for told in ((_FOUND, _identity(finding)) for finding in judgement.findings):
            if told not in item.user_properties:  # it may be run again
                item.user_properties.append(told)
        notes = [*report.notes, *filter(None, [hidden_in(report)])]
        if notes and piece.route not in self._noted:
            self._noted.add(piece.route)
            item.add_report_section("call", "wsdoctor's notes", "\n".join(notes))
        if judgement.healthy:
            return
        first = judgement.findings[0] if judgement.findings else None
        path, line, _ = item.reportinfo()
        file, number = str(path), (line or -1) + 1
        if first is not None and first.location is not None:
            file, number = first.location.file, first.location.line
        raise Failure(
            self._text(report, judgement, item),
            headline(first) if first is not None else f"inconclusive: {judgement.undecided}",
            file,
            number,
        )

    def _report(self, item: PieceItem) -> Report:
        route = item.piece.route
        found = self._piecewise.report(item.piece)
        known = self._silenced.get(route)
        if known is None or known[0] is not found:
            silenced = silence(redact(found, self._secrets), self._decisions)
            known = self._silenced[route] = (found, silenced)
        return known[1]

    def _text(self, report: Report, judgement: Judgement, item: PieceItem) -> str:
        # As pytest's own tracebacks: auto is long for the first of them, and then short.
        style = self._config.getoption("tbstyle", "auto")
        if style in {"line", "no"}:
            return ""
        if style == "short":
            return in_brief(report, judgement, item.piece)
        told = [
            self._told.setdefault(finding.fingerprint, item.nodeid)
            for finding in judgement.findings
        ]
        if style != "long" and told and item.nodeid not in told:
            return in_brief(report, judgement, item.piece, told[0])
        return in_full(report, judgement, item.piece)


_FOUND = "wsdoctor.finding"
"""The property of an item, also in JUnit XML, that has the code and the fingerprint of a finding."""


def _identity(finding: Finding) -> str:
    return f"{finding.code} {finding.fingerprint}"

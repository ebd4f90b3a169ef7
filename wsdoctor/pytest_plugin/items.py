"""The nodes of pytest's tree: a target, its routes, and an item for each server and kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wsdoctor.engine.incremental import Cell
from wsdoctor.pytest_plugin.failure import Failure, failure_repr
from wsdoctor.target import TargetError
from wsdoctor.workers.messages import Loaded, LoadedRoute
from wsdoctor.workers.supervisor import WorkerError

Run = Callable[["PieceItem"], None]
"""Runs an item; raises Failure."""


class TargetNode(pytest.Collector):
    """An application: ``shop.asgi:app``."""

    def __init__(self, *, loaded: Loaded, pieces: tuple[Cell, ...], run: Run, **node: Any) -> None:
        super().__init__(**node)
        self.add_marker(pytest.mark.wsdoctor)
        self._loaded = loaded
        self._pieces = pieces
        self._run = run

    def collect(self) -> Iterator[RouteNode]:
        for route in {route.path: route for route in self._loaded.routes}.values():
            pieces = tuple(piece for piece in self._pieces if piece.route == route.path)
            yield RouteNode.from_parent(
                self, name=route.path, route=route, pieces=pieces, run=self._run
            )


class RouteNode(pytest.Collector):
    """One of its routes: ``shop.asgi:app::/prices``."""

    def __init__(
        self, *, route: LoadedRoute, pieces: tuple[Cell, ...], run: Run, **node: Any
    ) -> None:
        super().__init__(**node)
        self.route = route
        self.pieces = pieces
        self._run = run

    def collect(self) -> Iterator[PieceItem]:
        for piece in self.pieces:
            yield PieceItem.from_parent(
                self, name=f"{piece.kind}-{piece.server}", piece=piece, run=self._run
            )


class PieceItem(pytest.Item):
    """A kind of disconnect on a server: ``shop.asgi:app::/prices::close-uvicorn:wsproto``."""

    parent: RouteNode

    def __init__(self, *, piece: Cell, run: Run, **node: Any) -> None:
        super().__init__(**node)
        self.piece = piece
        self._run = run

    def runtest(self) -> None:
        self._run(self)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The user's handler, and a headline."""
        headline = f"{self.piece.route} {self.piece.kind} {self.piece.server}"
        handler = self.parent.route.handler
        if handler is None:
            return self.path, None, headline
        return Path(handler.file), handler.line - 1, headline

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The text, without a traceback of ours."""
        error = excinfo.value
        if isinstance(error, Failure):
            return failure_repr(error)
        path, line, _ = self.reportinfo()
        if isinstance(error, TargetError):
            text = "\n".join(filter(None, (getattr(error, "traceback_text", ""), str(error))))
            return failure_repr(Failure(text, str(error), str(path), line or 0))
        if isinstance(error, pytest.fail.Exception):  # a time-out's, say
            summary = f"inconclusive: {error}"
            text = (
                f"{summary}\nthe first item of a route that something is wrong with runs all of it"
            )
            return failure_repr(Failure(text, summary, str(path), line or 0))
        if isinstance(error, WorkerError):
            summary = "wsdoctor itself failed; this is a bug of wsdoctor"
            return failure_repr(Failure(f"{error}\n{summary}", summary, str(path), line or 0))
        return super().repr_failure(excinfo, style)

"""Check the user's application: load it, examine its routes, conclude."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from msgspec.structs import replace

from wsdoctor.engine.build_report import build_report
from wsdoctor.engine.limits import Limits
from wsdoctor.engine.planning import RouteTarget
from wsdoctor.engine.results import Results
from wsdoctor.engine.runner import NoProgress, Progress
from wsdoctor.engine.runners import LocalRunner, WorkerPool, handshake, installed_servers
from wsdoctor.engine.scheduler import RunnerPool
from wsdoctor.engine.selection import Selection, choose
from wsdoctor.engine.steps import examine
from wsdoctor.options.check import Options
from wsdoctor.report.model import Declared, Report, TargetInfo
from wsdoctor.session.tap import ASGIApp
from wsdoctor.target import Target, adopt, concrete_host, concrete_path, select_routes
from wsdoctor.workers.messages import Load, Loaded
from wsdoctor.workers.supervisor import OutOfTimeError, Supervisor


@dataclass(frozen=True, slots=True)
class RouteInfo:
    """A WebSocket route: ``handler`` is the name of the user's function, ``file`` "" if unknown."""

    path: str
    handler: str
    file: str
    line: int


class CheckRun:
    """A target in worker processes: what it is, its routes, and who runs their cases.

    Use as a context manager: leaving it ends the processes. Raises PlanError for an unknown server,
    kind or moment.
    """

    def __init__(
        self, target: str, options: Options, *, factory: bool = False, app_dir: str | None = None
    ) -> None:
        self.options = options
        self.selection = choose(options, installed_servers())
        self.info = TargetInfo(
            spec=target, kind="app", framework="asgi", factory=factory, app_dir=app_dir
        )
        self.loaded: Loaded | None = None
        self._load = Load(
            spec=target,
            factory=factory,
            app_dir=app_dir,
            paths=options.paths,
            path_params=options.path_params,
            probes=options.every_probe,
            route_params={route: reach.path_params for route, reach in options.routes.items()},
            drivers=options.drivers,
        )
        self.pool = WorkerPool(self._load, options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.close()

    def load(self) -> Loaded:
        """The target's routes; they are known once. Raises TargetError, or WorkerError."""
        if self.loaded is None:
            self.loaded = loaded = self.pool.load()
            self.info = replace(
                self.info, spec=loaded.spec, kind=loaded.kind, framework=loaded.framework
            )
        return self.loaded

    def routes(self) -> Sequence[RouteTarget]:
        """The routes to check, each with its handshake. Raises as ``load``."""
        return route_targets(self.load(), self.options)

    def restart(self) -> None:
        """Go on with new processes: one that was left in the middle of a case would answer late."""
        self.pool.close()
        self.pool = WorkerPool(self._load, self.options)

    @property
    def about(self) -> tuple[str, ...]:
        """Notes on parts of the target that are known to be out of reach."""
        return tuple(_about(self.info, self.loaded) if self.loaded else ())

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on everything that the check is known to leave out."""
        return (*self.selection.notes, *self.about)


class Source(Protocol):
    """What ``run_check`` checks."""

    @property
    def info(self) -> TargetInfo:
        """What the target is, as far as that is known."""

    @property
    def about(self) -> tuple[str, ...]:
        """Notes on parts of the target that are known to be out of reach."""

    def routes(self) -> Sequence[RouteTarget]:
        """The routes to check. Raises TargetError, WorkerError or OutOfTimeError."""


def run_check(
    source: Source,
    options: Options,
    *,
    selection: Selection,
    pool: RunnerPool,
    began: float,
    progress: Progress | None = None,
    command: str = "",
    importable: bool = True,
    afterwards: Callable[[Results], None] = lambda _: None,
    declared: Callable[[Results], Declared | None] = lambda _: None,
) -> Report:
    """The Report on ``source``, whose cases run on ``pool``; ``began`` is a ``time.monotonic()``.

    ``importable``: a test can import the target, so emitted tests can confirm findings. ``afterwards`` is called when all
    cases have run, ``declared`` for what the Report says that the target declares.
    An interrupt (Ctrl-C) ends the run: the Report then says so and holds what is known.
    Raises TargetError if the target or the driver cannot be loaded, or the driver raises.
    """
    found = Results(notes=list(selection.notes))
    limits = Limits(options.max_time, began)
    pool.end_at(limits.deadline)
    interrupted = False
    try:
        routes = source.routes()
        found.notes.extend(source.about)
        examine(
            routes,
            selection,
            options,
            pool=pool,
            found=found,
            progress=progress or NoProgress(),
            limits=limits,
            target=source.info if importable else None,
        )
        afterwards(found)
    except OutOfTimeError:
        target = source.info.spec
        found.begin(target, 0, route="").unfinished = limits.time_is_over
        found.notes.append(f"{target} was not imported yet: {limits.time_is_over}")
    except KeyboardInterrupt:
        interrupted = True
    found.notes.extend(pool.notes)
    return build_report(
        found,
        target=source.info,
        command=command,
        began=began,
        interrupted=interrupted,
        options=options,
        declared=declared(found),
    )


def check(
    target: str,
    options: Options,
    *,
    factory: bool = False,
    app_dir: str | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> Report:
    """The Report on ``target``, which is run in a worker process.

    Raises PlanError for an unknown server, kind or moment, and TargetError as ``run_check``.
    """
    began = time.monotonic()
    with CheckRun(target, options, factory=factory, app_dir=app_dir) as source:
        return run_check(
            source,
            options,
            selection=source.selection,
            pool=source.pool,
            began=began,
            progress=progress,
            command=command,
        )


def route_targets(loaded: Loaded, options: Options) -> tuple[RouteTarget, ...]:
    """The routes of a target that was loaded in a worker, with the handshake of each."""
    return tuple(
        RouteTarget(
            route.path,
            handshake(route.request_path, route.host, options.at(route.path)),
            route.form,
        )
        for route in loaded.routes
    )


def _without_routes(info: TargetInfo, routes: Sequence[object]) -> Iterator[str]:
    if not routes:
        yield f"{info.spec} ({info.framework} {info.kind}) has no WebSocket route"


def _about(info: TargetInfo, loaded: Loaded) -> Iterator[str]:
    yield from _without_routes(info, loaded.routes)
    for mount in loaded.mounts:
        yield (
            f"{mount} is an application of its own that cannot be looked into: "
            "name a path in it with --path"
        )


def list_routes(
    target: str, *, factory: bool = False, app_dir: str | None = None
) -> tuple[TargetInfo, tuple[RouteInfo, ...]]:
    """The WebSocket routes of ``target``. Raises TargetError if it cannot be loaded."""
    with Supervisor(Load(spec=target, factory=factory, app_dir=app_dir)) as supervisor:
        loaded = supervisor.load()
    return (
        TargetInfo(spec=loaded.spec, kind=loaded.kind, framework=loaded.framework),
        tuple(
            RouteInfo(
                path=route.path,
                handler=route.handler_name,
                file=route.handler.file if route.handler else "",
                line=route.handler.line if route.handler else 0,
            )
            for route in loaded.routes
        ),
    )


class LocalSource:
    """A target that is run in this process. Raises TargetError for a path that it does not have."""

    def __init__(self, target: Target, options: Options, info: TargetInfo | None = None) -> None:
        self.target = target
        self.info = info or TargetInfo(
            spec=target.spec, kind=target.kind, framework=target.framework
        )
        self.selected = select_routes(target.routes, options.paths, target.mounts)
        self._options = options

    @property
    def about(self) -> tuple[str, ...]:
        return tuple(_without_routes(self.info, self.selected))

    def routes(self) -> Sequence[RouteTarget]:
        found = []
        for route in self.selected:
            options = self._options.at(route.path)
            reached = handshake(
                concrete_path(route, options.path_params),
                concrete_host(route, options.path_params),
                options,
            )
            found.append(RouteTarget(route.path, reached, route.form))
        return found


def _caller() -> str:
    """The file of the code that called wsdoctor, directly or through the test fixture."""
    frame = inspect.currentframe()
    while frame and str(frame.f_globals.get("__name__")).partition(".")[0] == "wsdoctor":
        frame = frame.f_back
    return frame.f_code.co_filename if frame else ""


def check_object(
    app: ASGIApp,
    options: Options,
    *,
    probes: Mapping[str, Callable[[], object]] | None = None,
    progress: Progress | None = None,
) -> Report:
    """The Report on an application object, which is run in this process.

    ``probes`` are what those of ``options`` are called to read.

    All cases share the object and its state. Nothing supervises it: an application that freezes
    its event loop freezes the caller. Raises PlanError and TargetError as ``check``.
    """
    began = time.monotonic()
    selection = choose(options, installed_servers())
    source = LocalSource(adopt(app, _caller()), options)
    return run_check(
        source,
        options,
        selection=selection,
        pool=LocalRunner(source.target, source.selected, options, probes),
        began=began,
        progress=progress,
        importable=False,
    )

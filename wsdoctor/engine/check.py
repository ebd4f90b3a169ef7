"""Check the user's application: load it, examine its routes, conclude."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from msgspec.structs import replace

from wsdoctor.engine.build_report import build_report
from wsdoctor.engine.limits import Limits
from wsdoctor.engine.planning import RouteTarget
from wsdoctor.engine.results import Results
from wsdoctor.engine.runner import NoProgress, Progress
from wsdoctor.engine.runners import LocalRunner, WorkerPool, handshake, installed_servers
from wsdoctor.engine.selection import choose
from wsdoctor.engine.steps import examine
from wsdoctor.options.check import Options
from wsdoctor.report.model import Report, TargetInfo
from wsdoctor.session.tap import ASGIApp
from wsdoctor.target import adopt, concrete_host, concrete_path, select_routes
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
        self.choice = choose(options, installed_servers())
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
        self.crew = WorkerPool(self._load, options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.crew.close()

    def load(self) -> Loaded:
        """The target's routes; they are known once. Raises TargetError, or WorkerError."""
        if self.loaded is None:
            self.loaded = loaded = self.crew.load()
            self.info = replace(
                self.info, spec=loaded.spec, kind=loaded.kind, framework=loaded.framework
            )
        return self.loaded

    def restart(self) -> None:
        """Go on with new processes: one that was left in the middle of a case would answer late."""
        self.crew.close()
        self.crew = WorkerPool(self._load, self.options)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is left out, as far as that is known."""
        return (*self.choice.notes, *(_about(self.loaded) if self.loaded else ()))


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

    Raises PlanError for an unknown server, kind or moment, and TargetError if the target or the
    driver cannot be loaded, or the driver raises. An interrupt (Ctrl-C) ends the run: the
    Report then says so and holds what is known.
    """
    began = time.monotonic()
    interrupted = False
    with CheckRun(target, options, factory=factory, app_dir=app_dir) as check_run:
        found = Results(notes=list(check_run.choice.notes))
        limits = Limits(options.max_time, began)
        check_run.crew.end_at(limits.deadline)
        try:
            loaded = check_run.load()
            found.notes.extend(_about(loaded))
            examine(
                openings(loaded, options),
                check_run.choice,
                options,
                crew=check_run.crew,
                found=found,
                progress=progress or NoProgress(),
                limits=limits,
                target=check_run.info,
            )
        except OutOfTimeError:
            found.begin(target, 0, route="").unfinished = limits.time_is_over
            found.notes.append(f"{target} was not imported yet: {limits.time_is_over}")
        except KeyboardInterrupt:
            interrupted = True
        found.notes.extend(check_run.crew.notes)
    return build_report(
        found,
        target=check_run.info,
        command=command,
        began=began,
        interrupted=interrupted,
        options=options,
    )


def openings(loaded: Loaded, options: Options) -> tuple[RouteTarget, ...]:
    """The routes of a target that was loaded in a worker, with the handshake of each."""
    return tuple(
        RouteTarget(
            route.path,
            handshake(route.request_path, route.host, options.at(route.path)),
            route.form,
        )
        for route in loaded.routes
    )


def _about(loaded: Loaded) -> Iterator[str]:
    if not loaded.routes:
        yield f"{loaded.spec} ({loaded.framework} {loaded.kind}) has no WebSocket route"
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


def _caller() -> str:
    """The file of whoever called wsdoctor, directly or through the test fixture."""
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
    choice = choose(options, installed_servers())
    target = adopt(app, _caller())
    found = Results(notes=list(choice.notes))
    routes = select_routes(target.routes, options.paths, target.mounts)
    if not routes:
        found.notes.append(
            f"{target.spec} ({target.framework} {target.kind}) has no WebSocket route"
        )
    interrupted = False
    try:
        examine(
            [
                RouteTarget(
                    route.path,
                    handshake(
                        concrete_path(route, options.at(route.path).path_params),
                        concrete_host(route, options.at(route.path).path_params),
                        options.at(route.path),
                    ),
                    route.form,
                )
                for route in routes
            ],
            choice,
            options,
            crew=LocalRunner(target, routes, options, probes),
            found=found,
            progress=progress or NoProgress(),
            limits=Limits(options.max_time, began),
        )
    except KeyboardInterrupt:
        interrupted = True
    info = TargetInfo(spec=target.spec, kind=target.kind, framework=target.framework)
    return build_report(
        found, target=info, command="", began=began, interrupted=interrupted, options=options
    )

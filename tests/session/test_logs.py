"""Log records and warnings: each is captured once, however the application has set logging up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import logging.config
import warnings
from typing import Any, ClassVar

import pytest

from tests.session.apps import _accept, application, closes_after_disconnect
from tests.session.cells import LEGACY, all_of, errors_logged, observed, run
from wsdoctor.recording.events import LogEmitted, WarningIssued
from wsdoctor.recording.recording import Recording

PREFIX = "wsdoctor_tests"


class Keeping(logging.Handler):
    """A handler of the application's."""

    instances: ClassVar[list[Keeping]] = []

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []
        Keeping.instances.append(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(autouse=True)
def _logging_as_before():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    Keeping.instances.clear()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if name.startswith(PREFIX) and isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True
            logger.disabled = False
            logger.setLevel(logging.NOTSET)
        elif isinstance(logger, logging.Logger):
            logger.disabled = False


def _logs(recording: Recording, name: str = PREFIX) -> list[tuple[str, str, str]]:
    return [
        (event.logger, event.level, event.message)
        for event in observed(recording)
        # A logger that is new makes a second client come: does each of them make one?
        if isinstance(event, LogEmitted) and event.logger.startswith(name) and event.connection < 2
    ]


def _speaks(name: str, *, lifespan: Any = None) -> Any:
    """An application whose handler logs to ``name`` at every level, and which calls ``lifespan()`` first."""

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            if lifespan:
                lifespan()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await _accept(receive, send)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        log = logging.getLogger(name)
        for level in (
            logging.DEBUG,
            logging.INFO,
            logging.WARNING,
            logging.ERROR,
            logging.CRITICAL,
        ):
            log.log(level, "at %s", level)

    return app


EVERYTHING = ["WARNING", "ERROR", "CRITICAL"]


def _own_handler(logger: logging.Logger) -> None:
    logger.addHandler(Keeping())


def _deaf_to_the_root(logger: logging.Logger) -> None:
    logger.addHandler(Keeping())
    logger.propagate = False


def _without_handlers(logger: logging.Logger) -> None:
    logger.propagate = False


def _as_it_comes(logger: logging.Logger) -> None:
    pass


@pytest.mark.parametrize(
    "shape", [_as_it_comes, _own_handler, _deaf_to_the_root, _without_handlers]
)
def test_a_logger_is_heard_once_whatever_its_shape(shape):
    name = f"{PREFIX}.{shape.__name__}.child"
    shape(logging.getLogger(name.rpartition(".")[0]))
    recording = run(_speaks(name))
    assert [level for _, level, _ in _logs(recording)] == EVERYTHING
    assert {event.connection for event in all_of(recording, LogEmitted)} == {1}
    assert all(not handler.records for handler in Keeping.instances), (
        "it would print hundreds of sessions"
    )


def test_handlers_and_shape_are_as_before_afterwards():
    logger = logging.getLogger(f"{PREFIX}.before")
    _deaf_to_the_root(logger)
    root = logging.getLogger()
    before = (list(root.handlers), list(logger.handlers), logger.propagate)
    run(_speaks(logger.name))
    assert (list(root.handlers), list(logger.handlers), logger.propagate) == before
    logger.error("heard again")
    assert [record.getMessage() for record in Keeping.instances[0].records] == ["heard again"]


CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"keep": {"()": f"{__name__}.Keeping"}},
    "root": {"level": "DEBUG", "handlers": ["keep"]},
    "loggers": {
        f"{PREFIX}.configured": {"handlers": ["keep"], "propagate": False, "level": "DEBUG"}
    },
}


def _configure() -> None:
    # By object: this module has no name that logging could import it by.
    logging.config.dictConfig(CONFIG | {"handlers": {"keep": {"()": Keeping}}})


@pytest.mark.parametrize("name", [f"{PREFIX}.configured", f"{PREFIX}.other"])
def test_logging_that_is_set_up_in_the_lifespan_is_captured_all_the_same(name):
    root = logging.getLogger()
    before = list(root.handlers)
    recording = run(_speaks(name, lifespan=_configure))
    assert [level for _, level, _ in _logs(recording)] == EVERYTHING
    (theirs,) = Keeping.instances
    assert [record.name for record in theirs.records if record.name.startswith(PREFIX)] == []
    assert list(root.handlers) == before
    # What it set up for its own logger is in force again.
    assert logging.getLogger(f"{PREFIX}.configured").handlers == [theirs]


def test_the_servers_errors_are_captured_although_the_lifespan_sets_logging_up():
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            _configure()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await closes_after_disconnect(scope, receive, send)

    (log,) = errors_logged(run(app, "close", "after:2", LEGACY))
    assert log.logger == "uvicorn.error"
    assert "Exception in ASGI application" in log.message
    assert log.exception is not None
    assert "Unexpected ASGI message 'websocket.close'" in log.exception.message
    assert log.exception.stack[-1].function.endswith("asgi_send")


def test_a_record_is_made_up_even_if_its_arguments_do_not_fit():
    class Broken:
        def __str__(self) -> str:
            raise LookupError("no text")

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        log = logging.getLogger(f"{PREFIX}.broken")
        log.error("%s and %s", "one")
        log.error("%d", "text")
        log.error("%s", Broken())
        log.error("x" * 10_000_000)
        while (await receive())["type"] != "websocket.disconnect":
            pass

    messages = [message for _, _, message in _logs(run(app))]
    assert len(messages) == 4
    assert all("do not fit" in message for message in messages[:3])
    assert 1000 < len(messages[3]) < 100_000


def test_an_exception_that_is_logged_can_be_followed():
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        try:
            try:
                raise LookupError("first")
            except LookupError as error:
                raise ValueError("second") from error
        except ValueError:
            logging.getLogger(f"{PREFIX}.chain").exception("caught")
        while (await receive())["type"] != "websocket.disconnect":
            pass

    (log,) = (record for record in errors_logged(run(app)) if record.connection == 1)
    assert log.exception is not None
    assert (log.exception.type, log.exception.message) == ("ValueError", "second")
    assert log.exception.cause is not None
    assert log.exception.cause.type == "LookupError"
    assert log.exception.cause.id != log.exception.id


def test_records_of_two_tasks_of_one_connection_belong_to_it_and_the_servers_own_to_none():
    log = logging.getLogger(f"{PREFIX}.tasks")

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            log.warning("starting")
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await _accept(receive, send)

        async def speak() -> None:
            log.warning("task")

        await asyncio.create_task(speak())
        await asyncio.to_thread(log.warning, "thread")
        while (await receive())["type"] != "websocket.disconnect":
            pass

    recording = run(app)
    by_message = {
        event.message: event.connection
        for event in observed(recording)
        if isinstance(event, LogEmitted)
    }
    assert by_message == {"starting": 0, "task": 1, "thread": 1}


# --- warnings


@pytest.mark.parametrize(
    "category, heard",
    [
        (UserWarning, True),
        (RuntimeWarning, True),
        (DeprecationWarning, True),
        (ResourceWarning, True),
    ],
)
def test_the_users_warnings_are_heard_each_time(category, heard):
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        for _ in range(2):
            warnings.warn("careful", category, stacklevel=1)
        while (await receive())["type"] != "websocket.disconnect":
            pass

    issued = all_of(run(app), WarningIssued)
    assert [(event.category, event.message, event.file) for event in issued] == [
        (category.__name__, "careful", __file__)
    ] * (2 if heard else 0)


def test_deprecations_between_libraries_are_not():
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        warnings.warn_explicit("old", DeprecationWarning, asyncio.__file__, 1)
        warnings.warn_explicit("odd", RuntimeWarning, asyncio.__file__, 1)
        while (await receive())["type"] != "websocket.disconnect":
            pass

    assert [event.message for event in all_of(run(app), WarningIssued)] == ["odd"]


def test_warning_filters_are_as_before_afterwards():
    show, filters = warnings.showwarning, list(warnings.filters)
    with contextlib.suppress(KeyboardInterrupt):

        @application
        async def app(scope, receive, send):
            async def interrupt() -> None:
                raise KeyboardInterrupt

            task = asyncio.create_task(interrupt())
            await asyncio.sleep(1)
            await task

        run(app)
    assert warnings.showwarning is show
    assert list(warnings.filters) == filters

"""WSD206: what the first or the second cancellation of a worker keeps from running, by shape of its clean-up."""

from __future__ import annotations

import importlib.util
import sys
import textwrap
from pathlib import Path

import pytest

import wsdoctor
from wsdoctor.report.model import Report

pytestmark = pytest.mark.filterwarnings("default")

APP = """\
import asyncio
import logging
from contextlib import asynccontextmanager, suppress

import anyio

members = set()
count = 0
log = logging.getLogger("app")
lock = asyncio.Lock()


async def bye():
    await asyncio.sleep(0.05)


class Member:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        {exit}


{before}


async def worker(send):
{body}


async def app(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    await send({{"type": "websocket.accept"}})
    task = asyncio.create_task(worker(send))
    while (await receive())["type"] != "websocket.disconnect":
        pass
    {leave}
    await asyncio.wait([task])
"""

TWICE = "task.cancel()\n    await asyncio.sleep(0.01)\n    task.cancel()"
LATER = "await asyncio.sleep(0.03)\n    task.cancel()"
WAIT = "await asyncio.Event().wait()"


def checked(
    folder: Path, body: str, *, leave: str = TWICE, before: str = "", out: str = "pass"
) -> Report:
    path = folder / "worker.py"
    text = APP.format(
        body=textwrap.indent(textwrap.dedent(body).strip(), "    "),
        leave=leave,
        before=textwrap.dedent(before),
        exit=out,
    )
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
        return wsdoctor.check(
            module.app,
            kinds=["close"],
            moments=["idle"],
            servers=["websockets"],
            bystander=False,
            confirm="none",
        )
    finally:
        del sys.modules[path.stem]


def lines(folder: Path, mark: str) -> list[int]:
    text = (folder / "worker.py").read_text(encoding="utf-8")
    return [at for at, line in enumerate(text.splitlines(), 1) if line.endswith(mark)]


def interrupted(folder: Path, report: Report) -> bool:
    """Whether WSD206, and only that, is found, at the line that is marked."""
    found = [item for item in report.findings if item.severity != "info"]
    assert {item.code for item in found} <= {"WSD206"}, found
    for item in found:
        assert item.location is not None
        assert [item.location.line] == lines(folder, "# here")
        never = lines(folder, "# never")
        said = f"line {never[0]} never runs" if len(never) == 1 else f" and {never[-1]} never run"
        assert said in item.message
        for line in never:
            assert str(line) in item.message
    return bool(found)


BUGS = {
    "finally": f"""
        try:
            {WAIT}
        finally:
            await bye()  # here
            members.discard(send)  # never
        """,
    "except": f"""
        try:
            {WAIT}
        except asyncio.CancelledError:
            await bye()  # here
            members.discard(send)  # never
            raise
        """,
    "after an except": f"""
        try:
            {WAIT}
        except asyncio.CancelledError:
            await bye()  # here
        members.discard(send)  # never
        """,
    "a counter": f"""
        global count
        try:
            {WAIT}
        finally:
            await bye()  # here
            count -= 1  # never
        """,
    "an except that does not take it": f"""
        try:
            {WAIT}
        finally:
            try:
                await bye()  # here
            except Exception:
                log.exception("no farewell")
            members.discard(send)  # never
        """,
    "an except* that does not take it": f"""
        try:
            {WAIT}
        finally:
            try:
                await bye()  # here
            except* OSError:
                log.exception("no farewell")
            members.discard(send)  # never
        """,
    "a finally within": f"""
        try:
            {WAIT}
        finally:
            try:
                await bye()  # here
            finally:
                members.discard(1)
            members.discard(send)  # never
            members.discard(2)  # never
        """,
    "a with that does not take it": f"""
        try:
            {WAIT}
        finally:
            with suppress(OSError):
                await bye()  # here
            members.discard(send)  # never
        """,
    "a shield in the middle": f"""
        try:
            {WAIT}
        finally:
            await asyncio.shield(bye())  # here
            members.discard(send)  # never
        """,
    "in a loop": f"""
        try:
            {WAIT}
        finally:
            for name in (1, 2):
                await bye()  # here
                members.discard(name)  # never
        """,
    "within a loop": f"""
        while True:
            try:
                {WAIT}
            finally:
                await bye()  # here
                members.discard(send)  # never
        """,
}


@pytest.mark.parametrize("body", BUGS.values(), ids=BUGS)
def test_what_a_second_cancellation_keeps_from_running(body, tmp_path):
    assert interrupted(tmp_path, checked(tmp_path, body))


CORRECT = {
    "nothing comes after it": f"""
        try:
            {WAIT}
        finally:
            members.discard(send)
            await bye()
        """,
    "it is returned": f"""
        try:
            {WAIT}
        except asyncio.CancelledError:
            return await bye()
        """,
    "caught": f"""
        try:
            {WAIT}
        finally:
            with suppress(asyncio.CancelledError):
                await bye()
            members.discard(send)
        """,
    "caught by an except": f"""
        try:
            {WAIT}
        finally:
            try:
                await bye()
            except BaseException:
                pass
            members.discard(send)
        """,
    "in a finally, within an except* that does not take it": f"""
        try:
            {WAIT}
        finally:
            try:
                try:
                    await bye()
                finally:
                    members.discard(send)
            except* OSError:
                log.exception("no farewell")
        """,
    "caught, and another error passes an except*": f"""
        try:
            {WAIT}
        finally:
            try:
                with suppress(asyncio.CancelledError):
                    await bye()
                members.discard(send)
                raise asyncio.CancelledError
            except* OSError:
                log.exception("no farewell")
        """,
    "in a finally": f"""
        try:
            {WAIT}
        finally:
            try:
                await bye()
            finally:
                members.discard(send)
        """,
    "shielded by a scope": f"""
        try:
            {WAIT}
        finally:
            task = asyncio.ensure_future(bye())
            while not task.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.shield(task)
            members.discard(send)
        """,
    "only a log comes after it": f"""
        try:
            {WAIT}
        finally:
            await bye()
            log.info("gone")
            done = True
        """,
    "no clean-up": f"""
        await bye()
        {WAIT}
        members.discard(send)
        """,
}


@pytest.mark.parametrize("body", CORRECT.values(), ids=CORRECT)
def test_what_runs_all_the_same_or_is_not_missed(body, tmp_path):
    assert not interrupted(tmp_path, checked(tmp_path, body))


@pytest.mark.parametrize("body", [*BUGS.values(), *CORRECT.values()], ids=[*BUGS, *CORRECT])
def test_a_single_cancellation_interrupts_no_clean_up(body, tmp_path):
    assert not interrupted(tmp_path, checked(tmp_path, body, leave="task.cancel()"))


def test_a_first_cancellation_interrupts_the_clean_up_of_a_task_that_ends_by_itself(tmp_path):
    body = """
        try:
            await asyncio.sleep(0.905)
        finally:
            await bye()  # here
            members.discard(send)  # never
        """
    assert interrupted(tmp_path, checked(tmp_path, body, leave=LATER))


def test_but_not_what_is_tidied_up_within_a_conversation_that_goes_on(tmp_path):
    body = """
        while True:
            try:
                await asyncio.sleep(0.01)
            finally:
                await bye()
                members.discard(send)
        """
    assert not interrupted(tmp_path, checked(tmp_path, body, leave=LATER))


def test_nor_if_it_is_cancelled_twice_at_once(tmp_path):
    body = """
        while True:
            try:
                await asyncio.sleep(0.01)
            finally:
                await bye()
                members.discard(send)
        """
    leave = f"{LATER}\n    task.cancel()"
    assert not interrupted(tmp_path, checked(tmp_path, body, leave=leave))


def test_nor_what_is_said_when_nothing_came_for_a_while(tmp_path):
    body = """
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 0.9)
        except TimeoutError:
            await bye()
            members.discard(send)
        """
    assert not interrupted(tmp_path, checked(tmp_path, body, leave=LATER))


def test_an_aexit_is_a_clean_up(tmp_path):
    out = "await bye()  # here\n        members.discard(self)  # never"
    body = f"""
        async with Member():
            {WAIT}
        """
    assert interrupted(tmp_path, checked(tmp_path, body, out=out))


def test_what_a_function_has_left_that_the_clean_up_calls(tmp_path):
    before = """
        async def leave(name):
            await bye()  # here
            members.discard(name)  # never
        """
    body = f"""
        try:
            {WAIT}
        finally:
            await leave(send)
        """
    assert interrupted(tmp_path, checked(tmp_path, body, before=before))


def test_what_a_clean_up_gives_up_after_a_time_is_meant_so(tmp_path):
    before = """
        async def leave(name):
            await bye()
            members.discard(name)
        """
    body = f"""
        try:
            {WAIT}
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    await leave(send)
            members.discard(send)
        """
    assert not interrupted(tmp_path, checked(tmp_path, body, before=before, leave="task.cancel()"))


def test_the_cancellation_of_an_awaited_task_ends_a_clean_up_too(tmp_path):
    body = f"""
        inner = asyncio.create_task(bye())
        try:
            {WAIT}
        finally:
            inner = asyncio.create_task(bye())
            inner.cancel()
            await inner  # here
            members.discard(send)  # never
        """
    report = checked(tmp_path, body, leave="task.cancel()")
    assert interrupted(tmp_path, report)
    (finding,) = report.findings
    assert "it is that of the task `bye`, which was cancelled" in " ".join(finding.evidence)
    assert "asyncio.wait([task])" in finding.remedy


def test_a_last_word_to_a_client_that_has_left_harms_no_client(tmp_path):
    body = f"""
        try:
            {WAIT}
        except asyncio.CancelledError:
            await bye()
            await send({{"type": "websocket.close"}})
        """
    assert not interrupted(tmp_path, checked(tmp_path, body))

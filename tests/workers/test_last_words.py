"""Parsing the output of faulthandler, and recognising calls that are meant for this process."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from wsdoctor.workers.last_words import crashed_at

WRITTEN = """\
some output of the application
Fatal Python error: Segmentation fault

Thread 0x00007f4f54ff96c0 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 320 in wait
  File "/srv/other.py", line 9 in other

Current thread 0x00007f4f5b7ef740 (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at
  File "/srv/app.py", line 7 in boom
  File "/srv/my app.py", line 12 in handler.<locals>.inner

Thread 0x00007f4f54ff96c1 (most recent call first):
  File "/srv/other.py", line 1 in third

Extension modules: _cffi_backend (total: 1)
"""


def test_the_stack_is_that_of_the_current_thread_outermost_first():
    assert crashed_at(WRITTEN) == (
        "Segmentation fault",
        [
            ("/srv/my app.py", 12, "handler.<locals>.inner"),
            ("/srv/app.py", 7, "boom"),
            ("/usr/lib/python3.11/ctypes/__init__.py", 519, "string_at"),
        ],
    )


@pytest.mark.parametrize(
    "text, error",
    [
        ("", ""),
        ("Killed\n", ""),
        ("Fatal Python error: Aborted\n", "Aborted"),
        ("Windows fatal exception: access violation\n", "access violation"),
    ],
)
def test_without_a_stack_there_is_none(text, error):
    assert crashed_at(text) == (error, [])


def test_the_last_of_several_counts():
    earlier = WRITTEN.replace("Segmentation fault", "Bus error").replace("app.py", "child.py")
    error, frames = crashed_at(earlier + WRITTEN)
    assert error == "Segmentation fault"
    assert frames[1][0] == "/srv/app.py"


SCRIPT = """
import os, signal, sys
from wsdoctor.workers.last_words import speak

speak(lambda called: print(called, flush=True))
{doing}
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize(
    "doing, said",
    [
        ("os._exit(0)", "os._exit"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "os.kill"),
        ("os.kill(0, signal.SIGTERM)", "os.kill"),
        ("os.killpg(os.getpgrp(), signal.SIGTERM)", "os.killpg"),
        ("os.abort()", "os.abort"),
        ("signal.raise_signal(signal.SIGTERM)", "signal.raise_signal"),
        ("os.kill(os.getpid(), 0)", ""),
        ("os.kill(os.getppid(), 0)", ""),
        ("os.waitpid(os.fork() or os._exit(0), 0)", ""),
        ("sys.exit(0)", ""),
    ],
)
def test_what_may_end_this_process_and_no_other_is_said(doing, said):
    script = textwrap.dedent(SCRIPT).format(doing=doing)
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        start_new_session=True,
        env=os.environ,
    )
    assert done.stdout.strip() == said

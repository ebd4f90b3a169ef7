"""The worker process: ``python -m wsdoctor.workers``.

It takes requests on its standard input and answers on what was its standard output; what the
application prints goes to standard error.
"""

from __future__ import annotations

import os
import signal
import sys

from wsdoctor.workers.forkserver import ForkServer, can_fork
from wsdoctor.workers.last_words import speak
from wsdoctor.workers.worker import Worker


def main() -> None:
    """The process's whole life."""
    # Ctrl-C goes to the supervisor, which ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Neither the application nor a process that it starts is to write or read between our lines.
    requests, answers = os.dup(0), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    worker = Worker(answers)
    speak(worker.ending)
    if can_fork():
        ForkServer(worker, requests).serve()
    else:
        worker.serve(os.fdopen(requests, "rb"))


if __name__ == "__main__":
    main()

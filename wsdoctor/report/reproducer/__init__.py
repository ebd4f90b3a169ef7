"""A finding as a pytest file that needs nothing of wsdoctor: for a bug report, or to fix it by.

    reproducer(case, code=…, application=Application(…)) -> str

The file runs the application on a plain uvicorn, on asyncio's own event loop, wall clock and real
sockets. It fails on the bug and passes once it is fixed. It consists of parts of ``template.txt``
(see ``template.py``), the way to the application (``application.py``), and what is asserted for
each rule (``Rule.checks``).
"""

from wsdoctor.report.reproducer.application import (
    Application,
    NameTakenError,
    application_of,
    driver_of,
)
from wsdoctor.report.reproducer.file import Lent, Undone, environment, reproducer

__all__ = [
    "Application",
    "Lent",
    "NameTakenError",
    "Undone",
    "application_of",
    "driver_of",
    "environment",
    "reproducer",
]

"""A finding as a pytest file that does not need wsdoctor: for a bug report, or for the fix.

    reproducer(case, code=…, application=Application(…)) -> str

The file runs the application on a plain uvicorn, on asyncio's own event loop, wall clock and real
sockets. It fails on the bug and passes once it is fixed. It consists of parts of ``template.txt``
(see ``template.py``), the code that gets the application (``application.py``), and the assertions of
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

"""What to do about a finding that is not the application's: nothing in its code, but a report."""

from __future__ import annotations

from wsdoctor.diagnosis.dialect import DIALECTS
from wsdoctor.diagnosis.finding import Fault
from wsdoctor.diagnosis.rules._remedies import OTHER_SERVERS, REPORT, remedy


def upstream_remedy(fault: Fault, dialect: str, package: str) -> str:
    """To whom a finding of ``fault`` is reported, and what helps until it is corrected; "" for the application's.

    ``dialect`` is the framework that the application is written for, ``package`` the one at fault.
    """
    if fault == "server":
        return remedy(f"Report it to the server's maintainers, {REPORT}", OTHER_SERVERS)
    if fault == "framework":
        whom = DIALECTS.get(dialect, DIALECTS["asgi"])
        return remedy(
            f"Your code has no part in it. Report it to the maintainers of {whom}, {REPORT}",
            "Until it is corrected, a handler in another form may do without it: a plain function that "
            "reads in a loop of its own shows nothing of what the framework does around a class, a "
            "listener or a stream.",
        )
    if fault == "package":
        return remedy(
            f"Your code has no part in it. Report it to the maintainers of `{package}`, {REPORT}",
            "Until it is corrected, look for a release that does not show it: a check with another "
            "version installed tells.",
        )
    return ""

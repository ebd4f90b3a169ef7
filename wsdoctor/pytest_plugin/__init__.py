"""The pytest plugin: ``pytest --wsdoctor=my.module:app``, and the fixture ``wsdoctor``.

Every pytest run of an environment in which wsdoctor is installed imports this module, so it imports
nothing but pytest: the rest is loaded when the option is given, or the fixture asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wsdoctor.pytest_plugin.fixture import Doctor


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("wsdoctor", "WebSocket connections that end")
    group.addoption(
        "--wsdoctor",
        action="append",
        default=[],
        metavar="TARGET",
        help="Also check the WebSocket routes of this application (pkg.module:attr or "
        "path/to/file.py:attr), one item for each route, server and kind of disconnect; empty: that "
        "of the settings. Repeatable.",
    )
    group.addoption(
        "--wsdoctor-config",
        metavar="FILE",
        help="The settings of the check (default: the nearest wsdoctor.toml, or pyproject.toml with "
        "[tool.wsdoctor]).",
    )
    group.addoption(
        "--wsdoctor-depth",
        choices=("quick", "full"),
        help="full: every moment of a connection's life; quick: the named moments.",
    )
    group.addoption(
        "--wsdoctor-fail-on",
        choices=("error", "warning", "info"),
        help="The least severity of a finding that fails its item.",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "wsdoctor: of --wsdoctor: a WebSocket route, a server and a kind of disconnect."
    )
    if config.getoption("wsdoctor"):
        from wsdoctor.pytest_plugin.plugin import Checkups  # noqa: PLC0415 - only when it is used

        config.pluginmanager.register(Checkups(config), "wsdoctor-checkups")


@pytest.fixture
def wsdoctor() -> Doctor:
    """What a WebSocket application does when its connections end.

    ``wsdoctor.check(app)`` returns the Report, with the options of the function ``wsdoctor.check``;
    ``wsdoctor.assert_healthy(app)`` fails with the text of what was found.
    """
    from wsdoctor.pytest_plugin.fixture import Doctor  # noqa: PLC0415 - only when it is used

    return Doctor()

"""Reports as one HTML file: to be sent to a colleague, and opened from the disk.

It asks the network for nothing: style and script are in it, and its content security policy allows
those two, by their hash, and nothing else. Whatever the application under test wrote is text in it
(Jinja2 escapes everything), never markup.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from wsdoctor.report.html import view
from wsdoctor.report.layout import visible
from wsdoctor.report.model import Report


def render(reports: Sequence[Report]) -> bytes:
    """The page, UTF-8."""
    environment = Environment(
        loader=PackageLoader("wsdoctor.report.html", "."),
        autoescape=True,
        finalize=_readable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts = {name: _part(environment, name) for name in ("style.css", "timeline.js")}
    page = environment.get_template("page.html.jinja").render(
        reports=view.views(reports),
        style=Markup(parts["style.css"]),  # noqa: S704 - a file of ours
        script=Markup(parts["timeline.js"]),  # noqa: S704 - a file of ours
        policy="; ".join(
            (
                "default-src 'none'",
                f"style-src '{_digest(parts['style.css'])}'",
                f"script-src '{_digest(parts['timeline.js'])}'",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
    )
    return page.encode()


def _readable(value: object) -> object:
    """``value`` without control characters, if it is text; markup of ours stays as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _part(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _digest(text: str) -> str:
    """As a content security policy wants it: of the element's text, exactly as it stands there."""
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

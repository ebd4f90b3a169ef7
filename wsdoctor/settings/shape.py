"""What may stand in the settings, and of what type. The keys are those of the command line.

``docs/settings.md`` explains them one by one; a test holds it to this file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(gt=0)]
Texts = tuple[str, ...]


class RouteSettings(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """What one route wants beside what all of them get. ``script`` and ``driver`` stand in place of theirs."""

    headers: dict[str, str] = {}
    cookies: dict[str, str] = {}
    query: dict[str, str] = {}
    subprotocols: Texts | None = None
    path_params: dict[str, str] = {}
    script: Texts | None = None
    driver: str | None = None
    probes: Texts = ()
    ignore: Texts = ()


class Settings(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The settings of ``wsdoctor check``. None, or an empty collection: as without a file."""

    target: str | None = None
    factory: bool | None = None
    app_dir: str | None = None
    paths: Texts = ()
    # reaching the handlers
    headers: dict[str, str] = {}
    cookies: dict[str, str] = {}
    query: dict[str, str] = {}
    subprotocols: Texts = ()
    path_params: dict[str, str] = {}
    script: Texts = ()
    driver: str | None = None
    routes: dict[str, RouteSettings] = {}
    # what to run
    servers: Texts = ()
    disconnects: Texts = ()
    moments: Texts = ()
    bystander: bool | None = None
    made_up_message: bool | None = None
    depth: Literal["quick", "full"] | None = None
    clock: Literal["virtual", "wall"] | None = None
    grace: Seconds | None = None
    startup_time: Seconds | None = None
    answer_time: Seconds | None = None
    workers: Annotated[int, Meta(ge=1)] | Literal["auto"] | None = None
    max_time: Seconds | None = None
    confirm: Literal["none", "loopback", "emitted"] | None = None
    confirm_time: Seconds | None = None
    probes: Texts = ()
    # what to report
    select: Texts = ()
    ignore: Texts = ()
    baseline: str | None = None
    fail_on: Literal["error", "warning", "info"] | None = None
    reports: dict[str, str] = {}

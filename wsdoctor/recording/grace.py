"""The time that a handler has to end."""

from __future__ import annotations

GRACE = 0.5
"""Default grace time: seconds of the session's clock in which a handler, or a task, is to end."""

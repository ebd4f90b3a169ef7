"""What a check may spend unless its user says otherwise."""

from __future__ import annotations

CONFIRM_TIME = 20.0
"""Wall seconds in which the emitted tests of findings begin."""

STARTUP_TIME = 30.0
"""Wall seconds in which the application's start-up has to answer."""

ANSWER_TIME = 30.0
"""Wall seconds for which an answer from outside is waited for: of a database, say."""

VIRTUAL = 20.0
"""Virtual seconds that the start-up has for each of those."""

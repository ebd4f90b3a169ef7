"""Triage: the tracebacks of this family in a production log, by cause, each with its rule."""

"""Findings that the user has decided to accept: by rule, by a comment in the code, by a baseline."""

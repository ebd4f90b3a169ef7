"""Findings that somebody has decided to live with: by rule, by a comment in the code, by a baseline."""

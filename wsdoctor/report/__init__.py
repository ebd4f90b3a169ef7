"""The Report, and how it is written: one file a format."""

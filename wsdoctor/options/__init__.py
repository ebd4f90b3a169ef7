"""The options: each is declared once, as a field of a dataclass.

The command line, the settings file, the redaction of a command line, the Python API and the table in
``docs/settings.md`` are made from these declarations. The parts of the package:

- ``option``: what a declaration says;
- ``forms``: how values are written, and what they mean;
- ``check``, ``reporting`` and ``commands``: the declarations.
"""

"""The command line: it parses and prints, and decides nothing.

Nothing here is imported at module level that a short command (``--help``, ``list``, ``explain``)
does not need: neither litestar nor uvicorn, websockets or rich.
"""

"""How Sphinx builds the site: ``python -m sphinx -W --keep-going -n -b html docs OUT``."""

from __future__ import annotations

import sys
from pathlib import Path

from wsdoctor import __version__

sys.path.insert(0, str(Path(__file__).parent))  # rule_pages.py

project = "wsdoctor"
author = "the wsdoctor authors"
release = __version__
extensions = ["myst_parser", "rule_pages"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"wsdoctor {release}"
html_show_copyright = False
html_copy_source = False
highlight_language = "text"
myst_heading_anchors = 3

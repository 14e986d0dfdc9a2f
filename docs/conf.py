"""Sphinx configuration: `make docs` builds with warnings as errors."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

from jhub_gateway import __version__

project = "jhub-gateway"
project_copyright = "jhub-gateway contributors"
version = release = __version__

extensions = ["myst_parser", "autodoc_traits", "inherited_traits"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"jhub-gateway {release}"
html_show_sourcelink = False

exclude_patterns = ["_build"]

# Sphinx 9 has a new autodoc, which autodoc-traits doesn't know yet.
autodoc_use_legacy_class_based = True
autodoc_member_order = "bysource"

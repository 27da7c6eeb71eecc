"""Configuration of Sphinx. ``tox -e docs`` builds the site and fails on a warning."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import django_deploykit

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "django-deploykit"
author = "the django-deploykit contributors"
project_copyright = f"2026, {author}"
release = django_deploykit.__version__
version = ".".join(release.split(".")[:2])
html_title = f"django-deploykit {release}"
html_theme = "furo"
html_show_sourcelink = False

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_build"]
nitpicky = True
# A name in the docstring of another package, or in an annotation, has no page here.
nitpick_ignore_regex = [("py:.*", ".*")]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4  # pages link to headings as GitHub names them
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
# Signs of a prompt are not part of a command.
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True

_REPOSITORY = "https://github.com/django-deploykit/django-deploykit"
html_theme_options = {
    "source_repository": _REPOSITORY,
    "source_branch": "main",
    "source_directory": "docs/",
}


_LINK = re.compile(r"(?<=\]\()(?P<path>\.\./[^)\s#]+)")


def _link_to_repository(app: Sphinx, name: str, source: list[str]) -> None:
    """Let links to files outside of ``docs/``, such as the changelog, lead to the repository."""
    top = Path(app.srcdir).parent
    folder = (Path(app.srcdir) / name).parent

    def replaced(match: re.Match[str]) -> str:
        path = Path(os.path.normpath(folder / match["path"]))
        if path.is_relative_to(app.srcdir):
            return match["path"]
        return f"{_REPOSITORY}/blob/main/{path.relative_to(top)}"

    source[0] = _LINK.sub(replaced, source[0])


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _link_to_repository)

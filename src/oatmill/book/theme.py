"""A Sphinx extension: the theme writes titles and authors into its pages as they are, so they come escaped."""

from __future__ import annotations

from typing import Any

from markupsafe import escape

from oatmill.text import visible

_WRITTEN = ("docstitle", "shorttitle", "project", "author", "root_title", "pagetitle")


def setup(app: Any) -> dict[str, bool]:
    app.connect("html-page-context", escape_titles, priority=900)  # after the theme has filled the context
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def escape_titles(_app: Any, _page: str, _template: str, context: dict[str, Any], _tree: Any) -> None:
    """Escape once: a template's own `|e` passes over what is marked as escaped."""
    for name in _WRITTEN:
        if context.get(name):
            context[name] = escape(visible(str(context[name])))

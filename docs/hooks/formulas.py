"""Formulas become MathML when the site is built: every browser can draw them, without loading anything."""

import html
import re

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

_FORMULA = re.compile(r'<(?P<tag>span|div) class="arithmatex">\s*\\[(\[](?P<latex>.*?)\\[)\]]\s*</(?P=tag)>', re.DOTALL)


def _drawn(match: re.Match[str]) -> str:
    display = "block" if match["tag"] == "div" else "inline"
    return convert(html.unescape(match["latex"]).strip(), display=display)


def on_page_content(text: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Convert the formulas of a page."""
    return _FORMULA.sub(_drawn, text)

"""When read from a disk, the theme's search needs a script from another host; the site has its own instead."""

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

_SHIM = "https://unpkg.com/iframe-worker/shim"


def _own(text: str, address: str) -> str:
    return text.replace(_SHIM, get_relative_url("assets/file-worker.js", address))


def on_post_page(text: str, page: Page, config: MkDocsConfig) -> str:
    """Use the site's own script on a page."""
    return _own(text, page.url)


def on_post_template(text: str, template_name: str, config: MkDocsConfig) -> str:
    """Use it on a page without a source, such as the page for a missing address."""
    return _own(text, template_name) if template_name.endswith(".html") else text

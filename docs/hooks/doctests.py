"""Lines of docstrings that begin with ``>>>`` are shown as code: Markdown alone would show them as quotations."""

import re

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor
from mkdocs.config.defaults import MkDocsConfig

_PROMPT = re.compile(r"(>>>|\.\.\.) ?")


class _Examples(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        written: list[str] = []
        inside = False
        for line in lines:
            if inside and not line.strip():
                written.append("```")
                inside = False
            elif not inside and line.startswith(">>> "):
                written += ["", "```python"]
                inside = True
            written.append(_PROMPT.sub("", line, count=1) if inside else line)
        return [*written, "```"] if inside else written


class _Extension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802, the name is Markdown's
        # This must come before fences are searched for.
        md.preprocessors.register(_Examples(md), "doctest_examples", 40)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the extension."""
    config.markdown_extensions.append(_Extension())
    return config

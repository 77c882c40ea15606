"""The notebooks as pages of the site, with their saved outputs."""

import base64
import json
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def _output(output: dict[str, Any], name: str, pictures: dict[str, bytes]) -> str:
    """Write an output as Markdown; a picture is collected under its name."""
    data = output.get("data", {})
    if "image/png" in data:
        pictures[name] = base64.b64decode(data["image/png"])
        return f"![Output of the cell above]({name})"
    text = "".join(output.get("text") or data.get("text/plain") or "").rstrip("\n")
    return f"```text\n{text}\n```" if text else ""


def page(notebook: dict[str, Any], stem: str) -> tuple[str, dict[str, bytes]]:
    """Write a notebook as Markdown.

    Returns:
        The text, and the pictures by name.
    """
    pictures: dict[str, bytes] = {}
    parts = []
    for number, cell in enumerate(notebook["cells"]):
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for place, output in enumerate(cell.get("outputs", [])):
            parts.append(_output(output, f"{stem}-{number}-{place}.png", pictures))
    title, *rest = parts
    note = f"*This page is the notebook `notebooks/{stem}.ipynb`, with the outputs of its last run.*"
    heading, _, text = title.partition("\n")
    return "\n\n".join([heading.replace(" · ", ". "), note, text.strip(), *filter(None, rest)]), pictures


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and their pictures."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        text, pictures = page(json.loads(path.read_text()), path.stem)
        files.append(File.generated(config, f"theory/notebooks/{path.stem}.md", content=text))
        for name, picture in pictures.items():
            files.append(File.generated(config, f"theory/notebooks/{name}", content=picture))
    return files

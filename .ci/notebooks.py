"""Execute notebooks from the first cell to the last; a cell that raises fails the run.

    python .ci/notebooks.py [--write] notebooks/*.ipynb

With --write the outputs are saved, pictures reduced to 256 colours; without, nothing is written.
"""

import argparse
import base64
import io
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image


def reduced(picture: str) -> str:
    """Reduce a PNG to 256 colours: a third of the bytes, and enough for these plots."""
    small = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode()


def clean(notebook: nbformat.NotebookNode) -> None:
    """Remove what differs from run to run, and make the pictures small."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = reduced(output.data["image/png"])


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
parser.add_argument("notebooks", type=Path, nargs="+")
parser.add_argument("--write", action="store_true", help="save the outputs")
options = parser.parse_args()
for path in options.notebooks:
    start = time.perf_counter()
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    if options.write:
        clean(notebook)
        nbformat.validate(notebook)
        nbformat.write(notebook, path)
    print(f"{path}: {time.perf_counter() - start:.0f} s")

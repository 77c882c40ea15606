"""Check a built site: links, anchors, images, other hosts, public names, and the results of searches.

python .ci/check_site.py site
"""

import argparse
import importlib
import inspect
import json
import runpy
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lunr.builder import Builder
from lunr.trimmer import trimmer

import jpegdomain

# What a reader types → the page and section that must be among the first results.
QUESTIONS = {
    "CMYK": "guide/files.html#cmyk-and-ycck",
    "broken files": "guide/files.html#broken-files",
    "orientation": "guide/transforms.html#exif-orientation",
    "workers or threads": "guide/loaders.html#workers-or-threads",
    "mixed precision": "guide/training.html#mixed-precision",
    "ONNX": "guide/exporting.html#onnx-and-onnx-runtime",
    "own layer": "guide/converting.html#a-layer-of-your-own",
    "detection targets": "guide/transforms.html#detection-targets",
    "what is exact": "index.html#exact",
    "how fast on my files": "guide/command.html#bench-how-fast-on-my-files",
}
_LOADED = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src"}
_NAMED = {"canonical", "next", "prev"}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.pictures_without_text = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := given.get(name))}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")
        if tag == "img" and not given.get("alt"):
            self.pictures_without_text += 1
        address = given.get(_LOADED.get(tag, ""))
        if address and given.get("rel") not in _NAMED:
            self.loaded.append(address)


def _faults(site: Path) -> Iterator[str]:
    pages = {path: _Page(path.read_text()) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        here = path.relative_to(site)
        if page.pictures_without_text:
            yield f"{here}: {page.pictures_without_text} images without an alternative text"
        for address in page.loaded:
            if urlsplit(address).netloc:
                yield f"{here}: loads {address}"
        for address in (*page.links, *page.loaded):
            parts = urlsplit(address)
            # The page for a missing address has absolute links.
            if parts.scheme or parts.netloc or here.name == "404.html":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                yield f"{here}: {address} does not exist"
            elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{here}: {address} has no such anchor"


def _undocumented(site: Path) -> Iterator[str]:
    anchors = {anchor for path in (site / "api").glob("*.html") for anchor in _Page(path.read_text()).anchors}
    pages = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "hooks" / "api_pages.py"))["MODULES"]
    modules = [jpegdomain, *map(importlib.import_module, pages.values())]
    for module in modules:
        for name in module.__all__:
            places = {f"{module.__name__}.{name}", f"jpegdomain.{name}"}
            if not (inspect.ismodule(getattr(module, name)) or places & anchors):
                yield f"{module.__name__}.{name} is not on any page"


def _found(site: Path) -> Iterator[str]:
    """Search for the questions, in an index that is made like the site's own."""
    documents = json.loads((site / "search" / "search_index.json").read_text())["docs"]
    builder = Builder()
    builder.pipeline.add(trimmer)
    builder.ref("location")
    builder.field("title", boost=1000)
    builder.field("text")
    for document in documents:
        builder.add(document)
    index = builder.build()
    for question, wanted in QUESTIONS.items():
        # Each word, and words that begin with it.
        words = " ".join(f"{word} {word}*" for word in question.lower().split())
        first = [result["ref"] for result in index.search(words)[:8]]
        if wanted not in first and not any(place.startswith("guide/index.html#") for place in first[:3]):
            yield f"search for {question!r} finds {first}, not {wanted}"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("site", type=Path, help="the folder that mkdocs wrote")
    site = parser.parse_args().site.resolve()
    faults = [*_faults(site), *_undocumented(site), *_found(site)]
    print("\n".join(faults) or f"{len(list(site.rglob('*.html')))} pages: links, images, names and search are fine")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()

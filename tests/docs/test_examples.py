"""Every Python block of the README and the documentation runs, page by page, in an empty folder with the fixtures."""

import importlib.metadata
import inspect
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import jpegdomain as jd

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NEEDS = re.compile(r"# needs: (\S+)\n")


def blocks(page):
    return [match[1] for match in BLOCK.finditer(page.read_text())]


def needs(block):
    found = NEEDS.match(block)
    return found and found[1]


RUNS = [
    pytest.param(page, need, id=f"{page.relative_to(ROOT)}-{need or ''}", marks=[pytest.mark.slow] * bool(need))
    for page in PAGES
    for need in dict.fromkeys([None, *map(needs, blocks(page))])
    if any(needs(block) == need for block in blocks(page))
]


def test_there_are_examples():
    assert sum(len(blocks(page)) for page in PAGES) > 60


@pytest.mark.parametrize("name", [name for name in jd.__all__ if not inspect.ismodule(getattr(jd, name))])
def test_every_name_of_the_package_has_an_example(name):
    shown = "\n".join(page.read_text() for page in sorted((ROOT / "docs" / "api").glob("*.md")))
    parts = re.split(rf"^::: jpegdomain\.(?:conversion\.{name}\.)?{name}$", shown, flags=re.MULTILINE)
    assert len(parts) == 2, f"one page in docs/api has {name}"
    assert len(BLOCK.findall(parts[1].partition("\n:::")[0])) == 1


# torch's own exporter, on its way through torch's own structures.
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning", "ignore::DeprecationWarning", "ignore:# The axis name")
@pytest.mark.parametrize(("page", "need"), RUNS)
def test_examples_run(page, need, tmp_path, monkeypatch):
    if need:
        requirement = Requirement(need)
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"{need} is not installed")
        if not requirement.specifier.contains(version, prereleases=True):
            pytest.skip(f"needs {need}, has {version}")
    for folder in ("experiments/embedded", "tests/fixtures"):
        (tmp_path / folder).parent.mkdir(exist_ok=True)
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for number, block in enumerate(blocks(page)):
        if needs(block) in {None, need}:
            exec(compile(block, f"{page.relative_to(ROOT)}, example {number}", "exec"), names)

"""The figures and JSON files of the results are kept beside the experiments; the site has copies of them."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add them below ``results/``."""
    for folder in ("experiments", "benchmarks"):
        for path in sorted((ROOT / folder / "results").iterdir()):
            place = {".png": "figures", ".json": "data"}.get(path.suffix)
            if place:
                files.append(File.generated(config, f"results/{place}/{path.name}", abs_src_path=str(path)))
    return files

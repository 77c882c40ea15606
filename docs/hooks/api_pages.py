"""One API page for each public module, made from its ``__all__``, so that no public name can be forgotten."""

import importlib
import importlib.util
import inspect

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import jpegdomain

MODULES = {
    "augmentation": "jpegdomain.preprocess.augmentation",
    "codec": "jpegdomain.codec",
    "data": "jpegdomain.data",
    "decoding": "jpegdomain.decoding",
    "errors": "jpegdomain.errors",
    "folding": "jpegdomain.theory.folding",
    "frequency": "jpegdomain.frequency",
    "functional": "jpegdomain.functional",
    "geometry": "jpegdomain.geometry",
    "models": "jpegdomain.models",
    "nn": "jpegdomain.nn",
    "planning": "jpegdomain.planning",
    "preprocess": "jpegdomain.preprocess",
    "tables": "jpegdomain.tables",
    "tensors": "jpegdomain.theory.tensors",
    "testing": "jpegdomain.testing",
}
"""Page → module."""


def _shorter(module: str) -> str:
    """Return the module's path as users write it: ``jpegdomain.tensors`` is an attribute of the package."""
    return module.replace("jpegdomain.theory.", "jpegdomain.")


def _shown(path: str, value: object) -> str:
    """Return the directive that shows an object under its public path."""
    try:
        submodule = importlib.util.find_spec(path)
    except ModuleNotFoundError:  # its parent is not a package
        submodule = None
    if submodule is None:
        return f"::: {path}"
    # A submodule of the same name would be shown instead.
    own = f"{value.__module__}.{value.__qualname__}"
    label = path.rpartition(".")[2]
    return f"[](){{#{path}}}\n\n::: {own}\n    options:\n      heading: {path}\n      toc_label: {label}"


def page(module_path: str) -> str:
    """Write a module's page: names that the package itself documents are linked, all others are shown."""
    module = importlib.import_module(module_path)
    own = {name: getattr(jpegdomain, name) for name in jpegdomain.__all__}
    lines = [f"# {_shorter(module_path)}", "", inspect.getdoc(module) or "", ""]
    elsewhere, here = [], []
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.ismodule(value):
            continue
        (elsewhere if own.get(name) is value else here).append(name)
    if elsewhere:
        links = ", ".join(f"[`{name}`][jpegdomain.{name}]" for name in elsewhere)
        lines += [f"Names of the package itself: {links}.", ""]
    for name in here:
        lines += [_shown(f"{module_path}.{name}", getattr(module, name)), ""]
    return "\n".join(lines)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for name, module in MODULES.items():
        files.append(File.generated(config, f"api/{name}.md", content=page(module)))
    return files

"""Every CNN classifier of the installed torchvision: does it convert, how exactly, and with which islands?

    python -m experiments.generality

The models have random weights, and batch norms calibrated on random images (see `experiments.lib.calibrated`). For each
model and plan, the result has the largest deviation from the spatial model, relative to the largest logit, and the
calls that have no closed form in the transform domain and run as J∘f∘J̃.
"""

import argparse
import fnmatch
import gc
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

import jpegdomain as jd
from experiments.lib import arguments, markdown
from experiments.lib.calibrated import calibrate, classifier, cnn_classifiers, smallest_extent
from experiments.lib.environment import decisive, describe, save
from experiments.lib.journal import Journal

__all__ = ["main", "measure", "table"]

_DTYPES = {"float32": torch.float32, "float64": torch.float64}
_FAMILIES = {"wide_resnet": "Wide ResNet", "resnext": "ResNeXt", "resnet": "ResNet", "vgg": "VGG", "regnet": "RegNet"}
_PLANS = ("transform", "fused")


def _extent(text: str) -> tuple[int, int]:
    height, separator, width = text.partition("x")
    if not (separator and height.isdecimal() and width.isdecimal()):
        raise argparse.ArgumentTypeError(f"an extent is height x width, as in 224x224; got {text!r}")
    return int(height), int(width)


def _parser() -> argparse.ArgumentParser:
    parser = arguments.parser("experiments.generality", __doc__)
    parser.add_argument("--models", default="*", help="names, or patterns as in 'resnet*,vgg11'; default: all")
    parser.add_argument("--plan", choices=_PLANS, action="append", help="one plan only (default: both)")
    parser.add_argument("--extent", type=_extent, help="height x width, such as 224x224 (default: small, by model)")
    parser.add_argument("--batch", type=arguments.positive, default=2, help="number of images (default 2)")
    parser.add_argument("--dtype", choices=_DTYPES, default="float64", help="dtype to compute in (default float64)")
    arguments.add_machine(parser, "results/generality.json")
    return parser


def _islands(converted: jd.ConvertedModel, extent: tuple[int, int]) -> dict[str, int]:
    return dict(Counter(step.layer for step in converted.plan(extent).steps if step.form == "island"))


@torch.no_grad()
def measure(
    name: str, plan: str, extent: tuple[int, int], batch: int, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> dict[str, Any]:
    """Convert one model and compare it with its source.

    Args:
        name: For `torchvision.models.get_model`.
        plan: 'transform' or 'fused'.
        extent: Height and width of the images.
        batch: Images.
        dtype: To compute in.
        device: To compute on.

    Returns:
        Plain values: whether it converts, and if so the deviation, the islands and the parameters.
    """
    model = classifier(name).to(device=device, dtype=dtype)
    images = torch.randn(4 + batch, 3, *extent, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    images = images.to(device=device, dtype=dtype)
    calibrate(model, images[:4])
    result: dict[str, Any] = {
        "extent": list(extent),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    try:
        converted = jd.convert(model, plan=plan)  # type: ignore[arg-type]
    except jd.errors.JpegDomainError as error:
        return result | {"converts": False, "reason": str(error)}
    for path, parameter in converted.named_parameters():
        # The original has the same values, and the largest models should not be in memory twice.
        parameter.data = model.get_parameter(path).data
    report = jd.verify(model, converted, jd.encode(images[4:]))
    logits = model(images[4:])
    spread = (logits - logits.mean(0)).abs().max() / logits.abs().max()
    return result | {
        "converts": True,
        "relative_deviation": report.relative,
        "passes": report.passes(),
        "largest_logit": report.magnitude,
        "spread_of_logits": spread.item(),
        "islands": _islands(converted, extent),
    }


def _table(result: dict[str, dict[str, Any]]) -> str:
    lines = [f"{'model':<20} {'plan':<10} {'converts':<9} {'deviation':<10} {'parameters':>12}  islands"]
    for name, plans in result.items():
        for plan, row in plans.items():
            islands = ", ".join(f"{count} {kind}" for kind, count in row.get("islands", {}).items())
            deviation = f"{row['relative_deviation']:.2g}" if row["converts"] else "-"
            converts = "yes" if row.get("passes") else "differs" if row["converts"] else "no"
            lines.append(
                f"{name:<20} {plan:<10} {converts:<9} {deviation:<10} {row['parameters']:>12,}  "
                f"{islands or row.get('reason', '-')}"
            )
    for plan in dict.fromkeys(plan for plans in result.values() for plan in plans):
        rows = [plans[plan] for plans in result.values() if plan in plans]
        passed = [row for row in rows if row.get("passes")]
        worst = max((row["relative_deviation"] for row in passed), default=float("nan"))
        lines.append(f"{plan}: {len(passed)} of {len(rows)} convert and agree, largest deviation {worst:.2g}")
    return "\n".join(lines)


def _family(name: str) -> str:
    start = re.match(r"(wide_resnet|[a-z]+)", name)
    return start[0] if start else name


def table(report: dict[str, Any]) -> str:
    """Write for each family how many models pass, the largest deviations, and the transform plan's islands."""
    families: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for name in sorted(report["result"]):
        families[_family(name)].append(report["result"][name])
    rows = []
    for family, models in [*families.items(), ("all", list(report["result"].values()))]:
        row = [_FAMILIES.get(family, family), str(len(models))]
        for plan in _PLANS:
            row.append(str(sum(bool(one[plan].get("passes")) for one in models)))
            row.append(f"{max(one[plan]['relative_deviation'] for one in models):.0e}")
        islands = sorted({kind for one in models for kind in one["transform"]["islands"]})
        rows.append([*row, "" if family == "all" else ", ".join(islands) or "none"])
    header = ["family", "models"]
    header += [cell for plan in _PLANS for cell in (f"pass, {plan}", f"largest Δlogit, {plan}")]
    return markdown.table([*header, "islands of the transform plan"], rows)


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line.

    Raises:
        SystemExit: If no model has such a name.
    """
    options = _parser().parse_args(given)
    if options.threads:
        torch.set_num_threads(options.threads)
    patterns = options.models.split(",")
    names = [name for name in cnn_classifiers() if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
    if not names:
        raise SystemExit(f"--models: torchvision has no CNN classifier called {options.models}")
    plans = options.plan or list(_PLANS)
    settings = {
        "weights": "random, batch norms calibrated on four random images and perturbed",
        "extent": options.extent and list(options.extent),
        "batch": options.batch,
        "dtype": options.dtype,
    }
    device = options.device or torch.device("cpu")
    environment = describe(device)
    journal = Journal(options.output.with_suffix(".partial"), settings | decisive(environment))
    for name in (progress := tqdm(names, unit="model", smoothing=0)):
        progress.set_description(name)
        for plan in plans:
            if (unit := f"{name} {plan}") not in journal.results:
                extent = options.extent or smallest_extent(name)
                journal.record(unit, measure(name, plan, extent, options.batch, _DTYPES[options.dtype], device))
                gc.collect()
    result = {name: {plan: journal.results[f"{name} {plan}"] for plan in plans} for name in names}
    report = {"experiment": "generality", "settings": settings, "environment": environment, "result": result}
    save(report, options.output)
    print(_table(result))
    print(f"\nwrote {Path(options.output)}")
    journal.remove()
    return report


if __name__ == "__main__":
    main()

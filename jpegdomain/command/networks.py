"""``verify`` and ``plan``: check that a converted network gives the same answers, and show how it runs."""

from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from jpegdomain.codec import read_jpegs
from jpegdomain.conversion import ConvertedModel, convert
from jpegdomain.conversion import verify as compare
from jpegdomain.data import collate

from .loading import load_network, running, trained_with
from .report import AsJson, print_json

__all__ = ["Classes", "ModelName", "Pretrained", "Weights", "plan", "verify"]

ModelName = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="torchvision:NAME, timm:NAME, or MODULE:FACTORY, where FACTORY() returns a network.",
        show_default=False,
    ),
]
Weights = Annotated[Path | None, typer.Option(help="A file with the state_dict to load: .pt, .pth or .safetensors.")]
Pretrained = Annotated[
    bool,
    typer.Option("--pretrained", help="Use the published weights of torchvision or timm, downloaded if necessary."),
]
Classes = Annotated[int | None, typer.Option(help="Number of classes, if not the default of torchvision or timm.")]
Frequencies = Annotated[
    int, typer.Option(min=1, max=15, help="How many spatial frequencies the ReLU uses; 15 is exact.")
]
Side = Annotated[int, typer.Option(min=1, help="Height and width in pixels of the network's input.")]


def verify(
    model: ModelName,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="JPEG files.", show_default=False)],
    weights: Weights = None,
    pretrained: Pretrained = False,
    classes: Classes = None,
    frequencies: Frequencies = 15,
    side: Annotated[
        int | None,
        typer.Option(min=1, help="Height and width of the input, if not those that the weights were trained with."),
    ] = None,
    double: Annotated[bool, typer.Option("--double", help="Compute in float64.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare a converted network's answers with those of the original.

    The original runs on decoded pixels; both plans of the converted network are compared with it.
    """
    network = load_network(model, weights, pretrained, classes)
    if double:
        network.double()
    recipe = trained_with(model, network, side)
    images = read_jpegs(files)
    dtype = next((p.dtype for p in network.parameters()), torch.float32)
    rows: dict[str, dict[str, Any]] = {}
    passed = True
    for strategy in ("transform", "fused"):
        converted = convert(network, preprocess=recipe, frequencies=frequencies, plan=strategy)
        batch = collate(images, preprocess=recipe, dtype=dtype)
        with running(model):
            report = compare(network, converted, batch)
        passed &= report.passes()
        if not as_json:
            print(f"{strategy} plan, {report}")
        rows[strategy] = {
            "images": report.images,
            "dtype": str(report.dtype).removeprefix("torch."),
            "largest deviation": report.deviation,
            "largest output": report.magnitude,
            "relative": report.relative,
            "same top-1": report.agreement,
            "passes": report.passes(),
        }
    if as_json:
        print_json(rows)
    if not any(row["largest output"] for row in rows.values()):
        typer.secho(
            "the network's outputs are all 0, so this check shows nothing: load weights with --weights",
            fg="yellow",
            err=True,
        )
    if not passed:
        raise typer.Exit(1)


def plan(
    model: ModelName,
    weights: Weights = None,
    pretrained: Pretrained = False,
    classes: Classes = None,
    frequencies: Frequencies = 15,
    side: Side = 224,
    batch: Annotated[int, typer.Option(min=1, help="Images in a batch.")] = 1,
    fused: Annotated[
        bool, typer.Option("--fused", help="Use the fused plan, not the default plan 'transform'.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print where each layer runs, and what it costs."""
    network = load_network(model, weights, pretrained, classes)
    converted: ConvertedModel = convert(network, frequencies=frequencies, plan="fused" if fused else "transform")
    with running(model):
        made = converted.plan((side, side), batch)
    if not as_json:
        print(made)
        return
    print_json(
        {
            "batch": made.batch,
            "extent": [*made.extent],
            "reason": made.reason,
            "steps": [
                {
                    "path": step.path,
                    "layer": step.layer,
                    "domain": step.domain,
                    "output": [*step.output],
                    "form": step.form,
                    "flops": step.cost.flops,
                    "moved bytes": step.cost.moved,
                }
                for step in made.steps
            ],
        }
    )

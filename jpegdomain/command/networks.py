"""``verify`` and ``plan``: check that a converted network gives the same answers, and show how it runs."""

import importlib
import inspect
import pickle
import sys
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import nn

from jpegdomain.codec import read_jpegs
from jpegdomain.conversion import ConvertedModel, convert
from jpegdomain.conversion import verify as compare
from jpegdomain.data import collate
from jpegdomain.errors import InputError, MissingPackageError
from jpegdomain.preprocess import CenterCrop, Compose, Recipe, Resize, recipe_of

from .report import AsJson, print_json

__all__ = [
    "IMAGENET",
    "Classes",
    "ModelName",
    "Pretrained",
    "Weights",
    "load_network",
    "plan",
    "trained_with",
    "verify",
]

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and std of ImageNet's channels on the scale 0…1."""

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


def load_network(name: str, weights: Path | None, pretrained: bool = False, classes: int | None = None) -> nn.Module:
    """Make a network by its name, in eval mode.

    Args:
        name: The model's name, in the form of the command's argument MODEL.
        weights: A file with the network's state_dict.
        pretrained: Whether to use the published weights.
        classes: Number of classes, if not the library's default.

    Returns:
        The network.

    Raises:
        InputError: If there is no such network, or the weights do not fit it.
        MissingPackageError: If it is a timm model, and timm is not installed.
    """
    library, _, rest = name.partition(":")
    if not rest:
        raise InputError(f"{name!r} is not a model's name: write torchvision:resnet50, timm:resnet50 or module:factory")
    settings: dict[str, Any] = {} if classes is None else {"num_classes": classes}
    # Processes that share a run, and a resumed run, need the same random weights.
    torch.manual_seed(0)
    try:
        model = _made(library, rest, pretrained, settings)
    except MissingPackageError:
        raise
    except (AttributeError, ImportError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{name}: {error}") from error
    if not isinstance(model, nn.Module):
        raise InputError(f"{name} returned a {type(model).__qualname__}, not a torch.nn.Module")
    if weights is not None:
        _load(model, weights)
    return model.eval()


def _made(library: str, name: str, pretrained: bool, settings: dict[str, Any]) -> Any:
    if library == "torchvision":
        import torchvision

        # Detectors and segmentation networks would otherwise fetch their backbone's weights.
        builder = torchvision.models.get_model_builder(name)
        if not pretrained and "weights_backbone" in inspect.signature(builder).parameters:
            settings["weights_backbone"] = None
        return builder(weights="DEFAULT" if pretrained else None, **settings)
    if library == "timm":
        return _timm().create_model(name, pretrained=pretrained, **settings)
    # As with `python -m`, modules in the working directory are found.
    sys.path.insert(0, "")
    return getattr(importlib.import_module(library), name)(**settings)


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise MissingPackageError("models named timm:… need timm: pip install timm") from error
    return timm


def _load(model: nn.Module, path: Path) -> None:
    try:
        state = _state(path)
    except (EOFError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{path}: cannot be read as weights: {str(error).splitlines()[0] if str(error) else error!r}"
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"{path}: these weights do not fit this network: {error}") from error


def _state(path: Path) -> Any:
    if path.suffix != ".safetensors":
        return torch.load(path, map_location="cpu", weights_only=True)
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingPackageError(f"{path}: pip install safetensors") from error
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(error) from error


def trained_with(name: str, model: nn.Module, side: int | None = None) -> Recipe:
    """Return the preprocess that a network was trained with if its library gives one, else the usual one for ImageNet.

    Args:
        name: The network's name.
        model: The network.
        side: Use this height and width in pixels instead: resize the shorter side to 8/7 of it, then crop.

    Returns:
        The preprocess, mean and std.
    """
    library, _, rest = name.partition(":")
    if side is None and library == "torchvision":
        import torchvision

        return recipe_of(torchvision.models.get_model_weights(rest).DEFAULT.transforms())
    if side is None and library == "timm":
        timm = _timm()
        return recipe_of(timm.data.resolve_model_data_config(model))
    side = side or 224
    return Recipe(Compose([Resize(round(side * 8 / 7)), CenterCrop(side)]), *IMAGENET)


def verify(
    model: ModelName,
    files: Annotated[list[Path], typer.Argument(help="JPEG files.", show_default=False)],
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
        report = compare(network, converted, collate(images, preprocess=recipe, dtype=dtype))
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

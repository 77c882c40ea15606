"""`convert`: rewrite a spatial model to run on JPEG coefficients."""

import copy
from typing import Literal

import torch
from torch import nn

from jpegdomain.decoding import Entry, Values
from jpegdomain.errors import InputError
from jpegdomain.frequency import CHANNELS, ChannelGate, ChannelSet, Frontend, MaskedEntry, NormalisedGate
from jpegdomain.functional import Method
from jpegdomain.planning import Form
from jpegdomain.preprocess import Transform, recipe_of

from .building import Conversion
from .copying import copied
from .model import ConvertedModel, become_converted
from .options import PerLayer, PlanName, Settings, Strategy

__all__ = ["convert"]


def convert(
    model: nn.Module,
    *,
    frequencies: PerLayer[int] = 15,
    relu: Method = "asm",
    mean: Values | None = None,
    std: Values | None = None,
    plan: PlanName = "transform",
    form: PerLayer[Form | Literal["auto"]] = "auto",
    preprocess: object = None,
    orient: bool = False,
    channels: ChannelSet | nn.Module | None = None,
) -> ConvertedModel:
    """Rewrite a spatial model so that it runs on JPEG coefficients (Ehrlich & Davis 2019, section 4.6).

    For pixels I, ``convert(model)(encode(I))`` is ``model(I)`` to floating-point error at 15 frequencies; for files,
    ``convert(model)(collate(images))`` is the model on ``decode_rgb``, normalised by mean and std.

    Any model can be converted. The result is a copy in the same mode, whose class is a subclass of the model's; the
    model itself is not modified. If ``torch.fx`` can follow the code and every call has a rule (`register_rule`), the
    calls run by a plan that is made here. Other models run their own code, operation by operation, on an `Activation`
    or on pixels. `ConvertedModel.plan` shows which is the case.

    >>> model = torchvision.models.resnet18(weights="DEFAULT").eval()
    >>> converted = jpegdomain.convert(model, plan="fused")
    >>> logits = converted([jpegdomain.read_jpeg("cat.jpg")])
    >>> print(converted.plan((224, 224)))

    Args:
        model: A convolutional network whose input is (n, c, h, w).
        frequencies: 1…15, how many spatial frequencies ReLU, max-pooling and the like use to choose the piece that
            applies to a pixel; 15 is exact. One number, or a dict from layer names (or fnmatch patterns) to numbers.
        relu: 'asm', approximated spatial masking, or 'apx', the function of the truncated reconstruction.
        mean: The mean of the model's input channels on the scale 0…1, folded into the entry; by default ImageNet's for
            3 channels, else 0.
        std: The standard deviation of the same channels on the same scale; by default ImageNet's for 3 channels, else
            1.
        plan: 'transform': every activation between steps is in the transform domain, where a step is a convolution with
            the batch norm, the addition and the activation function that follow it. 'fused': J̃∘J = 1 cancels between
            all layers, and a feature map is coefficients only where that costs less (`ConvertedModel.plan` shows
            where). Both compute the same function, also below 15 frequencies.
        form: Overrides the planner for convolutions: 'dense', 'stencil', 'factored' or 'auto', or a dict from layer
            names to these.
        preprocess: What to do with files: a transform of `jpegdomain.preprocess`, or a preset or pipeline of
            torchvision, timm or Hugging Face (`preprocess.recipe_of`), which also gives mean and std. Its transform
            becomes ``converted.preprocess``, for `collate`; a batch made without a preprocess raises an error.
        orient: Whether ``converted(images)`` turns files upright first, by their EXIF orientation.
        channels: Which frequency channels of Y, Cb and Cr enter the network; the others are set to zero. Either a
            `frequency.ChannelSet`, the same for all images, or a gate (`frequency.ChannelGate`), which chooses channels
            for each image from their values, or with `frequency.NormalisedGate` from normalised values. The gate is
            copied, and its parameters come after the model's, as ``jpeg_entry.gate``. See `frequency.MaskedEntry` for
            what channels are. None, and a set of all channels, keep everything.

    Returns:
        A module that takes a `JpegBatch`, `JpegImage`s or an `Activation` and returns what the model returns.

    Raises:
        InputError: If `model` is not a module, or is already converted, scripted or compiled; if `channels` is neither
            a set nor a gate, or the model has frequency channels but does not take 1 or 3 input channels.
        UnsupportedLayerError: If `model` has an attribute whose name a converted model needs, such as ``plan``.
        ValueError: If an option is invalid or names a layer that does not exist; if mean and std are given twice.
    """
    if not isinstance(model, nn.Module) or isinstance(model, ConvertedModel):
        raise InputError(f"convert takes a spatial torch.nn.Module, got {type(model).__qualname__}")
    if isinstance(model, torch.jit.ScriptModule):
        raise InputError("a scripted model has no Python code: convert the original model instead")
    if hasattr(model, "_orig_mod"):
        raise InputError(
            "this model is compiled by torch.compile: convert first, then compile: "
            "torch.compile(jpegdomain.convert(model))"
        )
    strategy = Strategy.named(plan)
    transform, mean, std = _recipe(preprocess, mean, std)
    kept = _kept(channels)
    settings = Settings(frequencies, relu, form)
    own = copied(model)
    conversion = Conversion(type(own), settings, strategy)
    converted = become_converted(own)
    converted._jpeg_source, converted.preprocess = conversion, transform
    converted._jpeg_orient = bool(orient)
    planned = conversion.plan(converted)
    settings.check_used() if planned else settings.check_used(path for path, _ in model.named_modules())
    settled = conversion.channels, mean, std, conversion.entrance
    converted.jpeg_entry = (Entry(*settled) if kept is None else MaskedEntry(kept, *settled)).train(model.training)
    converted._jpeg_plan = planned
    return converted


def _recipe(
    preprocess: object, mean: Values | None, std: Values | None
) -> tuple[Transform | None, Values | None, Values | None]:
    """Read the preprocess, with mean and std from one of the two sources."""
    if preprocess is None or isinstance(preprocess, Transform):
        return preprocess, mean, std
    if mean is not None or std is not None:
        raise ValueError(
            "the preprocess has its own mean and std: leave out these, or give a jpegdomain.preprocess transform"
        )
    recipe = recipe_of(preprocess)
    return recipe.transform, recipe.mean, recipe.std


def _kept(channels: ChannelSet | nn.Module | None) -> ChannelSet | NormalisedGate | None:
    """Read which frequency channels to keep; a gate is copied."""
    if channels is None or isinstance(channels, ChannelSet):
        return channels
    if not isinstance(channels, nn.Module):
        raise InputError(
            f"channels must be a jpegdomain.frequency.ChannelSet or a gate, got {type(channels).__qualname__}; "
            "published sets are available as jpegdomain.frequency.published('24S') and the like"
        )
    own = copy.deepcopy(channels)
    inner = own.gate if isinstance(own, NormalisedGate) else own
    if isinstance(inner, Frontend) or (isinstance(inner, ChannelGate) and inner.channels != CHANNELS):
        raise InputError(
            f"channels must be a ChannelSet, or a gate of all {CHANNELS} channels; got "
            f"{type(inner).__qualname__}({inner.extra_repr()})"
        )
    return own if isinstance(own, NormalisedGate) else NormalisedGate(own)

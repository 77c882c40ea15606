"""`compare` counts what surgery changed; `image_scale` is the size of the images that an adapted network takes."""

import copy
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK

from .entering import Channels, Design, channel_count, check_design

__all__ = ["TAKEN", "Comparison", "compare", "image_scale"]

TAKEN = "torchvision's ResNets, ResNeXts and Wide ResNets, MobileNetV2, vision transformers, Faster and Mask R-CNN"
"""Networks that surgery can be performed on, for messages."""


def image_scale(model: nn.Module, design: Design = "first-block") -> int:
    """Return the factor by which an image must be enlarged to have as many blocks as the stem has outputs.

    2 for ResNets (448 for 224) and detection (1600×2666 for 800×1333), 4 for MobileNetV2 (896 for 224), 1 for ResNets
    of another design. For vision transformers 1, or 8 divided by the patch size if that is below 8.

    Raises:
        InputError: If `adapt` does not take the model, or does not know the design for it.
    """
    from torchvision.models import ResNet

    check_design(design, 2, isinstance(model, ResNet))
    return _scale(model, design != "first-block")


@dataclass(frozen=True)
class Comparison:
    """A network on RGB beside the same network after surgery.

    Attributes:
        fresh: State-dict keys that were newly initialised: missing from the model, or of another shape.
        dropped: The model's state-dict keys that were removed with the stem.
        parameters: Number of parameters of the network on RGB, and on channels.
        operations: Floating-point operations of both for one image, in convolutions and matrix products; a
            multiplication and an addition count as two. For detection models only the backbone's, since the rest is the
            same.
    """

    fresh: tuple[str, ...]
    dropped: tuple[str, ...]
    parameters: tuple[int, int]
    operations: tuple[int, int]

    @property
    def parameter_ratio(self) -> float:
        """Number of parameters on channels divided by that on RGB."""
        return self.parameters[1] / self.parameters[0]

    @property
    def operation_ratio(self) -> float:
        """Number of operations on channels divided by that on RGB."""
        return self.operations[1] / self.operations[0]

    def __str__(self) -> str:
        (rgb, ours), (before, after) = self.parameters, self.operations
        return (
            f"parameters {rgb:,} → {ours:,} ({self.parameter_ratio:.4f}), "
            f"operations {before:,} → {after:,} ({self.operation_ratio:.4f}); "
            f"dropped: {', '.join(self.dropped) or 'none'}; fresh: {', '.join(self.fresh) or 'none'}"
        )


def compare(
    model: nn.Module, adapted: nn.Module, channels: Channels, extent: tuple[int, int] = (224, 224)
) -> Comparison:
    """Compare `model` on RGB of `extent` with its adapted copy on channels of the enlarged image, on meta tensors."""
    from .two_resolutions import Entrance

    count = channel_count(channels)
    scale = _scale(model, isinstance(getattr(adapted, "conv1", None), Entrance))
    grid = [math.ceil(scale * side / BLOCK) for side in extent]
    before, after = model.state_dict(), adapted.state_dict()
    return Comparison(
        tuple(key for key in after if key not in before or after[key].shape != before[key].shape),
        tuple(key for key in before if key not in after),
        (_parameters(model), _parameters(adapted)),
        (_operations(model, (3, *extent)), _operations(adapted, (count, *grid))),
    )


def _parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _operations(model: nn.Module, shape: tuple[int, ...]) -> int:
    network = getattr(model, "backbone", model)
    shadow = copy.deepcopy(network).to("meta").eval()
    dtype = next(shadow.parameters()).dtype
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shadow(torch.empty(1, *shape, dtype=dtype, device="meta"))
    return counter.get_total_flops()


def _scale(model: nn.Module, two_resolutions: bool) -> int:
    return 1 if two_resolutions else max(1, BLOCK // _stem_stride(model))


def _stem_stride(model: nn.Module) -> int:
    """Pixels between the outputs of the stem that the surgery replaces."""
    from torchvision.models import MobileNetV2, ResNet, VisionTransformer
    from torchvision.models.detection import FasterRCNN

    from .classifiers import MOBILENET_STRIDE, RESNET_STRIDE

    if isinstance(model, (ResNet, FasterRCNN)):
        return RESNET_STRIDE
    if isinstance(model, MobileNetV2):
        return MOBILENET_STRIDE
    if isinstance(model, VisionTransformer):
        return model.patch_size
    raise InputError(f"adapt takes {TAKEN}, got {type(model).__qualname__}")

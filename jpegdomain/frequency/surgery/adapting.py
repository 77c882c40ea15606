"""`adapt` makes a copy of a torchvision network that takes frequency channels; `compare` counts what changed."""

import copy
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from jpegdomain.codec import JpegImage
from jpegdomain.errors import InputError
from jpegdomain.frequency.channel_set import ChannelSet
from jpegdomain.frequency.frontend import Frontend
from jpegdomain.geometry import BLOCK

__all__ = ["Comparison", "FileImage", "adapt", "compare", "image_scale"]

_TAKEN = "torchvision's ResNets (ResNeXt and Wide ResNet, too), MobileNetV2, Faster R-CNN and Mask R-CNN"


def adapt(model: nn.Module, channels: int | ChannelSet | Frontend, *, layer2_stride: int = 2) -> nn.Module:
    """Copy a network on RGB without its stem, so that frequency channels replace the stem's output.

    This is the surgery of Xu et al. (CVPR 2020). A ResNet loses conv1, bn1, relu and maxpool; the first convolution and
    the shortcut of layer1's first block take `channels`; a basic block, whose shortcut has no weights, gets a
    convolution there. MobileNetV2 loses features[0], and features[1] takes `channels`. An image whose sides are
    `image_scale` times the RGB network's has as many 8×8 blocks as the stem has outputs: all feature maps keep their
    sizes.

    Faster R-CNN and Mask R-CNN with a ResNet-FPN backbone take images as before, RGB tensors in 0…1, or `FileImage`s,
    and compute the channels themselves, from the image at twice the size. Targets and detections stay in the image's
    pixels. The frontend's statistics are in the state dict, under ``transform.frontend``.

    Weights are carried over if their shape stays the same, also those of the first block if there are as many channels
    as the stem had; others are initialised as in torchvision. `compare` lists the new ones. The convolutions that read
    the channels require gradients, even if they are carried over or the model is frozen, since their input is new.

    Args:
        model: A torchvision model; it is not changed.
        channels: The number of channels, a set, or a frontend that computes them; for detection a set or a frontend.
        layer2_stride: 2 for the strides of the paper, which are those of `model`; 1 for those of its authors' released
            code, where layer2 does not reduce the resolution, which costs four times the work from there on.

    Returns:
        The copy, which takes (n, channels, X, Y) and returns what the model returns. Mode, dtype, device and the
        state-dict keys of the remaining layers are the model's.

    Raises:
        InputError: If the model is none of these, or has already been adapted, or an argument is invalid.
    """
    count = _channel_count(channels)
    if layer2_stride not in {1, 2}:
        raise InputError(f"layer2_stride must be 2 (the paper's) or 1 (the released code's), got {layer2_stride!r}")
    # torchvision takes longer to import than all of this package; a caller with a model has already imported it.
    from torchvision.models import MobileNetV2, ResNet
    from torchvision.models.detection import FasterRCNN

    from .classifiers import operate_mobilenet, operate_resnet
    from .detection import operate_detection

    adapted = copy.deepcopy(model)
    if isinstance(adapted, ResNet):
        operate_resnet(adapted, count, layer2_stride)
    elif isinstance(adapted, MobileNetV2):
        if layer2_stride != 2:
            raise InputError("layer2_stride is only for ResNets: MobileNetV2 has no layer2")
        operate_mobilenet(adapted, count)
    elif isinstance(adapted, FasterRCNN):
        if isinstance(channels, int):
            raise InputError(
                f"a detection model computes its channels itself, and channels={channels} does not say which: give a "
                "ChannelSet such as jpegdomain.frequency.published('24S'), or a Frontend with statistics"
            )
        frontend = channels if isinstance(channels, Frontend) else Frontend(channels)
        operate_detection(adapted, frontend, layer2_stride)
    else:
        raise InputError(f"adapt takes {_TAKEN}, got {type(model).__qualname__}")
    return adapted


def image_scale(model: nn.Module) -> int:
    """Return the factor by which an image must be enlarged to have as many blocks as the stem has outputs.

    2 for ResNets (448 for 224) and detection (1600×2666 for 800×1333), 4 for MobileNetV2 (896 for 224).
    """
    return BLOCK // _stem_stride(model)


@dataclass(frozen=True, eq=False)
class FileImage:
    """An image for a detection model on frequency channels: the file's coefficients, undecoded.

    Args:
        image: A record from `jpegdomain.read_jpeg`.
        flipped: Whether to flip it left to right; the boxes and masks of its target must be flipped, too.
    """

    image: JpegImage
    flipped: bool = False

    @property
    def shape(self) -> torch.Size:
        """(3, height, width), like an RGB tensor's."""
        return torch.Size((3, *self.image.extent))


@dataclass(frozen=True)
class Comparison:
    """A network on RGB beside the same network after surgery.

    Attributes:
        fresh: State-dict keys that were newly initialised: missing in the model, or with another shape.
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
            f"dropped: {', '.join(self.dropped)}; fresh: {', '.join(self.fresh) or 'none'}"
        )


def compare(
    model: nn.Module, adapted: nn.Module, channels: int | ChannelSet | Frontend, extent: tuple[int, int] = (224, 224)
) -> Comparison:
    """Compare `model` on RGB of `extent` with its adapted copy on channels of the enlarged image, on meta tensors."""
    count = _channel_count(channels)
    stride = _stem_stride(model)
    grid = [math.ceil(side / stride) for side in extent]
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


def _channel_count(channels: int | ChannelSet | Frontend) -> int:
    if isinstance(channels, Frontend):
        return len(channels.selection)
    if isinstance(channels, ChannelSet):
        return len(channels)
    if not isinstance(channels, int) or isinstance(channels, bool) or channels < 1:
        raise InputError(
            f"channels must be a number ≥ 1, a ChannelSet such as jpegdomain.frequency.published('24S'), or a "
            f"Frontend; got {channels!r}"
        )
    return channels


def _stem_stride(model: nn.Module) -> int:
    """Pixels between the outputs of the stem that the surgery replaces."""
    from torchvision.models import MobileNetV2, ResNet
    from torchvision.models.detection import FasterRCNN

    from .classifiers import MOBILENET_STRIDE, RESNET_STRIDE

    if isinstance(model, (ResNet, FasterRCNN)):
        return RESNET_STRIDE
    if isinstance(model, MobileNetV2):
        return MOBILENET_STRIDE
    raise InputError(f"adapt takes {_TAKEN}, got {type(model).__qualname__}")

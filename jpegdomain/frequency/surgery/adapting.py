"""`adapt`: a copy of a torchvision network that takes frequency channels."""

import copy

from torch import nn

from jpegdomain.errors import InputError
from jpegdomain.frequency.channel_set import ChannelSet
from jpegdomain.geometry import BLOCK

__all__ = ["adapt", "image_scale", "stem_stride"]

_TAKEN = "torchvision's ResNets (ResNeXt and Wide ResNet, too) or MobileNetV2"


def adapt(model: nn.Module, channels: int | ChannelSet, *, layer2_stride: int = 2) -> nn.Module:
    """Copy a network on RGB without its stem, so that frequency channels enter where the stem's output did.

    The surgery of Xu et al. (CVPR 2020). A ResNet loses conv1, bn1, relu and maxpool; the first convolution and the
    shortcut of layer1's first block take `channels`, and a basic block, whose shortcut has no weights, gets some.
    MobileNetV2 loses features[0], and features[1] takes `channels`. An image of `image_scale` times the RGB network's
    side has as many 8×8 blocks as the stem has outputs: all feature maps keep the RGB network's sizes.

    Weights are carried over wherever their shape is still the same, those of the first block with as many channels as
    the stem had, too; others are initialised as torchvision does, and require gradients. `compare` lists both.

    Args:
        model: torchvision's; not changed.
        channels: How many enter, or which.
        layer2_stride: 2 for the strides of the paper, which are those of `model`; 1 for those of its authors' released
            code, where layer2 does not reduce the resolution: four times the work from there on.

    Returns:
        The copy: (n, channels, X, Y) to what the model gives. Mode, dtype, device and the state-dict keys of all that
        is left are the model's.

    Raises:
        InputError: If the model is none of these, has been adapted before, or an argument has another value.
    """
    count = channels if isinstance(channels, int) else len(channels)
    if count < 1:
        raise InputError(f"at least one channel enters a network, got {count}")
    if layer2_stride not in {1, 2}:
        raise InputError(f"layer2_stride is 2, as in the paper, or 1, as in the released code; got {layer2_stride!r}")
    # torchvision takes longer to import than all of this package; whoever has a model has it already.
    from torchvision.models import MobileNetV2, ResNet

    from . import mobilenet, resnet

    adapted = copy.deepcopy(model)
    if isinstance(adapted, ResNet):
        resnet.operate(adapted, count, layer2_stride)
    elif isinstance(adapted, MobileNetV2):
        if layer2_stride != 2:
            raise InputError("layer2_stride is for ResNets: MobileNetV2 has no layer2")
        mobilenet.operate(adapted, count)
    else:
        raise InputError(f"surgery is for {_TAKEN}, got {type(model).__qualname__}")
    return adapted


def stem_stride(model: nn.Module) -> int:
    """Tell how far the stem's outputs, which the surgery replaces, lie apart.

    Args:
        model: A network that `adapt` takes or gave.

    Returns:
        Pixels: 4 of ResNets, 2 of MobileNetV2.

    Raises:
        InputError: If the model is none of these.
    """
    from torchvision.models import MobileNetV2, ResNet

    from . import mobilenet, resnet

    if isinstance(model, ResNet):
        return resnet.STEM_STRIDE
    if isinstance(model, MobileNetV2):
        return mobilenet.STEM_STRIDE
    raise InputError(f"surgery is for {_TAKEN}, got {type(model).__qualname__}")


def image_scale(model: nn.Module) -> int:
    """Tell how much larger than for RGB an image must be for its blocks to be as many as the stem's outputs.

    Args:
        model: A network that `adapt` takes or gave.

    Returns:
        Side of the image that channels are made of, over that of the RGB image: 2 for ResNets (448 for 224), 4 for
        MobileNetV2 (896 for 224).
    """
    return BLOCK // stem_stride(model)

"""`adapt`: a copy of a torchvision network that takes frequency channels."""

import copy

from torch import nn

from jpegdomain.errors import InputError
from jpegdomain.frequency.channel_set import ChannelSet
from jpegdomain.frequency.frontend import Frontend
from jpegdomain.geometry import BLOCK

__all__ = ["adapt", "channel_count", "image_scale", "stem_stride"]

_TAKEN = "torchvision's ResNets (ResNeXt and Wide ResNet, too), MobileNetV2, Faster R-CNN and Mask R-CNN"


def adapt(model: nn.Module, channels: int | ChannelSet | Frontend, *, layer2_stride: int = 2) -> nn.Module:
    """Copy a network on RGB without its stem, so that frequency channels enter where the stem's output did.

    The surgery of Xu et al. (CVPR 2020). A ResNet loses conv1, bn1, relu and maxpool; the first convolution and the
    shortcut of layer1's first block take `channels`, and a basic block, whose shortcut has no weights, gets some.
    MobileNetV2 loses features[0], and features[1] takes `channels`. An image of `image_scale` times the RGB network's
    side has as many 8×8 blocks as the stem has outputs: all feature maps keep the RGB network's sizes.

    Faster R-CNN and Mask R-CNN with a ResNet-FPN backbone take images as before, RGB tensors in 0…1 or `FileImage`s,
    and make the channels themselves, of the image at twice the size. Targets and detections stay in the image's pixels.
    The frontend's statistics are in their state dict, as ``transform.frontend``.

    Weights are carried over wherever their shape is still the same, those of the first block with as many channels as
    the stem had, too; others are initialised as torchvision does. `compare` lists both. The convolutions that the
    channels enter require gradients, even carried over and in a model that is frozen: their input is another one.

    Args:
        model: torchvision's; not changed.
        channels: How many enter, or which, or a frontend that makes them; for detection which, or a frontend.
        layer2_stride: 2 for the strides of the paper, which are those of `model`; 1 for those of its authors' released
            code, where layer2 does not reduce the resolution: four times the work from there on.

    Returns:
        The copy: (n, channels, X, Y) to what the model gives. Mode, dtype, device and the state-dict keys of all that
        is left are the model's.

    Raises:
        InputError: If the model is none of these, has been adapted before, or an argument has another value.
    """
    count = channel_count(channels)
    if layer2_stride not in {1, 2}:
        raise InputError(f"layer2_stride is 2, as in the paper, or 1, as in the released code; got {layer2_stride!r}")
    # torchvision takes longer to import than all of this package; whoever has a model has it already.
    from torchvision.models import MobileNetV2, ResNet
    from torchvision.models.detection import FasterRCNN

    from . import detection, mobilenet, resnet

    adapted = copy.deepcopy(model)
    if isinstance(adapted, ResNet):
        resnet.operate(adapted, count, layer2_stride)
    elif isinstance(adapted, MobileNetV2):
        if layer2_stride != 2:
            raise InputError("layer2_stride is for ResNets: MobileNetV2 has no layer2")
        mobilenet.operate(adapted, count)
    elif isinstance(adapted, FasterRCNN):
        detection.operate(adapted, _frontend(channels), layer2_stride)
    else:
        raise InputError(f"surgery is for {_TAKEN}, got {type(model).__qualname__}")
    return adapted


def channel_count(channels: int | ChannelSet | Frontend) -> int:
    """Count the channels that enter.

    Args:
        channels: As `adapt` takes them.

    Returns:
        Their number.

    Raises:
        InputError: If they are something else, or none.
    """
    if isinstance(channels, Frontend):
        return len(channels.selection)
    if isinstance(channels, ChannelSet):
        return len(channels)
    if not isinstance(channels, int) or isinstance(channels, bool) or channels < 1:
        raise InputError(
            f"channels is their number, from 1 on, a ChannelSet such as jpegdomain.frequency.published('24S'), or a "
            f"Frontend; got {channels!r}"
        )
    return channels


def _frontend(channels: int | ChannelSet | Frontend) -> Frontend:
    if isinstance(channels, int):
        raise InputError(
            f"a detection model makes its channels itself, and {channels} does not say which: give a ChannelSet such "
            "as jpegdomain.frequency.published('24S'), or a Frontend with statistics"
        )
    return channels if isinstance(channels, Frontend) else Frontend(channels)


def stem_stride(model: nn.Module) -> int:
    """Tell how far the stem's outputs, which the surgery replaces, lie apart.

    Args:
        model: A network that `adapt` takes or gave.

    Returns:
        Pixels: 4 of ResNets, as in detection's backbones; 2 of MobileNetV2.

    Raises:
        InputError: If the model is none of these.
    """
    from torchvision.models import MobileNetV2, ResNet
    from torchvision.models.detection import FasterRCNN

    from . import mobilenet, resnet

    if isinstance(model, (ResNet, FasterRCNN)):
        return resnet.STEM_STRIDE
    if isinstance(model, MobileNetV2):
        return mobilenet.STEM_STRIDE
    raise InputError(f"surgery is for {_TAKEN}, got {type(model).__qualname__}")


def image_scale(model: nn.Module) -> int:
    """Tell how much larger than for RGB an image must be for its blocks to be as many as the stem's outputs.

    Args:
        model: A network that `adapt` takes or gave.

    Returns:
        Side of the image that channels are made of, over that of the RGB image: 2 for ResNets (448 for 224) and
        detection (1600×2666 for 800×1333), 4 for MobileNetV2 (896 for 224).
    """
    return BLOCK // stem_stride(model)

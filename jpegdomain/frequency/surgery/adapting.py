"""`adapt` makes a copy of a torchvision network that takes frequency channels."""

import copy
from dataclasses import dataclass

import torch
from torch import nn

from jpegdomain.codec import JpegImage
from jpegdomain.errors import InputError
from jpegdomain.frequency.frontend import Frontend

from .comparing import TAKEN
from .entering import Channels, Design, channel_count, check_design, component_counts

__all__ = ["FileImage", "adapt"]


def adapt(
    model: nn.Module,
    channels: Channels,
    *,
    layer2_stride: int = 2,
    design: Design = "first-block",
) -> nn.Module:
    """Copy a network on RGB without its stem, so that frequency channels replace the stem's output.

    This is the surgery of Xu et al. (CVPR 2020). A ResNet loses conv1, bn1, relu and maxpool; the first convolution and
    the shortcut of layer1's first block take `channels`; a basic block, whose shortcut has no weights, gets a
    convolution there. MobileNetV2 loses features[0], and features[1] takes `channels`. An image whose sides are
    `image_scale` times the RGB network's has as many 8×8 blocks as the stem has outputs: all feature maps keep their
    sizes. A vision transformer's patches are embedded from blocks: one block per patch of at most 8 pixels, as many
    blocks as a larger patch has.

    The other designs are those of Gueguen et al. (NeurIPS 2018, figure 3), for ResNets on images of the RGB network's
    own size: 28×28 blocks for 224×224 pixels. They replace the stem and layer1, normalise the input with a batch norm,
    and keep the resolution in layer2. Their input is ``frequency_channels(…, chroma='nearest')``, which repeats each
    chroma block of a 4:2:0 file for 2×2 luma blocks; a design that needs chroma at its own resolution takes every
    second block.

    - 'upsampling': all channels enter layer2 at luma's resolution.
    - 'upsampling-rfa': three new blocks precede layer2. They are as wide as layer3 and have kernels of 1, 2 and 3, so
      that the receptive field grows as slowly as in the network on pixels (RFA: receptive-field aware).
    - 'deconvolution-rfa': as before, but transposed convolutions bring Cb and Cr to luma's resolution.
    - 'late-concat-rfa': luma passes the three blocks, layer2 and a block with stride 2; chroma passes one block with
      kernel 1. Both paths have half of layer3's width, and their concatenated outputs enter the rest of layer3.
    - 'late-concat-rfa-thinner': the three parts of the luma path have 3/8, 3/8 and 3/4 of layer3's width, chroma 1/4.

    The figure does not give the widths of the two paths. With those above, both together are as wide as layer3;
    luma's are those of the public reimplementation by Deguerre et al. (jpeg_deep). Blocks are of the model's kind,
    basic or bottleneck.

    Faster R-CNN and Mask R-CNN with a ResNet-FPN backbone take images as before, RGB tensors in 0…1, or `FileImage`s,
    and compute the channels themselves, from the image at twice the size. Targets and detections stay in the image's
    pixel coordinates. The frontend's statistics are in the state dict, under ``transform.frontend``.

    Weights are carried over if their shape stays the same, including those of the first block if there are as many
    channels as the stem had output channels; others are initialised as in torchvision. `compare` lists the new ones.
    The convolutions that read the channels require gradients, even if they are carried over or the model is frozen,
    since their input is new.

    Args:
        model: A torchvision model; it is not changed.
        channels: The number of channels, a set, or a frontend that computes them; for detection a set or a frontend.
        layer2_stride: 2 for the strides of the paper, which are those of `model`; 1 for those of its authors' released
            code, where layer2 does not reduce the resolution, which costs four times the work from there on: 3.3 × the
            operations of a ResNet-50 on RGB at 224×224, and 2.9 to 3.1 × those of a resnet18.
        design: How the channels enter. All but 'first-block' are for ResNets and need channels of Y, Cb and Cr in this
            order, such as 192 or a set in row-major order.

    Returns:
        The copy, which takes (n, channels, X, Y) and returns what the model returns. Mode, dtype, device and the
        state-dict keys of the remaining layers are the model's.

    Raises:
        InputError: If the model is none of these, or has already been adapted, or an argument is invalid.
    """
    count = channel_count(channels)
    if layer2_stride not in {1, 2}:
        raise InputError(f"layer2_stride must be 2 (the paper's) or 1 (the released code's), got {layer2_stride!r}")
    # torchvision takes longer to import than all of this package; a caller with a model has already imported it.
    from torchvision.models import MobileNetV2, ResNet, VisionTransformer
    from torchvision.models.detection import FasterRCNN

    from .classifiers import operate_mobilenet, operate_resnet
    from .detection import operate_detection
    from .transformers import operate_transformer
    from .two_resolutions import operate_two_resolutions

    check_design(design, layer2_stride, isinstance(model, ResNet))
    adapted = copy.deepcopy(model)
    if design != "first-block":
        operate_two_resolutions(adapted, component_counts(channels, design), design)
    elif isinstance(adapted, ResNet):
        operate_resnet(adapted, count, layer2_stride)
    elif isinstance(adapted, MobileNetV2):
        if layer2_stride != 2:
            raise InputError("layer2_stride is only for ResNets: MobileNetV2 has no layer2")
        operate_mobilenet(adapted, count)
    elif isinstance(adapted, VisionTransformer):
        if layer2_stride != 2:
            raise InputError("layer2_stride is only for ResNets: a vision transformer has no layer2")
        operate_transformer(adapted, count)
    elif isinstance(adapted, FasterRCNN):
        if isinstance(channels, int):
            raise InputError(
                f"a detection model computes its channels itself, and channels={channels} does not say which: give a "
                "ChannelSet such as jpegdomain.frequency.published('24S'), or a Frontend with statistics"
            )
        frontend = channels if isinstance(channels, Frontend) else Frontend(channels)
        operate_detection(adapted, frontend, layer2_stride)
    else:
        raise InputError(f"adapt takes {TAKEN}, got {type(model).__qualname__}")
    return adapted


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

"""Vision transformers whose patches are blocks: frequency channels enter the embedding of the patches."""

from torch import nn
from torchvision.models import VisionTransformer

from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK

__all__ = ["operate_transformer"]


class _BlockEmbedding(nn.Conv2d):
    """Embeds patches of blocks."""


def operate_transformer(model: VisionTransformer, channels: int) -> None:
    """Replace the convolution that embeds patches, in place; position embeddings and everything else stay.

    A patch of 8 pixels or fewer becomes one block, and a larger one a square of blocks.

    Raises:
        InputError: If the network has already been adapted, has a convolutional stem, or patches of another size.
    """
    if not isinstance(model.conv_proj, nn.Conv2d):
        raise InputError(
            f"conv_proj is {type(model.conv_proj).__name__}, not a convolution: adapt takes a transformer that embeds "
            "its patches linearly, without a convolutional stem"
        )
    if isinstance(model.conv_proj, _BlockEmbedding):
        raise InputError(
            f"conv_proj takes {model.conv_proj.in_channels} frequency channels: adapt takes the network on RGB, not "
            "one that has already been adapted"
        )
    patch = model.patch_size
    if patch % BLOCK and BLOCK % patch:
        raise InputError(f"patches have {patch} pixels a side: adapt takes 1, 2, 4, or a multiple of {BLOCK}")
    blocks = max(1, patch // BLOCK)
    before = model.conv_proj
    model.conv_proj = _BlockEmbedding(channels, before.out_channels, blocks, blocks).to(before.weight)
    # As in torchvision.
    nn.init.trunc_normal_(model.conv_proj.weight, std=(channels * blocks**2) ** -0.5)
    assert model.conv_proj.bias is not None
    nn.init.zeros_(model.conv_proj.bias)
    model.conv_proj.train(before.training)
    # torchvision checks the size of its input, which is now counted in blocks.
    model.image_size = model.image_size // patch * blocks
    model.patch_size = blocks

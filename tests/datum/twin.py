"""The low-pass twin of a spatial network, on pixels alone: nothing here comes from jpegdomain."""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def low_pass(pixels, frequencies):
    """Keep the spatial frequencies α+β < n of every 8×8 block; blocks are filled up with zeros, then cut again."""
    k = np.arange(8)
    basis = np.cos(np.outer(k, 2 * k + 1) * np.pi / 16) / 2
    basis[0] /= np.sqrt(2)
    kept = np.add.outer(k, k) < frequencies
    both = np.einsum("am,bn->abmn", basis, basis)
    projection = torch.from_numpy(np.einsum("abmn,ab,abpq->mnpq", both, kept, both)).to(pixels.dtype)
    n, c, h, w = pixels.shape
    padded = F.pad(pixels, (0, -w % 8, 0, -h % 8))
    blocks = padded.reshape(n, c, padded.shape[2] // 8, 8, padded.shape[3] // 8, 8)
    return torch.einsum("mnpq,zcxpyq->zcxmyn", projection, blocks).reshape(padded.shape)[:, :, :h, :w]


class LowPassReLU(nn.Module):
    """The sign, or the value, of the low-passed pixels: ASM's mask on the exact pixels, or APX."""

    def __init__(self, frequencies, method):
        super().__init__()
        self.frequencies, self.method = frequencies, method

    def forward(self, x):
        low = low_pass(x, self.frequencies)
        return x * (low > 0) if self.method == "asm" else low * (low > 0)


class LowPassMaxPool(LowPassReLU):
    """The pixel where the low-passed image is largest, or the largest low-passed value."""

    def __init__(self, pool, frequencies, method):
        super().__init__(frequencies, method)
        self.pool = pool

    def forward(self, x):
        window = self.pool.kernel_size, self.pool.stride, self.pool.padding, self.pool.dilation
        low = low_pass(x, self.frequencies)
        values, places = F.max_pool2d(low, *window, return_indices=True)
        return x.flatten(2).gather(2, places.flatten(2)).view_as(places) if self.method == "asm" else values


def twin(model, frequencies, method):
    """The same network with each ReLU and max-pooling low-passed."""
    own = copy.deepcopy(model)
    for parent in list(own.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.ReLU):
                setattr(parent, name, LowPassReLU(frequencies, method))
            if isinstance(child, nn.MaxPool2d):
                setattr(parent, name, LowPassMaxPool(child, frequencies, method))
    return own

"""The low-pass twin of a spatial network, on pixels alone: nothing here comes from jpegdomain."""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode


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


def _hardtanh(x, low, min_val=-1.0, max_val=1.0):
    return torch.where(low >= max_val, max_val, torch.where(low > min_val, x, min_val))


# Name → function of x and the low-passed pixels, which decide on the piece.
PIECES = {
    F.relu: lambda x, low: x * (low > 0),
    torch.relu_: lambda x, low: x * (low > 0),
    F.hardtanh: _hardtanh,
    F.relu6: lambda x, low: _hardtanh(x, low, 0.0, 6.0),
    F.leaky_relu: lambda x, low, negative_slope=0.01: torch.where(low > 0, x, negative_slope * x),
    F.prelu: lambda x, low, weight: torch.where(low > 0, x, weight.view(-1, 1, 1) * x),
}


class LowPass(TorchFunctionMode):
    """While this is active, low-passed pixels choose the pieces and the maxima of feature maps.

    By 'asm' of the exact pixels, by 'apx' of the low-passed ones.
    """

    def __init__(self, frequencies, method):
        super().__init__()
        self.frequencies, self.method = frequencies, method

    def __torch_function__(self, func, types, args=(), kwargs=None):
        settings = dict(kwargs or {})
        if func is F.max_pool2d:
            return self.max_pool2d(*args, **settings)
        if func not in PIECES:
            return func(*args, **settings)
        inplace = settings.pop("inplace", False) or func is torch.relu_
        x, *others = args
        low = low_pass(x, self.frequencies)
        value = x.clone() if self.method == "asm" else low
        result = PIECES[func](value, low, *others, **settings)
        return x.copy_(result) if inplace else result

    def max_pool2d(self, x, *window, return_indices=False, **named):
        values, places = F.max_pool2d(low_pass(x, self.frequencies), *window, **named, return_indices=True)
        return x.flatten(2).gather(2, places.flatten(2)).view_as(places) if self.method == "asm" else values


def twin(model, frequencies, method):
    """The same network, with its activation functions and max-poolings low-passed."""
    own = copy.deepcopy(model)
    forward = own.forward

    def low_passed(*args):
        with LowPass(frequencies, method):
            return forward(*args)

    own.forward = low_passed
    return own

"""The normalisation constants that Xu et al. released with their networks (DCTNet, `classification/datasets`)."""

from typing import Final

import torch

from .statistics import ChannelStatistics

__all__ = ["published_statistics"]

_MEAN: Final = """
    -88.397 0.014 0.003 0.007 0.024 0.005 0.011 0.015
    0.444 -0.015 -0.005 -0.007 -0.002 -0.002 -0.001 -0.001
    -0.033 -0.007 -0.005 -0.003 0 -0.001 0 -0.001
    0.028 -0.007 -0.004 -0.003 -0.001 0 0 0
    0.021 0.013 0.013 0.014 0.001 0.014 0.013 0.013
    0.006 -0.004 -0.002 -0.001 -0.001 0 0 0.001
    -0.006 -0.001 -0.001 0 0 0 0 0
    -0.001 0 -0.001 0 0 0.001 0 0.002
    -58.709 -0.15 0.015 -0.157 0.014 -0.219 0.018 -0.621
    0.135 -0.004 -0.001 0 0 0 0 0
    -0.003 -0.002 0 -0.003 0 -0.006 0 -0.027
    0.014 0 0 0 0 0 0 0
    0.014 0.014 0.013 0.012 0.006 0.008 0.012 -0.004
    0.004 0 0 0 0 0 0 0
    0.001 0 0 -0.001 0 -0.002 0 -0.008
    0 0 0 0 0 0 0 0
    32.116 -0.144 0.012 -0.151 0.009 -0.21 0.015 -0.591
    -0.132 -0.004 -0.001 0 0 0 0 0
    -0.004 -0.002 0 -0.003 0 -0.007 0 -0.029
    -0.011 0 0 0 0 0 0 0
    0.009 0.013 0.013 0.011 0.006 0.008 0.012 -0.005
    -0.003 0 0 0 0 0 0 0
    -0.001 0 0 -0.001 0 -0.002 0 -0.008
    0 0 0 0 0 0 0 0
"""
"""A row of the 8×8 frequencies a line: eight lines of luma, then of Cb, then of Cr; in levels."""

_STD: Final = """
    259.96 2.7776 2.0454 1.3947 1.1929 0.8639 0.6839 0.5757
    3.9907 0.5662 0.5938 0.4396 0.387 0.3075 0.2669 0.2205
    2.4791 0.5919 0.6434 0.46 0.409 0.3174 0.2751 0.2124
    1.6547 0.4462 0.4669 0.3699 0.3395 0.2699 0.2366 0.2021
    1.3388 0.3951 0.4214 0.3407 0.3289 0.258 0.2276 0.181
    1.0203 0.3158 0.3287 0.2743 0.2629 0.2214 0.1919 0.1815
    0.8418 0.2767 0.2875 0.2424 0.2333 0.1924 0.1779 0.1437
    0.7355 0.2272 0.2222 0.203 0.1835 0.1832 0.1452 0.222
    81.161 0.4909 0.3174 0.2045 0.1188 0.1291 0.0508 0.2686
    0.7873 0.1032 0.0965 0.0627 0.0461 0.0334 0.024 0.0187
    0.382 0.0972 0.1033 0.0639 0.0495 0.0351 0.0252 0.0322
    0.2305 0.0636 0.0652 0.0439 0.0358 0.0257 0.0196 0.0156
    0.1394 0.0492 0.0523 0.0371 0.0336 0.024 0.0188 0.022
    0.0986 0.0355 0.0369 0.0267 0.0237 0.0177 0.0144 0.0121
    0.0645 0.0264 0.0277 0.021 0.0191 0.015 0.0126 0.014
    0.0513 0.0198 0.0205 0.0162 0.0149 0.0122 0.0104 0.0102
    75.848 0.4641 0.2978 0.1949 0.1079 0.1283 0.0458 0.2754
    0.703 0.0948 0.0873 0.0569 0.0407 0.0297 0.0214 0.0169
    0.3597 0.0879 0.0928 0.057 0.0436 0.0314 0.0224 0.0317
    0.2126 0.0576 0.0583 0.0391 0.0317 0.0229 0.0174 0.0141
    0.1261 0.0439 0.0466 0.033 0.0297 0.0214 0.0169 0.021
    0.0901 0.0318 0.0329 0.0238 0.021 0.0159 0.013 0.0112
    0.0585 0.0238 0.0247 0.0189 0.0171 0.0136 0.0114 0.0132
    0.0473 0.0179 0.0185 0.0147 0.0134 0.0112 0.0096 0.0097
"""


def published_statistics() -> ChannelStatistics:
    """Return the means and divisors of Xu et al.'s released networks (`train_upscaled_static` in their code).

    They were computed from ImageNet at twice the resolution of the RGB networks. Their divisors are not the standard
    deviations of coefficients. On 50 colour files of ImageNet, resized to a short side of 512 pixels and cropped to the
    middle 448×448, these are 1.7 to 2.0 times the divisors of DC and 1.6 to 68 times those of AC channels (median 14).
    Standard deviations of *per-image channel means* are closer: 1.0 to 1.2 times for DC, 0.04 to 1.2 for AC (median
    0.25). Use them to load the released networks or to repeat their training; for your own networks use
    `fit_statistics`.

    Returns:
        Statistics of 192 channels, row-major, without a floor; `count` is 0, since it was not published.
    """
    mean, std = (torch.tensor([float(x) for x in text.split()], dtype=torch.float64) for text in (_MEAN, _STD))
    return ChannelStatistics(mean, std, 0, source="published")

"""A default device set by the user does not affect the library's constants."""

import torch

from jpegdomain.functional import batch_norm, constant_image, decode, encode
from jpegdomain.geometry import Extent


def test_constants_are_made_where_they_are_used():
    pixels = torch.randn(2, 3, 11, 7, dtype=torch.float64)
    with torch.device("meta"):
        # No other test uses these extents, so nothing is in a cache yet.
        x = encode(pixels)
        result = decode(batch_norm(x, None, None, training=True))
        ones = constant_image(Extent(1003, 1005))
    expected = torch.nn.functional.batch_norm(pixels, None, None, training=True)
    torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-9)
    assert round(ones[0, 0].item(), 9) == 8

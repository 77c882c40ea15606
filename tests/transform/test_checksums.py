import numpy as np
import pytest
import torch

from jpegdomain.transform.checksums import checksums

SIZES = [1, 63, 255, 256, 257, 1023, 1024, 1025, 4 * 256 * 3 + 256 + 5, 10_000]


@pytest.mark.parametrize("size", SIZES)
def test_every_byte_and_its_position_matter(size):
    given = np.random.default_rng(size).integers(0, 256, size).astype(np.uint8)
    tensor = torch.from_numpy(given.copy())
    (before,) = checksums([tensor])
    assert (checksums([torch.from_numpy(given.copy())]) == before).all()
    for place in {*range(0, size, max(1, size // 300)), size - 1}:
        tensor.numpy()[place] ^= 1 << (place % 8)
        assert (checksums([tensor])[0] != before).any(), place
        tensor.numpy()[place] = given[place]
    for step in {1, 256, size // 4 // 256 * 256} - {0}:
        moved = torch.from_numpy(np.roll(given, step))
        if not np.array_equal(moved.numpy(), given):
            assert (checksums([moved])[0] != before).any(), step


def test_each_tensor_has_its_own_row():
    tensors = [torch.randn(7, 5), torch.zeros(0), torch.randn(3, 4, 5, 6).contiguous(memory_format=torch.channels_last)]
    together = checksums(tensors)
    assert all((checksums([tensor])[0] == row).all() for tensor, row in zip(tensors, together, strict=True))
    assert not together[1].any()

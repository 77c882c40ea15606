"""In the workers of a data loader, however they are started."""

import numpy as np
import pytest
import torch

from jpegdomain.codec import read_jpeg
from jpegdomain.data import collate

from .oracle import jpeg, noise


class Files(torch.utils.data.Dataset):
    def __init__(self, count):
        self.files = [jpeg(noise(24, 40, seed=i), progressive=i % 3 == 2) for i in range(count)]

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return read_jpeg(self.files[index])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_workers_read(start):
    if start not in torch.multiprocessing.get_all_start_methods():
        pytest.skip(f"no {start} here")
    files = Files(12)
    # The parent has read before it forks.
    expected = [files[i] for i in range(12)]
    loader = torch.utils.data.DataLoader(
        files, batch_size=4, num_workers=1, collate_fn=list, multiprocessing_context=start
    )
    images = [image for batch in loader for image in batch]
    assert len(images) == 12
    for image, other in zip(images, expected, strict=True):
        for one, two in zip(image.components, other.components, strict=True):
            np.testing.assert_array_equal(one.coefficients, two.coefficients)
            assert not one.coefficients.flags.writeable
    assert len(collate(images)) == 12

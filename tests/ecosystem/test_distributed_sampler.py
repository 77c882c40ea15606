"""Processes that train together: each reads its part, with torch's loader and with ours."""

import torch
from torch.utils.data import DataLoader, DistributedSampler

import jpegdomain as jd
from jpegdomain import preprocess as pp
from tests.data.conftest import files

CROPS = pp.Compose([pp.Resize(20), pp.CenterCrop(16)])


def test_each_process_has_its_part():
    data = jd.JpegDataset(files(10), preprocess=CROPS)
    for make in (
        lambda sampler: jd.loader(data, 3, sampler=sampler),
        lambda sampler: jd.loader(data, 3, sampler=sampler, collate_fn=jd.PixelCollate()),
        lambda sampler: DataLoader(data, 3, sampler=sampler, collate_fn=jd.Collate()),
        lambda sampler: DataLoader(data, 3, sampler=sampler, collate_fn=jd.PixelCollate(), num_workers=1),
    ):
        seen = []
        for rank in range(2):
            sampler = DistributedSampler(data, 2, rank, shuffle=True, seed=3)
            loader = make(sampler)
            assert loader.sampler is sampler
            epochs = []
            for epoch in range(2):
                sampler.set_epoch(epoch)
                epochs.append(torch.cat([labels for _, labels in loader]).tolist())
                assert epochs[-1] == list(sampler)
            assert epochs[0] != epochs[1]
            seen += epochs[0]
        assert sorted(seen) == list(range(10))


def test_batches_of_a_batch_sampler():
    data = jd.JpegDataset(files(6), preprocess=CROPS)
    loader = jd.data.Loader(data, collate_fn=jd.Collate(), batch_sampler=[[3, 1], [2]])
    assert [labels.tolist() for _, labels in loader] == [[3, 1], [2]]
    assert len(loader) == 2
    assert "2 batches, threads=1" in repr(loader)

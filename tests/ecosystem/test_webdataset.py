"""Tar streams of webdataset: bytes, in its order and with its shuffling."""

import io
import tarfile

import pytest
import torch
from torch.utils.data import DataLoader

import jpegdomain as jd
from jpegdomain import preprocess as pp
from tests.data.conftest import files

webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")

pytestmark = pytest.mark.filterwarnings("ignore")
CROPS = pp.Compose([pp.Resize(20), pp.CenterCrop(16)])


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "shard-000000.tar"
    with tarfile.open(path, "w") as tar:
        for number, data in enumerate(files(6)):
            for name, content in ((f"{number:04}.jpg", data), (f"{number:04}.cls", str(number).encode())):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return str(path)


def numbered(pair):
    """The class as a number."""
    return pair[0], int(pair[1])


@pytest.mark.parametrize("workers", [0, 1])
def test_tuples_and_dicts(shard, workers):
    expected = jd.read_pixels(files(6), preprocess=CROPS)
    stream = webdataset.WebDataset(shard, shardshuffle=False)
    pairs = (
        stream.to_tuple("jpg", "cls").map_tuple(None, int)
        if False
        else stream.to_tuple("jpg", "cls").map(lambda pair: (pair[0], int(pair[1])))
    )
    if workers and torch.multiprocessing.get_start_method(allow_none=True) == "spawn":
        pytest.skip("a lambda is not sent to a spawned worker")
    parts = list(DataLoader(pairs, 4, collate_fn=jd.PixelCollate(CROPS), num_workers=workers))
    assert torch.equal(torch.cat([pixels for pixels, _ in parts]), expected)
    assert torch.cat([labels for _, labels in parts]).tolist() == list(range(6))
    dicts = webdataset.WebDataset(shard, shardshuffle=False)
    collate = jd.PixelCollate(CROPS, image="jpg", label="cls")
    parts = list(DataLoader(dicts, 3, collate_fn=collate, num_workers=workers))
    assert torch.equal(torch.cat([part["pixel_values"] for part in parts]), expected)
    assert [int(label) for part in parts for label in part["labels"]] == list(range(6))


def test_webdataset_works_with_our_threads(shard):
    pairs = webdataset.WebDataset(shard, shardshuffle=False).to_tuple("jpg", "cls")
    parts = list(jd.loader(pairs, 4, preprocess=CROPS, threads=2))
    assert [len(batch) for batch, _ in parts] == [4, 2]
    assert torch.equal(
        torch.cat([jd.decode_rgb(batch) for batch, _ in parts]),
        jd.decode_rgb(jd.collate([jd.read_jpeg(one) for one in files(6)], preprocess=CROPS)),
    )

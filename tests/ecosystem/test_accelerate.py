"""accelerate shards `jpegdomain.loader` between processes, and sends its batches."""

import pytest

import jpegdomain as jd
from jpegdomain import preprocess as pp
from tests.data.conftest import files

accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed")

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("pixels", [False, True])
def test_two_processes_see_different_files(pixels):
    from accelerate.data_loader import prepare_data_loader

    data = jd.JpegDataset(files(8), preprocess=pp.Compose([pp.Resize(20), pp.CenterCrop(16)]))
    loader = jd.loader(data, 2, collate_fn=jd.PixelCollate() if pixels else jd.Collate())
    seen = []
    for process in range(2):
        own = prepare_data_loader(loader, num_processes=2, process_index=process)
        seen += [label for _, labels in own for label in labels.tolist()]
    assert sorted(seen) == list(range(8))


def test_one_process():
    accelerator = accelerate.Accelerator(cpu=True)
    data = jd.JpegDataset(files(8), preprocess=pp.Compose([pp.Resize(20), pp.CenterCrop(16)]))
    loader = accelerator.prepare(jd.loader(data, 3))
    assert [len(batch) for batch, _ in loader] == [3, 3, 2]

"""Lightning trains from `jpegdomain.loader` and from torch's loader with our collates."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, RandomSampler

import jpegdomain as jd
from jpegdomain import preprocess as pp
from tests.data.conftest import files

lightning = pytest.importorskip("lightning", reason="lightning is not installed")

pytestmark = pytest.mark.filterwarnings("ignore")
CROPS = pp.Compose([pp.Resize(20), pp.CenterCrop(16)])


class Network(lightning.LightningModule):
    def __init__(self, converts):
        super().__init__()
        spatial = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
        self.network = jd.convert(spatial) if converts else spatial
        self.seen = []

    def training_step(self, batch, _):
        images, labels = batch
        self.seen += labels.tolist()
        return nn.functional.cross_entropy(self.network(images), labels % 3)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def loaders():
    data = jd.JpegDataset(files(10), preprocess=CROPS)
    yield jd.loader(data, 4, shuffle=True), True
    yield jd.loader(data, 4, collate_fn=jd.PixelCollate(), threads=0), False
    yield DataLoader(data, 4, collate_fn=jd.Collate()), True
    yield DataLoader(data, 4, collate_fn=jd.PixelCollate()), False


def trainer(**settings):
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return lightning.Trainer(accelerator="cpu", max_epochs=2, **quiet, **settings)


def test_training():
    for loader, converts in loaders():
        network = Network(converts)
        before = [parameter.clone() for parameter in network.parameters()]
        trainer().fit(network, loader)
        assert sorted(network.seen) == sorted([*range(10)] * 2)
        assert any(not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def test_the_loader_is_made_anew_with_a_distributed_sampler():
    from lightning.pytorch.utilities.data import _update_dataloader

    for loader, _ in loaders():
        sampler = DistributedSampler(loader.dataset, 2, 1, shuffle=isinstance(loader.sampler, RandomSampler))
        made = _update_dataloader(loader, sampler)
        assert type(made) is type(loader)
        labels = torch.cat([labels for _, labels in made]).tolist()
        assert len(labels) == 5
        assert labels == list(sampler)
        (images, _), *_ = made
        assert (images.extent if isinstance(images, jd.JpegBatch) else images.shape[2:]) == (16, 16)

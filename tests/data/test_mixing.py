"""`MixUp` and `CutMix` against torchvision's on the decoded pixels, drawn alike."""

import pickle

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.transforms import v2

import jpegdomain as jd
from jpegdomain import preprocess as ours
from jpegdomain.data import CutMix, MixUp
from jpegdomain.decoding import Entry
from jpegdomain.errors import InputError

from ..codec.oracle import jpeg, noise

SIZES = [(61, 83), (90, 47), (48, 48), (30, 200), (33, 35)]
LABELS = torch.tensor([3, 0, 1, 4, 4])
KINDS = {
    "mixup": (MixUp, v2.MixUp),
    "cutmix": (CutMix, v2.CutMix),
}


@pytest.fixture(scope="module")
def images():
    return [jd.read_jpeg(jpeg(noise(*size, seed=i), subsampling=i % 3)) for i, size in enumerate(SIZES)]


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
@pytest.mark.parametrize("kind", KINDS)
def test_as_torchvision(images, kind, alpha):
    mine, theirs = (make(alpha=alpha, num_classes=6) for make in KINDS[kind])
    batch = jd.collate(images, preprocess=ours.Resize((29, 37)), dtype=torch.float64)
    pixels = Entry(3, domain="pixels")(batch)
    plain = pixels.clone()
    for seed in range(4):
        torch.manual_seed(seed)
        expected, labels = theirs(pixels, LABELS)
        torch.manual_seed(seed)
        mixed, mixed_labels = mine(batch, LABELS)
        torch.testing.assert_close(mixed_labels, labels, rtol=0, atol=1e-6)
        again, _ = mine(batch, LABELS, torch.Generator().manual_seed(seed))
        for entered in (mixed, again, mixed.as_tensors(), pickle.loads(pickle.dumps(mixed)), mixed.to(torch.float64)):
            torch.testing.assert_close(Entry(3, domain="pixels")(entered), expected, rtol=0, atol=1e-7)
            torch.testing.assert_close(jd.decode(Entry(3)(entered)), expected, rtol=0, atol=1e-7)
        single = mixed.to(torch.float32)
        torch.testing.assert_close(Entry(3, domain="pixels")(single), expected.float(), rtol=0, atol=2e-5)
        torch.testing.assert_close(jd.decode(Entry(3)(single)), expected.float(), rtol=0, atol=2e-5)
    assert torch.equal(Entry(3, domain="pixels")(batch), plain)


@pytest.mark.parametrize("kind", KINDS)
def test_converted_networks_take_mixed_batches(images, kind):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(6)).double().eval()
    model(torch.zeros(1, 3, 24, 24, dtype=torch.float64))
    preprocess = ours.Resize((24, 24))
    for plan in ("transform", "fused"):
        converted = jd.convert(model, preprocess=preprocess, plan=plan)
        batch = jd.collate(images, preprocess=preprocess, dtype=torch.float64)
        mixed, labels = KINDS[kind][0](num_classes=6)(batch, LABELS)
        assert labels.shape == (5, 6)
        with torch.no_grad():
            expected = model(Entry(3, domain="pixels")(mixed))
            torch.testing.assert_close(converted(mixed), expected, rtol=0, atol=1e-9)
        assert jd.verify(model, converted, mixed).passes(1e-9)


def test_one_after_another_and_labels_that_are_probabilities(images):
    batch = jd.collate(images, preprocess=ours.Resize((24, 24)), dtype=torch.float64)
    pixels, labels = jd.decode_rgb(batch), torch.eye(5)
    torch.manual_seed(1)
    expected = v2.CutMix()(*v2.MixUp()(pixels, labels))
    torch.manual_seed(1)
    mixed, mixed_labels = CutMix()(*MixUp()(batch, labels))
    torch.testing.assert_close(jd.decode_rgb(mixed), expected[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(mixed_labels, expected[1], rtol=0, atol=1e-6)


def mixing(items):
    return MixUp(alpha=2.0, num_classes=5)(*jd.Collate(ours.Resize((20, 20)))(items))


def test_in_workers(images):
    loader = DataLoader(
        list(zip(images, LABELS, strict=True)), 5, collate_fn=mixing, num_workers=1, multiprocessing_context="fork"
    )
    ((batch, labels),) = loader
    (mixture,) = batch.mixtures
    plain = jd.decode_rgb(jd.collate(images, preprocess=ours.Resize((20, 20))))
    expected = mixture.share * plain + (1 - mixture.share) * plain.roll(1, 0)
    torch.testing.assert_close(jd.decode_rgb(batch), expected, rtol=0, atol=1e-3)
    assert labels.shape == (5, 5)


def test_impossible_arguments_are_refused(images):
    batch = jd.collate(images, preprocess=ours.Resize((24, 24)))
    for make, message in (
        (lambda: MixUp(alpha=0), "alpha must be a positive number"),
        (lambda: MixUp()(batch, LABELS), "num_classes must be given"),
        (lambda: MixUp(num_classes=5)(batch, LABELS[:3]), "one for each of 5 images"),
        (lambda: MixUp(num_classes=4)(batch, torch.eye(5)), "probabilities of 5 classes"),
        (lambda: CutMix(num_classes=5)(torch.zeros(5, 3, 8, 8), LABELS), "CutMix takes a JpegBatch.*v2.CutMix"),
    ):
        with pytest.raises(InputError, match=message):
            make()

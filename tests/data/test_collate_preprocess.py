"""``collate`` with a preprocess: what it takes, what it refuses, and how such batches are moved."""

import pickle

import pytest
import torch
from torch.utils.data import DataLoader
from torchvision.transforms import v2

import jpegdomain as jd
from jpegdomain import preprocess as ours
from jpegdomain.errors import ExtentMismatchError, InputError

from ..codec.oracle import jpeg, noise

TRAINING = ours.Compose([ours.RandomResizedCrop(24), ours.RandomHorizontalFlip()])


@pytest.fixture(scope="module")
def images():
    sizes = [(61, 83), (90, 47), (61, 83), (30, 200)]
    return [jd.read_jpeg(jpeg(noise(*size, 1 + 2 * (i % 2), seed=i))) for i, size in enumerate(sizes)]


def test_only_int16_coefficients_are_moved(images):
    batch = jd.collate(images, preprocess=ours.Resize((24, 24)))
    assert batch.quantised.dtype == torch.int16
    blocks = sum(plane.quantised.numel() for group in batch.groups for plane in group.planes)
    assert batch.quantised.numel() == blocks
    memory = batch.quantised.untyped_storage().data_ptr()
    for group in batch.groups:
        for plane in group.planes:
            assert plane.quantised.untyped_storage().data_ptr() == memory


def test_dtype_and_device_change_late(images):
    batch = jd.collate(images, preprocess=ours.Resize((24, 24)))
    double = batch.to(torch.float64)
    assert (double.dtype, batch.dtype) == (torch.float64, torch.float32)
    # Nothing was rounded to float32 on the way.
    expected = jd.decode_rgb(jd.collate(images, preprocess=ours.Resize((24, 24)), dtype=torch.float64))
    assert torch.equal(jd.decode_rgb(double), expected)
    meta = batch.to("meta")
    assert meta.device.type == meta.groups[0].planes[0].maps[0].weights.device.type == "meta"


@pytest.mark.parametrize("preprocess", [ours.Resize((24, 24)), ours.Pad(3, fill=9), TRAINING], ids=repr)
def test_batches_survive_a_pickle(images, preprocess):
    torch.manual_seed(0)
    batch = jd.collate(images[:1], preprocess=preprocess, dtype=torch.float64)
    again = pickle.loads(pickle.dumps(batch))
    assert again.preprocessed
    torch.testing.assert_close(jd.decode_rgb(again), jd.decode_rgb(batch), rtol=0, atol=1e-9)


def together(images):
    return jd.collate(images, preprocess=TRAINING, orient=True)


def test_a_data_loaders_workers_preprocess_images(images):
    loader = DataLoader(images, batch_size=4, num_workers=1, collate_fn=together, generator=torch.Generator())
    (batch,) = loader
    assert (len(batch), batch.extent) == (4, (24, 24))
    assert jd.decode_rgb(batch).isfinite().all()


def test_draws_come_from_the_generator(images):
    one, two, three = (
        jd.decode_rgb(jd.collate(images, preprocess=TRAINING, generator=torch.Generator().manual_seed(seed)))
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, three)


def test_a_users_own_transform_can_be_the_preprocess(images):
    class Half(ours.Transform):
        """The left half, then 24 by 24."""

        def place(self, placement, generator=None):
            return placement.crop(0, 0, placement.extent.height, placement.extent.width // 2).resize(24, 24)

    result = jd.decode_rgb(jd.collate(images, preprocess=Half(), dtype=torch.float64))
    for position, image in enumerate(images):
        levels = jd.decode_rgb(jd.collate([image], dtype=torch.float64))[0]
        expected = v2.functional.resize(levels[:, :, : image.extent.width // 2], [24, 24])
        torch.testing.assert_close(result[position], expected, rtol=0, atol=1e-9)


def test_refusals(images):
    with pytest.raises(
        ExtentMismatchError, match=r"3 sizes after the preprocess \(24×160, 24×32, 45×24\): end it with CenterCrop"
    ):
        jd.collate(images, preprocess=ours.Resize(24))
    with pytest.raises(InputError, match="GaussianBlur cannot be read"):
        jd.collate(images, preprocess=v2.GaussianBlur(3))
    with pytest.raises(ExtentMismatchError, match="give collate a preprocess"):
        jd.collate(images)
    batch = jd.collate(images, preprocess=ours.Resize((24, 24)))
    with pytest.raises(InputError, match="images are preprocessed"):
        _ = batch.groups[1].planes[0].coefficients


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (ours.RandomCrop(70), "RandomCrop to 70×70 needs"),
        (ours.Pad(80, padding_mode="reflect"), "'reflect' cannot pad"),
        (ours.Resize(None, max_size=3), "cannot be resized to 0"),
        (ours.Pad(-80), "none empty"),
    ],
    ids=repr,
)
def test_what_cannot_be_done_names_the_file(step, reason, tmp_path):
    path = tmp_path / "long.jpg"
    path.write_bytes(jpeg(noise(61, 483)))
    with pytest.raises(ExtentMismatchError, match=rf"long\.jpg, 61×483: .*{reason}"):
        jd.collate([jd.read_jpeg(path)], preprocess=step)


def test_reprs_show_the_contents(images):
    batch = jd.collate(images, preprocess=ours.Resize((24, 24)))
    assert repr(batch) == "JpegBatch(4 images, 24×24, torch.float32, device='cpu', preprocessed)"
    assert repr(batch.groups[0].planes[0]) == "Plane(2 × 61×83, keep=8, upsampling=(1, 1), preprocessed)"
    assert repr(batch.groups[0].planes[0].maps[0]) == "BandedMatrices(2 images → 24, taps=6)"

"""Pixels of many files at once equal those of each file alone, whatever the other files, whichever thread decodes."""

import io
import random
import threading

import numpy as np
import pytest
import torch
from PIL import Image

import jpegdomain as jd
from jpegdomain import preprocess as pp
from jpegdomain.codec.images import Images
from jpegdomain.data.batch import JpegBatch
from jpegdomain.decoding import works
from jpegdomain.errors import DamagedJpegError, ExtentMismatchError, InputError, LeftOutWarning
from tests.codec.exif import oriented
from tests.codec.oracle import FIXTURES, jpeg, noise

RESIZED = pp.Compose([pp.Resize(24), pp.CenterCrop((20, 22))])
RANDOM = pp.Compose([pp.RandomResizedCrop(24), pp.RandomHorizontalFlip()])
TURNED = pp.Compose([pp.Rotate90(), pp.Resize(24), pp.CenterCrop((20, 22))])
MEAN = pp.Compose([pp.Resize(24), pp.CenterCrop((20, 22)), pp.ColorJitter(contrast=(0.5, 0.5))])


# Of many kinds, each several times, in any order: sizes, samplings, progressive, inks, upright and not, one that is
# read with a warning, and one so large that it is rendered alone.
KINDS = [
    lambda seed: jpeg(noise(40, 56, seed=seed)),
    lambda seed: jpeg(noise(40, 56, seed=seed), subsampling="4:4:4"),
    lambda seed: jpeg(noise(56, 40, seed=seed), progressive=True),
    lambda seed: jpeg(noise(37, 45, 1, seed=seed)),
    lambda seed: oriented(jpeg(noise(40, 56, seed=seed)), 6),
    lambda seed: jpeg(noise(33, 31, seed=seed))[:-2],
    lambda seed: jpeg(noise(300, 280, seed=seed), quality=90),
    lambda seed: (FIXTURES / "rare" / "cmyk.jpg").read_bytes(),
]
FILES = [KINDS[number % len(KINDS)](number) for number in range(32)]
random.Random(1).shuffle(FILES)
EVEN = [jpeg(noise(32, 32, seed=seed)) for seed in range(200)]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("preprocess", [RESIZED, TURNED, MEAN], ids=["resized", "turned", "mean"])
def test_every_file_has_the_pixels_that_it_has_alone(preprocess, threads, monkeypatch):
    monkeypatch.setattr(works, "_WORTH_A_THREAD", 1)
    alone = torch.cat([jd.read_pixels([data], preprocess=preprocess) for data in FILES])
    assert torch.equal(jd.read_pixels(FILES, preprocess=preprocess, threads=threads), alone)
    kept = jd.read_jpegs(FILES, threads=threads)
    # Some have been looked at.
    for image in kept[::3]:
        _ = image.components
    records = [jd.read_jpeg(data) for data in FILES]
    mixed = [kept[number] if number % 4 else records[number] for number in range(len(FILES))]
    for images in (kept, records, mixed, kept[::-1][::-1]):
        assert torch.equal(jd.read_pixels(images, preprocess=preprocess), alone)


@pytest.mark.parametrize("threads", [1, 2])
def test_files_of_one_size(threads, monkeypatch):
    monkeypatch.setattr(works, "_WORTH_A_THREAD", 1)
    alone = torch.cat([jd.read_pixels([data]) for data in EVEN])
    assert torch.equal(jd.read_pixels(EVEN, threads=threads), alone)
    last = jd.read_pixels(EVEN, threads=threads, memory_format=torch.channels_last)
    assert torch.equal(last, alone)


def test_upright_images_can_be_beside_others():
    data = [oriented(jpeg(noise(40, 56, seed=n)), own) for n, own in enumerate((1, 6, 3, 1, 8, 5, 6, 2))]
    alone = torch.cat([jd.read_pixels([one], preprocess=RESIZED, orient=True) for one in data])
    assert torch.equal(jd.read_pixels(data, preprocess=RESIZED, orient=True), alone)
    assert not torch.equal(jd.read_pixels(data, preprocess=RESIZED), alone)


def test_random_numbers_are_drawn_image_by_image():
    def drawn(images):
        return jd.read_pixels(images, preprocess=RANDOM, generator=torch.Generator().manual_seed(3))

    expected = drawn([jd.read_jpeg(data) for data in FILES])
    assert torch.equal(drawn(FILES), expected)
    assert torch.equal(drawn(jd.read_jpegs(FILES, threads=2)), expected)


def test_a_batch_sent_to_another_process_is_the_same():
    batch = jd.collate(jd.read_jpegs(FILES), preprocess=RESIZED)
    assert isinstance(batch, JpegBatch)
    tensors = jd.collate([jd.read_jpeg(data) for data in FILES], preprocess=RESIZED).as_tensors()
    assert torch.equal(batch.as_tensors().quantised, tensors.quantised)
    assert torch.equal(batch.as_tensors().steps, tensors.steps)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_broken_file_is_named_and_does_not_affect_others(threads):
    broken = EVEN[7][:-30] + b"\xff\xd9"
    data = [*EVEN[:50], broken, *EVEN[50:]]
    with pytest.raises(DamagedJpegError, match=r"sources\[50\]"):
        jd.read_pixels(data, threads=threads)
    collate = jd.PixelCollate(on_error="skip")
    with pytest.warns(LeftOutWarning, match="item 50 of the batch"):
        pixels = collate(data)
    assert torch.equal(pixels, jd.read_pixels(EVEN))
    with pytest.raises(ExtentMismatchError, match=r"40×56|56×40"):
        jd.read_pixels([*EVEN, FILES[0], FILES[1]], threads=threads)
    with pytest.raises(InputError, match="read with keep=2"):
        jd.read_pixels(jd.read_jpegs(EVEN, keep=2))


def test_kinds_are_found_in_order_of_their_first_images():
    images = Images.of(jd.read_jpegs(FILES))
    for orient in (False, True):
        kinds = images.kinds(orient=orient)
        assert sorted(position for kind in kinds for position in kind.positions) == list(range(len(FILES)))
        firsts = [min(kind.positions) for kind in kinds]
        assert firsts == sorted(firsts)
        for kind in kinds:
            assert len(kind) == len(kind.positions)
            first = kind.first
            for image in (images[position] for position in kind.positions):
                assert (image.extent, image.color, image.sampling) == (first.extent, first.color, first.sampling)
                assert image.orientation == first.orientation or not orient


def test_pixels_do_not_change_when_others_are_made():
    """Memory is reused, but not while anything of a batch exists."""
    batches = [EVEN[:90], EVEN[90:180], EVEN[45:135]]
    expected = [jd.read_pixels(batch).clone() for batch in batches]
    kept = []
    for turn in range(12):
        pixels = jd.read_pixels(batches[turn % 3], threads=1 + turn % 2)
        # A view of a batch, an array, the storage.
        kept.append((turn, [pixels[7], pixels[7].numpy(), torch.Tensor(pixels.untyped_storage())][turn % 3]))
        del pixels
    for turn, part in kept:
        own = expected[turn % 3]
        assert torch.equal(torch.as_tensor(part).flatten(), (own if turn % 3 == 2 else own[7]).flatten())


def test_batches_are_made_side_by_side():
    """Threads that share memory, scratch and what is prepared: a loader's."""
    expected = [jd.read_pixels(EVEN[:100]), jd.read_pixels(FILES, preprocess=RESIZED)]
    wrong = []

    def work(number):
        for _ in range(2):
            given = (EVEN[:100], None) if number % 2 == 0 else (FILES, RESIZED)
            if not torch.equal(jd.read_pixels(given[0], preprocess=given[1], threads=2), expected[number % 2]):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_whole_image_can_be_compared_with_pillow():
    """An oracle without runs of files: it has 8 bits, so some pixels are off by a level."""
    pixels = jd.read_pixels(EVEN[:40], dtype=torch.uint8)
    for data, own in zip(EVEN[:40], pixels, strict=True):
        levels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
        assert np.abs(levels - own.permute(1, 2, 0).numpy()).mean() < 1

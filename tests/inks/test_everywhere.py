"""CMYK and YCCK files through networks, loaders, frequency channels and exported graphs."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from torchvision.transforms import v2

import jpegdomain as jd
from jpegdomain import preprocess as ours
from jpegdomain.frequency import frequency_channels, published

from ..codec.oracle import jpeg, noise
from ..ecosystem.nets import close, from_torch_2_7, net
from ..frequency.naive import channels_of_pixels
from ..preprocess.pictures import picture
from .made import IDS, KINDS, cmyk_file, naive_rgb
from .made import ycck_file as ycck

SIZE = (37, 45)
PREPROCESS = ours.Compose([ours.Resize(30), ours.CenterCrop(28)])
MEAN = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64).view(3, 1, 1)


def files(sizes=(SIZE,)):
    """Return files; every second one has four components."""
    makers = [cmyk_file, lambda size, seed: jpeg(noise(*size, seed=seed), subsampling="4:2:0"), ycck]
    makers.append(lambda size, seed: jpeg(noise(*size, 1, seed=seed)))
    return [makers[i % 4](sizes[i % len(sizes)], i) for i in range(6)]


def float_rgb(image):
    if len(image.components) == 4:
        return naive_rgb(image)
    return jd.decode_rgb(jd.collate([image], dtype=torch.float64))[0]


def normalised(images, transform=None):
    pixels = [float_rgb(image) for image in images]
    return torch.stack([(one if transform is None else transform(one)) for one in pixels]).div(255).sub(MEAN).div(STD)


@pytest.mark.parametrize("plan", ["transform", "fused"])
@pytest.mark.parametrize("placed", [False, True])
def test_converted_models_are_exact_on_mixed_batches(plan, placed):
    model = net()
    converted = jd.convert(model, plan=plan)
    images = [jd.read_jpeg(data) for data in files()]
    preprocess = PREPROCESS if placed else None
    theirs = v2.Compose([v2.Resize(30), v2.CenterCrop(28)]) if placed else None
    batch = jd.collate(images, preprocess=preprocess, dtype=torch.float64)
    expected = model(normalised(images, theirs))
    for given in (batch, batch.as_tensors()):
        assert close(converted(given), expected)
    assert jd.verify(model, converted, batch).passes()
    assert jd.verify(net(torch.float32), jd.convert(net(torch.float32), plan=plan), batch.to(torch.float32)).passes()


@pytest.fixture
def folder(tmp_path):
    for number, data in enumerate(files([SIZE, (64, 50), (29, 90)])):
        place = tmp_path / "ab"[number % 2]
        place.mkdir(exist_ok=True)
        (place / f"{number}.jpg").write_bytes(data)
    return tmp_path


def loaded(folder, low=False):
    preprocess = ours.Compose(PREPROCESS.transforms, low_frequencies=low)
    data = jd.JpegFolder(folder, preprocess=preprocess)
    theirs = v2.Compose([v2.Resize(30), v2.CenterCrop(28)])
    return data, torch.stack([theirs(float_rgb(jd.read_jpeg(path))) for path, _ in data.samples])


@pytest.mark.parametrize("threads", [0, 2])
def test_loaders_take_them(folder, threads):
    data, expected = loaded(folder)
    batches = [batch for batch, _ in jd.loader(data, 4, threads=threads, dtype=torch.float64)]
    torch.testing.assert_close(torch.cat([jd.decode_rgb(batch) for batch in batches]), expected, rtol=0, atol=1e-9)


def test_torchs_own_loader_takes_them(folder):
    data, expected = loaded(folder)
    batches = DataLoader(data, 4, num_workers=1, collate_fn=jd.Collate(PREPROCESS, torch.float64))
    pixels = torch.cat([jd.decode_rgb(batch) for batch, _ in batches])
    torch.testing.assert_close(pixels, expected, rtol=0, atol=1e-9)


def test_data_sets_read_all_their_frequencies(folder):
    (folder / "a" / "large.jpg").write_bytes(jpeg(noise(300, 400), subsampling="4:2:0"))
    (folder / "a" / "large-cmyk.jpg").write_bytes(cmyk_file((300, 400)))
    data, expected = loaded(folder, low=True)
    ((batch, _),) = jd.loader(data, len(data), dtype=torch.float64)
    kept = {image.source.rsplit("/", 1)[1]: image.keep for image in batch.records.images}
    assert kept["large.jpg"] < kept["large-cmyk.jpg"] == 8
    inks = [number for number, image in enumerate(batch.records.images) if len(image.components) == 4]
    torch.testing.assert_close(jd.decode_rgb(batch)[inks], expected[inks], rtol=0, atol=1e-9)


@pytest.mark.parametrize("chroma", ["exact", "nearest"])
@pytest.mark.parametrize("kind", KINDS, ids=IDS)
def test_frequency_channels_are_those_of_their_rgb(kind, chroma):
    color, factors = kind
    images = [picture(factors, SIZE, 1, color=color), picture("4:4:4", SIZE, 2), picture(factors, SIZE, 3, color=color)]
    expected = np.stack([channels_of_pixels(naive_rgb(image).numpy()) for image in images[::2]])
    channels = frequency_channels(jd.collate(images, dtype=torch.float64), chroma=chroma)
    np.testing.assert_allclose(channels[::2].numpy(), expected, atol=1e-9)
    half = frequency_channels(jd.collate(images, dtype=torch.float16), chroma=chroma)
    np.testing.assert_allclose(half[::2].numpy(), expected, atol=1e-2 + 1e-3 * np.abs(expected).max())
    selection = published("24S")
    some = frequency_channels(jd.collate(images), selection, chroma=chroma)[::2].numpy()
    np.testing.assert_allclose(some, expected[:, list(selection.indices)], atol=0.05)


def test_frequency_channels_of_preprocessed_cmyk_files():
    images = [jd.read_jpeg(data) for data in files()]
    theirs = v2.Compose([v2.Resize(30), v2.CenterCrop(28)])
    expected = channels_of_pixels(torch.stack([theirs(float_rgb(image)) for image in images]).numpy())
    channels = frequency_channels(jd.collate(images, preprocess=PREPROCESS, dtype=torch.float64))
    np.testing.assert_allclose(channels.numpy(), expected, atol=1e-9)


@from_torch_2_7
@pytest.mark.parametrize("make", [cmyk_file, ycck], ids=["cmyk", "ycck"])
def test_exported_graphs_hold_the_product(make):
    model = net()
    images = [jd.read_jpeg(make(SIZE, seed)) for seed in range(3)]
    module = jd.exportable(jd.convert(model, plan="fused"), images[0])
    inputs = module.inputs(images)
    expected = model(normalised(images))
    assert close(module(*inputs), expected)
    with torch.no_grad():
        program = torch.export.export(module, module.example_inputs(), dynamic_shapes=module.dynamic_shapes)
    assert close(program.module()(*inputs), expected)


@pytest.mark.parametrize("tensors", [False, pytest.param(True, marks=from_torch_2_7)])
def test_compiled_models_take_them(tensors):
    torch.compiler.reset()
    model = net()
    batch = jd.collate([jd.read_jpeg(ycck(SIZE, seed)) for seed in range(2)], dtype=torch.float64)
    converted = torch.compile(jd.convert(model, plan="fused"), backend="eager", fullgraph=tensors)
    assert close(converted(batch.as_tensors() if tensors else batch), model(normalised(batch.records.images)))

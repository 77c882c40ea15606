"""A preprocess is not lost: wherever it is given, it is applied, or its absence is an error."""

import pickle

import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Subset
from torchvision.transforms import v2

import jpegdomain as jd
from jpegdomain import preprocess as ours
from jpegdomain.errors import InputError
from tests.codec.exif import oriented
from tests.data.conftest import files
from tests.ecosystem.nets import from_torch_2_7

PIPELINE = v2.Compose(
    [v2.Resize(20), v2.CenterCrop(16), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.25] * 3)]
)
GEOMETRY = ours.Compose([ours.Resize(20), ours.CenterCrop(16)])


def model():
    torch.manual_seed(0)
    head = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 5)]
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), *head).eval()


@pytest.fixture
def records():
    return [jd.read_jpeg(data) for data in files(5)]


@pytest.mark.parametrize("given", [PIPELINE, GEOMETRY, ours.recipe_of(PIPELINE)], ids=["pipeline", "ours", "recipe"])
def test_every_place_takes_every_kind(given, records, folder):
    expected = jd.decode_rgb(jd.collate(records, preprocess=GEOMETRY))
    labels = list(range(len(records)))
    assert torch.equal(jd.decode_rgb(jd.collate(records, preprocess=given)), expected)
    collate = jd.Collate(given)
    assert torch.equal(jd.decode_rgb(collate(list(zip(records, labels, strict=True)))[0]), expected)
    data = jd.JpegDataset(files(5), preprocess=given)
    for batches in (
        jd.loader(data, 5),
        jd.loader(jd.JpegDataset(files(5)), 5, preprocess=given),
        jd.loader(Subset(data, range(5)), 5),
        DataLoader(data, 5, collate_fn=jd.Collate()),
        DataLoader(Subset(data, range(5)), 5, collate_fn=jd.Collate()),
        DataLoader(ConcatDataset([Subset(data, [0, 1]), Subset(data, [2, 3, 4])]), 5, collate_fn=jd.Collate()),
        DataLoader(data, 5, collate_fn=jd.Collate(), num_workers=1),
    ):
        ((batch, _),) = batches
        torch.testing.assert_close(jd.decode_rgb(batch), expected, rtol=0, atol=1e-3)
    (batch, _), *_ = DataLoader(jd.JpegFolder(folder, preprocess=given), 4, collate_fn=jd.Collate())
    assert tuple(batch.extent) == (16, 16)


def test_the_preprocess_of_collate_takes_precedence():
    data = jd.JpegDataset(files(5), preprocess=GEOMETRY)
    ((batch, _),) = DataLoader(data, 5, collate_fn=jd.Collate(ours.Resize((8, 9))))
    assert tuple(batch.extent) == (8, 9)


def test_two_preprocesses_in_a_batch_are_refused():
    both = ConcatDataset([jd.JpegDataset(files(2), preprocess=GEOMETRY), jd.JpegDataset(files(2))])
    with pytest.raises(InputError, match="different preprocesses: give Collate"):
        list(DataLoader(both, 4, collate_fn=jd.Collate()))


def test_items_are_still_pairs():
    data = jd.JpegDataset(files(2), preprocess=GEOMETRY)
    image, label = data[1]
    assert isinstance(data[1], tuple)
    assert isinstance(image, jd.JpegImage)
    assert label == 1
    assert pickle.loads(pickle.dumps(data[0])).preprocess == GEOMETRY


@pytest.mark.parametrize("plan", ["transform", "fused"])
def test_a_model_with_a_preprocess_refuses_a_batch_without(plan):
    converted = jd.convert(model(), preprocess=PIPELINE, plan=plan)
    batch = jd.collate([jd.read_jpeg(data) for data in files(2, sizes=((32, 24),))])
    for form in (batch, batch.as_tensors(), pickle.loads(pickle.dumps(batch))):
        with pytest.raises(InputError, match="converted with a preprocess, but the batch was made without one"):
            converted(form)
    # Explicitly without a preprocess.
    asis = jd.collate(list(batch.records.images), preprocess=ours.Compose([]))
    assert converted(asis).shape == (2, 5)


def test_mean_and_std_of_another_pipeline_are_refused(records):
    converted = jd.convert(model(), plan="fused")
    batch = jd.collate(records, preprocess=PIPELINE)
    for form in (batch, batch.as_tensors(), pickle.loads(pickle.dumps(batch)), batch.to(torch.float32)):
        with pytest.raises(InputError, match=r"mean \(0.5, 0.5, 0.5\).*this model's entry by \(0.485"):
            converted(form)
    right = jd.convert(model(), plan="fused", preprocess=PIPELINE)
    with torch.no_grad():
        torch.testing.assert_close(right(batch), right(records))
    assert jd.convert(model(), plan="fused", mean=0.5, std=0.25)(batch).shape == (5, 5)
    # A pipeline that only moves pixels says nothing of their values.
    assert converted(jd.collate(records, preprocess=v2.Resize((16, 16)))).shape == (5, 5)


def test_files_are_turned_upright():
    turned = [jd.read_jpeg(oriented(data, 6)) for data in files(3)]
    network = model()
    for preprocess in (GEOMETRY, PIPELINE):
        converted = jd.convert(network, preprocess=preprocess, orient=True, plan="fused")
        batch = jd.collate(turned, preprocess=preprocess, orient=True)
        with torch.no_grad():
            assert torch.equal(converted(turned), converted(batch))
            assert not torch.equal(converted(turned), converted(jd.collate(turned, preprocess=preprocess)))


@pytest.mark.parametrize("channels", [1, 3])
def test_exported_models_keep_their_preprocess(channels):
    torch.manual_seed(1)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(channels, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    )
    network = network.eval().double()
    steps = [v2.Resize(20), v2.Pad(3, fill=100), v2.RandomHorizontalFlip(1.0), v2.CenterCrop((30, 16))]
    fixed = v2.Compose(
        [*steps[:2], v2.Grayscale(3), steps[3], v2.ToDtype(torch.float64, scale=True), v2.Normalize([0.3], [0.2])]
    )
    same = [jd.read_jpeg(data) for data in files(8, sizes=((37, 53),))]
    for plan in ("transform", "fused"):
        converted = jd.convert(network, preprocess=fixed, plan=plan)
        for image in same[:5]:
            like = [one for one in same if one.color == image.color and one.sampling == image.sampling]
            exported = jd.exportable(converted, image)
            with torch.no_grad():
                expected = converted(like)
                torch.testing.assert_close(exported(*exported.inputs(like)), expected, rtol=0, atol=1e-9)
    with pytest.raises(InputError, match="a random preprocess cannot be exported"):
        jd.exportable(jd.convert(network, preprocess=v2.Compose(steps)), same[0])
    for step in (ours.Rotate90(), ours.Requantize([9] * 64)):
        with pytest.raises(InputError, match="Rotate90 and Requantize cannot be exported"):
            jd.exportable(jd.convert(network, preprocess=step), same[0])


@from_torch_2_7
def test_a_graph_contains_the_preprocess():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()).eval()
    converted = jd.convert(network, preprocess=PIPELINE, plan="fused")
    like = [jd.read_jpeg(data) for data in files(4, sizes=((37, 53),))[::3]]
    exported = jd.exportable(converted, like[0])
    program = torch.export.export(exported, exported.example_inputs(), dynamic_shapes=exported.dynamic_shapes)
    with torch.no_grad():
        expected = converted(like)
        torch.testing.assert_close(program.module()(*exported.inputs(like)), expected, rtol=0, atol=1e-4)

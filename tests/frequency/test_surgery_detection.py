"""Adapting torchvision's detection models: boxes, masks and anchors stay where the RGB network has them."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.models.detection import (
    FasterRCNN,
    MaskRCNN,
    fasterrcnn_mobilenet_v3_large_fpn,
    fasterrcnn_resnet50_fpn_v2,
    maskrcnn_resnet50_fpn,
)
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor

import jpegdomain as jd
from jpegdomain.errors import InputError
from jpegdomain.frequency import ChannelStatistics, FileImage, Frontend, adapt, all_channels, compare, published

CLASSES = 4


def build(kind=MaskRCNN, **settings):
    torch.manual_seed(0)
    backbone = resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=5)
    heads = {"box_head": TwoMLPHead(256 * 7 * 7, 32), "box_predictor": FastRCNNPredictor(32, CLASSES)}
    if kind is MaskRCNN:
        heads |= {"mask_head": MaskRCNNHeads(256, (32,), 1), "mask_predictor": MaskRCNNPredictor(32, 16, CLASSES)}
    return kind(backbone, **({"min_size": 64, "max_size": 96, "box_score_thresh": 0.0} | settings), **heads).eval()


def photo(height, width, subsampling=2, seed=0):
    ramp = np.linspace(0, 200, height * width * 3).reshape(height, width, 3)
    levels = (ramp + np.random.default_rng(seed).integers(0, 55, ramp.shape)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "JPEG", quality=85, subsampling=subsampling)
    return jd.read_jpeg(file.getvalue())


def tensor_of(record, dtype=torch.float32):
    return jd.decode_rgb(jd.collate([record], dtype=dtype))[0] / 255


def target_of(height, width):
    boxes = torch.tensor([[3.0, 5.0, 30.0, 33.0], [20.0, 10.0, width - 2.0, height - 4.0]])
    masks = torch.zeros(2, height, width, dtype=torch.uint8)
    for mask, (left, top, right, bottom) in zip(masks, boxes.int().tolist(), strict=True):
        mask[top:bottom, left:right] = 1
    return {"boxes": boxes, "labels": torch.tensor([1, 3]), "masks": masks}


SIZES = [[(80, 120), (120, 80)], [(50, 37), (333, 100), (64, 64)], [(97, 131)]]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("training", [False, True])
def test_the_frame_is_torchvisions(sizes, training):
    model = build(min_size=(48, 64, 80) if training else 64).train(training)
    adapted = adapt(model, published("24S"))
    images = [torch.rand(3, *size) for size in sizes]
    targets = [target_of(*size) for size in sizes]
    found = []
    for network in (model, adapted):
        # In training the short side is drawn.
        torch.manual_seed(1)
        found.append(network.transform(images, targets))
    (rgb, moved), (channels, ours) = found
    assert channels.image_sizes == rgb.image_sizes
    count, _, height, width = rgb.tensors.shape
    assert channels.tensors.shape == (count, 24, height / 4, width / 4)
    for expected, target in zip(moved, ours, strict=True):
        assert target.keys() == expected.keys()
        assert all(torch.equal(target[name], expected[name]) for name in expected)
    assert torch.equal(targets[0]["boxes"], target_of(*sizes[0])["boxes"])


def test_channels_are_those_of_the_image_at_twice_the_frame():
    """Bilinear resizing, JFIF's luma and the naive DCT, in float64; zeros where images are smaller than the batch."""
    statistics = ChannelStatistics(torch.arange(192.0), 1 + torch.arange(192.0), 1)
    adapted = adapt(build().double(), Frontend(all_channels(), statistics))
    images = [torch.rand(3, 64, 64, dtype=torch.float64), torch.rand(3, 64, 92, dtype=torch.float64)]
    batch, _ = adapted.transform(images)
    assert batch.image_sizes == [(64, 64), (64, 92)]
    assert batch.tensors.shape == (2, 192, 16, 24)
    assert not batch.tensors[0, :, :, 16:].any()
    assert not batch.tensors[1, :, :, 23:].any()
    doubled = nn.functional.interpolate(images[1][None], scale_factor=2, mode="bilinear", align_corners=False)[0]
    luma = torch.einsum("c,chw->hw", torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64), 255 * doubled) - 128
    k = torch.arange(8, dtype=torch.float64)
    basis = torch.cos((2 * k + 1) * k[:, None] * torch.pi / 16) / 2
    basis[0] /= 2**0.5
    block = basis @ luma[40:48, 88:96] @ basis.T
    expected = (block.flatten() - torch.arange(64)) / (1 + torch.arange(64))
    torch.testing.assert_close(batch.tensors[1, :64, 5, 11], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize("flipped", [False, True])
def test_a_file_gives_the_channels_of_its_decoding(subsampling, flipped):
    record = photo(70, 101, subsampling)
    image = tensor_of(record, torch.float64)
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 2e-2)):
        adapted = adapt(build().to(dtype), published("64S"))
        ours, _ = adapted.transform([FileImage(record, flipped)])
        pixels, _ = adapted.transform([image.flip(-1).to(dtype) if flipped else image.to(dtype)])
        assert ours.image_sizes == pixels.image_sizes == [(64, 92)]
        torch.testing.assert_close(ours.tensors, pixels.tensors, rtol=1e-5, atol=tolerance)


@pytest.mark.parametrize("size", [(64, 96), (97, 131)])
def test_anchors_and_feature_maps_are_the_rgb_networks(size):
    model = build()
    adapted = adapt(model, published("24S"))
    found = []
    for network in (model, adapted):
        images, _ = network.transform([torch.rand(3, *size), torch.rand(3, size[1], size[0])])
        maps = network.backbone(images.tensors)
        found.append((network.rpn.anchor_generator(images, list(maps.values())), [x.shape for x in maps.values()]))
    (expected, shapes), (anchors, ours) = found
    assert ours == shapes
    assert all(torch.equal(one, other) for one, other in zip(anchors, expected, strict=True))
    assert adapted.rpn.anchor_generator.num_anchors_per_location() == [3, 3, 3, 3, 3]


class Stem(nn.Module):
    """Replaces the frontend: returns what the RGB network's stem computes from the same images, one by one."""

    def __init__(self, model, images):
        super().__init__()
        body = model.backbone.body
        self.register_buffer("mean", torch.zeros(1, dtype=torch.float64))
        self.maps = []
        for image in images:
            frame, _ = model.transform.resize(model.transform.normalize(image))
            self.maps.append(body.maxpool(body.relu(body.bn1(body.conv1(frame[None])))).detach())

    def forward(self, x):
        result = self.maps.pop(0)
        assert result.shape[-2:] == (x.shape[-2] // 8, x.shape[-1] // 8)
        return result


@pytest.mark.parametrize("kind", [MaskRCNN, FasterRCNN])
def test_with_the_stems_feature_maps_the_model_is_the_rgb_model(kind):
    """Losses, boxes and masks in the images' own pixels, bit for bit: nothing else has changed."""
    model = build(kind).double()
    images = [torch.rand(3, 128, 192, dtype=torch.float64), torch.rand(3, 96, 144, dtype=torch.float64)]
    targets = [target_of(*image.shape[-2:]) for image in images]
    for target in targets:
        target["boxes"] = target["boxes"].double()
    # As many channels as the stem has outputs: all weights are carried over.
    adapted = adapt(model, published("64S"))
    assert not [key for key in compare(model, adapted, 64).fresh if not key.startswith("transform.frontend")]
    for network in (model, adapted):
        network.train()
    found = []
    for network in (model, adapted):
        adapted.transform.frontend = Stem(model, images)
        torch.manual_seed(2)
        found.append(network(images, targets))
    assert found[0].keys() == found[1].keys()
    for name, loss in found[0].items():
        torch.testing.assert_close(found[1][name], loss, rtol=1e-10, atol=1e-12)
    model.eval(), adapted.eval()
    adapted.transform.frontend = Stem(model, images)
    with torch.no_grad():
        expected, ours = model(images), adapted(images)
    for one, other in zip(ours, expected, strict=True):
        assert len(other["boxes"]) > 0
        for name in other:
            torch.testing.assert_close(one[name], other[name], rtol=1e-8, atol=1e-8)
    assert expected[0]["boxes"][:, 2].max() > 100


def test_keys_are_torchvisions_with_the_statistics_beside_them():
    model = build()
    statistics = ChannelStatistics(torch.arange(192.0), torch.ones(192), 1)
    frontend = Frontend(published("24S"), statistics)
    adapted = adapt(model, frontend)
    before, after = model.state_dict(), adapted.state_dict()
    new = {key for key in after if key not in before}
    assert {key for key in new if not key.startswith("backbone.body.layer1.0.downsample.")} == {
        f"transform.frontend.{name}" for name in ("mean", "std", "_extra_state")
    }
    gone = {key.removeprefix("backbone.body.").partition(".")[0] for key in before if key not in after}
    assert gone == {"conv1", "bn1"}
    again = adapt(build(), published("24S"))
    again.load_state_dict(after)
    assert torch.equal(again.transform.frontend.mean, statistics.select(published("24S")).mean.float())
    with torch.no_grad():
        adapted.transform.frontend.mean.zero_()
    assert frontend.mean.any()
    with pytest.raises(InputError, match="this state is for 24S"):
        adapt(build(), published("24T")).load_state_dict(after)


@pytest.mark.parametrize("maker", [maskrcnn_resnet50_fpn, fasterrcnn_resnet50_fpn_v2])
def test_torchvisions_own_models(maker):
    with torch.device("meta"):
        model = maker(weights=None, weights_backbone=None)
        adapted = adapt(model, published("24S"))
    comparison = compare(model, adapted, 24, (800, 1344))
    assert {key for key in comparison.fresh if key.startswith("backbone")} == {
        "backbone.body.layer1.0.conv1.weight",
        "backbone.body.layer1.0.downsample.0.weight",
    }
    rgb, ours = comparison.operations
    grid = 200 * 336
    assert ours - rgb == 2 * grid * ((24 - 64) * (64 + 256) - 4 * 3 * 64 * 49)


def test_detections_come_back_in_the_files_pixels():
    adapted = adapt(build(), published("24S"))
    records = [photo(150, 100), photo(60, 90)]
    with torch.no_grad():
        found = adapted([FileImage(record) for record in records])
    for record, detections in zip(records, found, strict=True):
        height, width = record.extent
        boxes = detections["boxes"]
        assert len(boxes) > 0
        assert boxes.min() >= 0
        assert boxes[:, 2].max() <= width
        assert boxes[:, 3].max() <= height
        assert detections["masks"].shape[-2:] == record.extent
    assert found[0]["boxes"][:, 3].max() > 96


def test_half_precision_leaves_the_channels_alone():
    adapted = adapt(build(), published("24S"))
    image = torch.rand(3, 64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        half, _ = adapted.transform([image])
    whole, _ = adapted.transform([image])
    assert torch.equal(half.tensors, whole.tensors)


@pytest.mark.parametrize(
    ("model", "channels", "message"),
    [
        (build, 24, "24 does not say which"),
        (lambda: adapt(build(), published("24S")), published("24S"), "has already been adapted"),
        (lambda: build(size_divisible=2), published("24S"), "size_divisible that is a multiple of 4"),
        (
            lambda: fasterrcnn_mobilenet_v3_large_fpn(weights=None, weights_backbone=None),
            published("24S"),
            "BackboneWithFPN without a ResNet's layers",
        ),
    ],
)
def test_what_cannot_be_adapted_is_named(model, channels, message):
    with pytest.raises(InputError, match=message):
        adapt(model(), channels)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(3, 32, 32, dtype=torch.uint8), r"floating-point.*got torch.uint8 \(3, 32, 32\)"),
        (torch.zeros(1, 32, 32), r"got torch.float32 \(1, 32, 32\)"),
        (torch.zeros(32, 32), r"got torch.float32 \(32, 32\)"),
    ],
)
def test_other_images_are_named(image, message):
    with pytest.raises(InputError, match=message):
        adapt(build(), published("24S"))([image])


def test_the_released_codes_strides_are_for_classifiers():
    with pytest.raises(InputError, match="layer2_stride=1 is only for classifiers"):
        adapt(build(FasterRCNN), published("24S"), layer2_stride=1)

"""torchvision's detectors, unmodified and eager: activations (c, h, w) in, boxes out, losses in training."""

import pytest
import torch
from torchvision.models import detection
from torchvision.models.detection import backbone_utils

import jpegdomain as jd

from .same import assert_same, leaves, pixels


def _resnet():
    return backbone_utils.resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=5)


FEW = {
    "min_size": 64,
    "max_size": 96,
    "box_score_thresh": 0.0,
    "box_detections_per_img": 3,
    "rpn_pre_nms_top_n_test": 40,
    "rpn_post_nms_top_n_test": 10,
    "rpn_post_nms_top_n_train": 20,
    "box_batch_size_per_image": 8,
}

BUILT = {
    "retinanet": lambda: detection.RetinaNet(_resnet(), 4, score_thresh=0.0, min_size=64, max_size=96),
    "fcos": lambda: detection.FCOS(_resnet(), 4, score_thresh=0.0, min_size=64, max_size=96),
    "faster": lambda: detection.FasterRCNN(_resnet(), 4, **FEW),
    "mask": lambda: detection.MaskRCNN(_resnet(), 4, **FEW),
    "keypoint": lambda: detection.KeypointRCNN(_resnet(), 2, num_keypoints=3, **FEW),
    "ssdlite": lambda: detection.ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=4, score_thresh=0.0
    ),
    "ssd": lambda: detection.ssd300_vgg16(weights=None, weights_backbone=None, num_classes=4, score_thresh=0.0),
}
SLOW = {"ssd", "ssdlite", "keypoint", "faster", "fcos", "mask"}
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in BUILT]
SIZES = [(64, 72), (56, 80)]


def detector(name):
    torch.manual_seed(0)
    return BUILT[name]().double()


def images():
    return [pixels(3, *size, seed=seed).sigmoid() for seed, size in enumerate(SIZES)]


def targets(name):
    found = []
    for height, width in SIZES:
        target = {
            "boxes": torch.tensor([[4.0, 6.0, 40.0, 44.0], [20.0, 10.0, 50.0, 30.0]], dtype=torch.float64),
            "labels": torch.tensor([1, 1]),
        }
        if name == "mask":
            target["masks"] = (pixels(2, height, width) > 0).to(torch.uint8)
        if name == "keypoint":
            # torchvision takes float32 only.
            target["keypoints"] = torch.tensor([[[8.0, 9.0, 1.0]] * 3] * 2)
        found.append(target)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_boxes(name):
    model = detector(name).eval()
    with torch.no_grad():
        expected = model(images())
        assert_same(model([jd.encode(image) for image in images()]), expected)
    assert all(len(found["boxes"]) for found in expected)


@pytest.mark.parametrize("name", NAMES)
def test_losses(name):
    model = detector(name).train()
    results = []
    for code in (lambda image: image, jd.encode):
        torch.manual_seed(1)
        model.zero_grad()
        losses = model([code(image) for image in images()], targets(name))
        sum(losses.values()).backward()
        first = next(p for p in model.parameters() if p.requires_grad)
        results.append((losses, first.grad.clone()))
    assert_same(results[1], results[0], 1e-7)


def test_a_backbone_alone():
    backbone = _resnet().double().eval()
    given = pixels(2, 3, 64, 72)
    with torch.no_grad():
        found = backbone(jd.encode(given))
        assert_same(found, backbone(given))
    assert len(leaves(found)) == 5

"""Models of other packages, where they are installed: tiny random configurations, nothing is downloaded."""

import pytest
import torch

import jpegdomain as jd

from .same import assert_gradients, assert_same, awake, pixels


def _transformers(name):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    small = {
        "ResNet": ("ResNetForImageClassification", {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}),
        "ResNetBackbone": ("ResNetBackbone", {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}),
        "ConvNext": ("ConvNextForImageClassification", {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2}),
        "ConvNextV2": (
            "ConvNextV2ForImageClassification",
            {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2},
        ),
        "RegNet": (
            "RegNetForImageClassification",
            {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "groups_width": 8},
        ),
        "MobileNetV1": ("MobileNetV1ForImageClassification", {"depth_multiplier": 0.25}),
        "MobileNetV2": ("MobileNetV2ForImageClassification", {"depth_multiplier": 0.25}),
        "ViT": (
            "ViTForImageClassification",
            {
                "hidden_size": 16,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "intermediate_size": 16,
                "image_size": 64,
                "patch_size": 16,
            },
        ),
        "Segformer": (
            "SegformerForSemanticSegmentation",
            {
                "hidden_sizes": [8, 8, 16, 16],
                "depths": [1, 1, 1, 1],
                "num_attention_heads": [1, 1, 2, 2],
                "decoder_hidden_size": 8,
            },
        ),
        "Swin": (
            "SwinForImageClassification",
            {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4, "image_size": 64},
        ),
        "EfficientNet": (
            "EfficientNetForImageClassification",
            {"width_coefficient": 0.25, "depth_coefficient": 0.1, "image_size": 64, "hidden_dim": 320},
        ),
        "PoolFormer": ("PoolFormerForImageClassification", {"hidden_sizes": [8, 8, 8, 8], "depths": [1, 1, 1, 1]}),
        "LeViT": ("LevitForImageClassification", {"image_size": 64}),
        "MobileViT": (
            "MobileViTForImageClassification",
            {
                "image_size": 64,
                "hidden_sizes": [16, 16, 16],
                "neck_hidden_sizes": [8, 8, 8, 8, 8, 8, 16],
                "num_attention_heads": 2,
            },
        ),
        "BiT": (
            "BitForImageClassification",
            {"hidden_sizes": [32, 32], "depths": [1, 1], "embedding_size": 32, "num_groups": 4},
        ),
        "CvT": ("CvtForImageClassification", {"embed_dim": [8, 8, 16], "num_heads": [1, 1, 2], "depth": [1, 2, 3]}),
    }
    model, settings = small[name]
    build = getattr(transformers, model)
    return build(build.config_class(**settings))


HUGGING_FACE = [
    *("ResNet", "ResNetBackbone", "ConvNext", "ConvNextV2", "RegNet", "MobileNetV1", "MobileNetV2", "ViT", "Segformer"),
    *("Swin", "EfficientNet", "PoolFormer", "LeViT", "MobileViT", "BiT", "CvT"),
]


@pytest.mark.parametrize("name", HUGGING_FACE)
def test_transformers(name):
    torch.manual_seed(0)
    given = pixels(2, 3, 64, 64)
    model = awake(_transformers(name).double(), given)
    with torch.no_grad():
        assert_same(model(pixel_values=jd.encode(given)), model(pixel_values=given))


@pytest.mark.parametrize(
    "name",
    [
        "Unet",
        "UnetPlusPlus",
        "Linknet",
        "FPN",
        "PSPNet",
        "PAN",
        "DeepLabV3",
        "DeepLabV3Plus",
        "MAnet",
        "UPerNet",
        "Segformer",
    ],
)
def test_segmentation_models(name):
    smp = pytest.importorskip("segmentation_models_pytorch", reason="segmentation-models-pytorch is not installed")
    torch.manual_seed(0)
    given = pixels(2, 3, 128, 128)
    model = awake(getattr(smp, name)("resnet18", encoder_weights=None, classes=3).double(), given)
    with torch.no_grad():
        assert_same(model(jd.encode(given)), model(given))


def test_open_clip():
    open_clip = pytest.importorskip("open_clip", reason="open_clip_torch is not installed")
    torch.manual_seed(0)
    given = pixels(1, 3, 224, 224)
    model = open_clip.create_model("RN50", pretrained=None, precision="fp32").visual.double().eval()
    with torch.no_grad():
        assert_same(model(jd.encode(given)), model(given))


@pytest.mark.parametrize(
    "name", ["yolov8n.yaml", "yolo11n.yaml", "yolov8n-seg.yaml", "yolov8n-cls.yaml", "yolov5n.yaml", "yolov10n.yaml"]
)
def test_ultralytics(name):
    tasks = pytest.importorskip("ultralytics.nn.tasks", reason="ultralytics is not installed")
    torch.manual_seed(0)
    build = (
        tasks.ClassificationModel
        if "cls" in name
        else tasks.SegmentationModel
        if "seg" in name
        else tasks.DetectionModel
    )
    model = build(name, verbose=False).double().eval()
    given = pixels(1, 3, 64, 96)
    with torch.no_grad():
        assert_same(model(jd.encode(given)), model(given))


def test_transformers_train():
    torch.manual_seed(0)
    assert_gradients(_transformers("ResNet").double().train(), pixels(2, 3, 40, 56))

"""`experiments.frequency_detection`, from COCO's files to AP."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from pycocotools import mask as rle
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.roi_heads import RoIHeads

from experiments.frequency_channels.entries import PixelEntry
from experiments.frequency_channels.network import build as build_classifier
from experiments.frequency_channels.training import Checkpoints
from experiments.frequency_channels.variants import PIXELS, variant
from experiments.frequency_detection import network
from experiments.frequency_detection import run as experiment
from experiments.frequency_detection.coco import CocoImages, Items, mirrored, silent
from experiments.frequency_detection.network import PRETRAINED, Design, build
from experiments.frequency_detection.results import average_precision, summary, table, table_of
from experiments.frequency_detection.training import Recipe, Trainer
from jpegdomain.frequency import ChannelSet, ChannelStatistics, FileImage, Frontend, published

COLOURS = {3: (220, 40, 40), 7: (40, 200, 60), 12: (50, 70, 230)}
"""Category → colour. The numbers have gaps, as COCO's own."""


def draw(folder, name, count, seed):
    """Squares and discs in the colours of their categories, on noise; outlines as polygons, some of them as RLE."""
    random = np.random.default_rng(seed)
    (folder / name).mkdir(parents=True)
    images, annotations = [], []
    for number in range(count):
        height, width = ((112, 144), (144, 112), (96, 160))[number % 3]
        levels = random.normal(128, 12, (height, width, 3)).clip(0, 255).astype(np.uint8)
        image = Image.fromarray(levels)
        for place in range(2):
            category = int(random.choice(list(COLOURS)))
            side = int(random.integers(28, 44))
            left = int(random.integers(2, width // 2 - side - 2)) + place * (width // 2)
            top = int(random.integers(2, height - side - 2))
            corners = [left, top, left + side, top, left + side, top + side, left, top + side]
            ImageDraw.Draw(image).polygon(corners, COLOURS[category])
            mask = np.zeros((height, width), np.uint8)
            mask[top : top + side, left : left + side] = 1
            with silent():
                coded = rle.encode(np.asfortranarray(mask))
            coded["counts"] = coded["counts"].decode()
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": 10 + number,
                    "category_id": category,
                    "bbox": [left, top, side, side],
                    "area": side * side,
                    "iscrowd": 0,
                    "segmentation": coded if number % 2 else [corners],
                }
            )
        file = f"{number:03}.jpg"
        image.save(folder / name / file, quality=90, subsampling=2 * (number % 2))
        images.append({"id": 10 + number, "file_name": file, "height": height, "width": width})
    # An image without objects is not trained on.
    Image.new("RGB", (96, 96)).save(folder / name / "empty.jpg")
    images.append({"id": 9, "file_name": "empty.jpg", "height": 96, "width": 96})
    categories = [{"id": category, "name": str(category)} for category in COLOURS]
    description = {"images": images, "annotations": annotations, "categories": categories}
    (folder / f"{name}.json").write_text(json.dumps(description))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco")
    draw(folder, "train", 8, seed=0)
    draw(folder, "val", 3, seed=1)
    return folder


def arguments(data, output, *more):
    names = ("train", "val")
    return [
        *("--images", *(str(data / name) for name in names)),
        *("--annotations", *(str(data / f"{name}.json") for name in names)),
        *("--backbone", "resnet18", "--small", "--min-size", "64", "--max-size", "96", "--threads", "1"),
        *("--batch", "4", "--micro-batch", "4", "--fitted", "4", "--precision", "float32", "--output", str(output)),
        *more,
    ]


@pytest.mark.slow
def test_train_evaluate_resume(data, tmp_path, monkeypatch, capsys):
    """A run that is killed in its second epoch ends as one that is not; losses fall; pycocotools gives the AP."""
    options = ("--epochs", "3", "--lr", "0.02", "--weights", str(tmp_path / "weights"))
    whole = experiment.main(arguments(data, tmp_path / "whole.json", "--variants", "24S", "RGB", *options))
    epoch = Trainer._epoch

    def killed(self, unit, model, optimiser, seed, number, training):
        if number == 1:
            raise KeyboardInterrupt
        return epoch(self, unit, model, optimiser, seed, number, training)

    monkeypatch.setattr(Trainer, "_epoch", killed)
    given = arguments(data, tmp_path / "cut.json", "--variants", "24S", *options)
    with pytest.raises(KeyboardInterrupt):
        experiment.main(given)
    begun = []

    def counted(self, unit, model, optimiser, seed, number, training):
        begun.append((unit, number))
        return epoch(self, unit, model, optimiser, seed, number, training)

    monkeypatch.setattr(Trainer, "_epoch", counted)
    resumed = experiment.main(given)
    assert begun == [("24S-0", 1), ("24S-0", 2)]
    assert json.loads((tmp_path / "cut.json").read_text()) == json.loads(json.dumps(resumed))
    assert resumed["result"]["each"] == whole["result"]["each"][:1]
    assert not (tmp_path / "cut.partial").exists()
    for one in whole["result"]["each"]:
        losses = [done["losses"]["total"] for done in one["epochs"]]
        assert losses[-1] < losses[0]
        assert set(one["epochs"][0]["losses"]) == {
            *("total", "loss_classifier", "loss_box_reg", "loss_mask", "loss_objectness", "loss_rpn_box_reg")
        }
        for done in one["epochs"]:
            assert all(0 <= done[kind]["AP"] <= 1 for kind in ("box", "mask"))
    shown = capsys.readouterr().out
    assert f"{table(whole)}\n\nwrote" in shown
    assert "| 24S | 0.5 | random |" in shown
    assert "0.377" in shown
    kept = torch.load(tmp_path / "weights" / "24S-0.pt", weights_only=True)
    assert kept["backbone.body.layer1.0.conv1.weight"].shape == (64, 24, 3, 3)
    assert kept["transform.frontend._extra_state"]["selection"] == published("24S").to_dict()


def test_a_half_training_of_other_settings_is_refused(data, tmp_path):
    Checkpoints(tmp_path / "run.partial", {"lr": 0.01}).save("RGB-0", {})
    with pytest.raises(SystemExit, match="other settings"):
        experiment.main(arguments(data, tmp_path / "run.json", "--variants", "RGB", "--epochs", "1"))


@pytest.fixture
def decoded(monkeypatch):
    """All boxes that torchvision decodes: first those of a step's anchors, then those of its proposals."""
    boxes = []
    decode = BoxCoder.decode_single

    def recorded(self, codes, of):
        boxes.append(decode(self, codes, of).detach())
        return boxes[-1]

    monkeypatch.setattr(BoxCoder, "decode_single", recorded)
    return boxes


def test_only_the_backbone_is_rounded(data, tmp_path, decoded, monkeypatch):
    """With --precision bfloat16 a run trains and evaluates on float32 boxes, proposals and annotated ones."""
    features, samples = set(), set()
    layers, select = IntermediateLayerGetter.forward, RoIHeads.select_training_samples

    def recorded(self, x):
        found = layers(self, x)
        features.update(values.dtype for values in found.values())
        return found

    def selected(self, proposals, targets):
        found = select(self, proposals, targets)
        samples.update(values.dtype for part in (found[0], found[3]) for values in part)
        return found

    monkeypatch.setattr(IntermediateLayerGetter, "forward", recorded)
    monkeypatch.setattr(RoIHeads, "select_training_samples", selected)
    options = ("--variants", "24S", "--epochs", "1", "--limit", "1", "--precision", "bfloat16", "--model", "faster")
    report = experiment.main(arguments(data, tmp_path / "run.json", *options))
    assert report["settings"]["precision"] == "bfloat16"
    assert features == {torch.bfloat16}
    assert samples == {torch.float32}
    assert {boxes.dtype for boxes in decoded} == {torch.float32}


@pytest.mark.parametrize("pixels", [True, False])
def test_half_precision_changes_boxes_and_losses_by_its_rounding(data, decoded, pixels):
    """Of all anchors, without suppression or sampling, so that nothing is chosen by what is rounded."""
    images = CocoImages(data / "train", data / "train.json", annotated=True)
    given, targets = zip(*(Items(images, pixels, False)[number, False] for number in range(2)), strict=True)
    statistics = ChannelStatistics(torch.zeros(192), torch.full((192,), 50.0), 1)
    losses, features = {}, {}
    for precision in ("float32", "bfloat16"):
        torch.manual_seed(0)
        design = Design("faster", "resnet18", 64, 96, small=True, precision=precision)
        model = build(design, 3, None if pixels else published("24S"), statistics).train()
        model.rpn.nms_thresh = 1.0
        model.rpn._pre_nms_top_n["training"] = model.rpn._post_nms_top_n["training"] = 10_000
        for sampler in (model.rpn.fg_bg_sampler, model.roi_heads.fg_bg_sampler):
            sampler.batch_size_per_image, sampler.positive_fraction = 100_000, 0.5
        kept = features.setdefault(precision, [])
        model.backbone.register_forward_hook(lambda _, __, found, kept=kept: kept.extend(found.values()))
        losses[precision] = {name: loss.item() for name, loss in model(list(given), list(targets)).items()}
    single, half = decoded
    assert single.dtype == half.dtype == torch.float32
    sides = (single[:, 2:] - single[:, :2]).amax(1, keepdim=True)
    assert 0 < ((half - single) / sides).abs().max() < 0.03
    for exact, rounded in zip(*features.values(), strict=True):
        assert 0.001 < (rounded - exact).norm() / exact.norm() < 0.04
    # Not that of the heads' boxes: which few proposals overlap an object enough depends on the last digit.
    for name in ("loss_classifier", "loss_objectness", "loss_rpn_box_reg"):
        assert losses["bfloat16"][name] == pytest.approx(losses["float32"][name], rel=0.01)


def test_targets_are_cocos_and_mirror_with_the_image(data):
    images = CocoImages(data / "train", data / "train.json", annotated=True)
    assert len(images) == 8
    assert len(CocoImages(data / "val", data / "val.json")) == 4
    annotations = json.loads((data / "train.json").read_text())["annotations"]
    for number in range(4):
        target = images.target(number, masks=True)
        assert set(target["labels"].tolist()) <= {1, 2, 3}
        for box, mask in zip(target["boxes"].int().tolist(), target["masks"], strict=True):
            left, top, right, bottom = box
            inside = torch.zeros_like(mask)
            inside[top:bottom, left:right] = 1
            assert torch.equal(mask, inside)
        (straight, _), (image, flipped) = (Items(images, True, True)[number, side] for side in (False, True))
        assert torch.equal(image, straight.flip(-1))
        width, annotated = image.shape[-1], [one for one in annotations if one["image_id"] == images.ids[number]]
        assert flipped["boxes"].tolist() == [
            [width - left - wide, top, width - left, top + high]
            for left, top, wide, high in (one["bbox"] for one in annotated)
        ]
        for box, mask in zip(flipped["boxes"].int().tolist(), flipped["masks"], strict=True):
            left, top, right, bottom = box
            assert mask[top:bottom, left:right].all()
            assert mask.sum() == (bottom - top) * (right - left)
        again = mirrored(flipped, image.shape[-1])
        assert torch.equal(again["boxes"], target["boxes"])
        assert torch.equal(again["masks"], target["masks"])
        file, of_file = Items(images, False, True)[number, True]
        assert isinstance(file, FileImage)
        assert file.flipped
        assert torch.equal(of_file["boxes"], flipped["boxes"])


def test_perfect_detections_have_an_ap_of_one(data):
    images = CocoImages(data / "val", data / "val.json")
    annotations = json.loads((data / "val.json").read_text())["annotations"]
    found = [{name: one[name] for name in ("image_id", "category_id", "bbox")} | {"score": 0.9} for one in annotations]
    assert average_precision(images, [dict(one) for one in found], "box")["AP"] == pytest.approx(1)
    for one in found:
        one["bbox"] = [one["bbox"][0] + 200, *one["bbox"][1:]]
    assert average_precision(images, found, "box")["AP"] == 0
    assert average_precision(images, [], "box")["AP"] == 0


def test_every_variant_sees_the_same_epochs(data):
    images = CocoImages(data / "train", data / "train.json", annotated=True)
    recipe = Recipe(26, (16, 22), 4, 2, 0.02)
    steps = recipe.batches(images, seed=0, epoch=3)
    assert steps == recipe.batches(images, seed=0, epoch=3)
    assert steps != recipe.batches(images, seed=0, epoch=4)
    # Every image, and images of an orientation for a second time where its last step would be short.
    assert {number for step in steps for number, _ in step} == set(range(8))
    assert [len(step) for step in steps] == [4, 4, 4]
    assert len({key for step in steps for key in step}) == 8
    assert all(len({images.portrait(number) for number, _ in step}) == 1 for step in steps)


def test_the_rate_is_the_references():
    recipe = Recipe(26, (16, 22), 32, 2, 0.02)
    assert recipe.rate(0, 0, 5000) == pytest.approx(0.04e-3)
    assert recipe.rate(0, 500, 5000) == pytest.approx(0.04 * (0.001 + 0.999 / 2))
    assert recipe.rate(0, 1000, 5000) == pytest.approx(0.04)
    assert recipe.rate(16, 0, 5000) == pytest.approx(0.004)
    assert recipe.rate(25, 0, 5000) == pytest.approx(0.0004)
    # With one step an epoch there is nothing to warm up in.
    assert recipe.rate(0, 0, 1) == pytest.approx(0.04)


def classifier(name, path):
    """A file as `experiments.frequency_channels --weights` writes it."""
    own = variant(name)
    if own.selection is None:
        entry = PixelEntry(PIXELS[name], 255 * torch.rand(3), torch.rand(3) + 1)
    else:
        entry = Frontend(own.selection, ChannelStatistics(torch.rand(192), torch.rand(192) + 1, 1))
    model = build_classifier(own, entry, "resnet18", 10, seed=3, side=64)
    torch.save(model.state_dict(), path)
    return model


DESIGN = Design("faster", "resnet18", 64, 96, small=True)


def trained(module):
    return [name for name, parameter in module.named_parameters() if parameter.requires_grad]


@pytest.mark.parametrize("name", ["RGB", "24S", "luma-24"])
def test_backbone_weights_bring_their_inputs_statistics(tmp_path, name):
    """A file of `experiments.frequency_channels`: the network's layers, and what its input was normalised with."""
    written = classifier(name, tmp_path / "weights.pt")
    statistics = ChannelStatistics(torch.zeros(192), torch.ones(192), 1)
    model = build(DESIGN, 3, variant(name).selection, statistics, str(tmp_path / "weights.pt"))
    body = model.backbone.body
    assert torch.equal(body.layer1[0].conv1.weight, written.network.layer1[0].conv1.weight)
    assert torch.equal(body.layer4[1].conv2.weight, written.network.layer4[1].conv2.weight)
    # What reads the channels is trained; on RGB the reference freezes it.
    assert trained(body.layer1) == ([] if name == "RGB" else ["0.conv1.weight", "0.downsample.0.weight"])
    assert all(parameter.requires_grad for parameter in body.layer2.parameters())
    if name == "RGB":
        assert model.transform.image_mean == pytest.approx((written.entry.mean / 255).tolist())
        assert model.transform.image_std == pytest.approx((written.entry.std / 255).tolist())
    else:
        assert torch.equal(model.transform.frontend.mean, written.entry.mean)
        assert torch.equal(model.transform.frontend.std, written.entry.std)


@pytest.mark.parametrize(
    ("name", "backbone", "expected"),
    [
        ("24S", "resnet18", ["0.conv1.weight", "0.downsample.0.weight"]),
        ("luma-64", "resnet50", ["0.conv1.weight", "0.downsample.0.weight"]),
        # As many channels as the stem had: its weights are carried over, and a basic block adds its input itself.
        ("luma-64", "resnet18", ["0.conv1.weight"]),
        ("RGB", "resnet18", []),
    ],
)
def test_what_reads_the_channels_is_trained_with_pretrained_weights(monkeypatch, name, backbone, expected):
    # Nothing is fetched: which layers are trained does not depend on the weights.
    monkeypatch.setattr(network, "get_model_weights", lambda _: SimpleNamespace(IMAGENET1K_V1=None))
    model = build(Design("faster", backbone, 64, 96, small=True), 3, variant(name).selection, None, PRETRAINED)
    body = model.backbone.body
    assert trained(body.layer1) == expected
    assert trained(body.conv1) == []
    assert all(parameter.requires_grad for parameter in body.layer2.parameters())
    assert all(parameter.requires_grad for parameter in model.backbone.fpn.parameters())


@pytest.mark.slow
def test_luma_alone_from_files_to_ap(data, tmp_path):
    options = ("--variants", "luma-24", "luma-64", "--epochs", "1", "--limit", "1", "--weights", str(tmp_path))
    report = experiment.main(arguments(data, tmp_path / "run.json", *options, "--model", "faster"))
    assert [one["variant"] for one in report["result"]["each"]] == ["luma-24", "luma-64"]
    rows = table_of(report).splitlines()
    # The channels of images of twice the side: 4 / 192 of RGB's numbers each.
    assert [row.split(" | ")[1] for row in rows[2:4]] == ["0.5", "1.33"]
    for name, count in (("luma-24", 24), ("luma-64", 64)):
        state = torch.load(tmp_path / f"{name}-0.pt", weights_only=True)
        assert state["backbone.body.layer1.0.conv1.weight"].shape[1] == count
        selection = ChannelSet.from_dict(state["transform.frontend._extra_state"]["selection"])
        luma, *chroma = selection.components
        assert len(luma) == count
        assert chroma == [(), ()]


@pytest.mark.parametrize(
    ("name", "of", "message"),
    [
        ("24S", "24T", "is of another input: .*24T.*24S"),
        ("RGB", "YCbCr", "is of another input: .*ycbcr.*rgb"),
        ("RGB", "24S", "does not say that its network takes RGB"),
        ("24S", "RGB", "does not say that its network takes frequency"),
    ],
)
def test_backbone_weights_of_another_input_are_refused(tmp_path, name, of, message):
    classifier(of, tmp_path / "weights.pt")
    with pytest.raises(SystemExit, match=message):
        build(DESIGN, 3, variant(name).selection, None, str(tmp_path / "weights.pt"))


def test_backbone_weights_of_another_network_are_refused(tmp_path):
    torch.save({"conv9.weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(SystemExit, match="is of another network"):
        build(DESIGN, 3, None, None, str(tmp_path / "other.pt"))


@pytest.mark.parametrize(
    ("variants", "weights", "message"),
    [
        (["RGB", "24S", "48S"], ["24S=pretrained"], "none for RGB, 48S"),
        (["RGB"], ["RGB=pretrained", "24S=pretrained"], "24S not among --variants RGB"),
    ],
)
def test_first_weights_are_those_of_all_variants_or_of_none(data, tmp_path, variants, weights, message):
    given = arguments(data, tmp_path / "run.json", "--variants", *variants, "--backbone-weights", *weights)
    with pytest.raises(SystemExit, match=message):
        experiment.main(given)


def test_help_needs_no_pycocotools(data, monkeypatch):
    code = "import sys; sys.modules['pycocotools'] = None; from experiments.frequency_detection.run import main; main()"
    shown = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    assert "--backbone-weights" in shown.stdout
    monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    with pytest.raises(SystemExit, match=r"pip install 'jpegdomain\[detection,experiments\]'"):
        CocoImages(data / "val", data / "val.json")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--variants", "YCbCr"], "RGB, a published set"),
        (["--variants", "RGB-large"], "twice --min-size and --max-size"),
        (["--variants", "gate-24"], "RGB, a published set"),
        (["--variants", "learned-24"], "RGB, a published set"),
        (["--variants", "lambda-0.01"], "RGB, a published set"),
        (["--variants", "24S+noise-168"], "RGB, a published set"),
        (["--variants", "24S@0"], "RGB, a published set"),
        (["--variants", "UpSampling"], "RGB, a published set"),
        (["--variants", "25S"], "25"),
        (["--variants", "luma-65"], "1…64"),
        (["--backbone-weights", "RGB=nowhere.pt"], "names no file"),
        (["--lr", "0"], "above 0"),
        (["--seed", "-1"], "≥ 0"),
    ],
)
def test_wrong_arguments_are_named(data, tmp_path, more, message, capsys):
    with pytest.raises(SystemExit):
        experiment.main(arguments(data, tmp_path / "run.json", *more))
    assert message in capsys.readouterr().err


def test_missing_data_is_named(data, tmp_path):
    with pytest.raises(SystemExit, match="nowhere is not a folder"):
        CocoImages(tmp_path / "nowhere", data / "val.json")
    with pytest.raises(SystemExit, match=r"no file .*nothing.json"):
        CocoImages(data / "val", tmp_path / "nothing.json")


def test_the_table_has_all_of_cocos_numbers():
    numbers = ("AP", "AP50", "AP75", "APs", "APm", "APl")
    units = {
        f"24S-{seed}": {
            "variant": "24S",
            "seed": seed,
            "epochs": [
                {
                    "losses": {"total": 2.0 + epoch},
                    "box": {name: (seed + place) / 10 for place, name in enumerate(numbers)},
                }
                for epoch in range(2)
            ],
        }
        for seed in range(2)
    }
    settings = {"model": "faster", "first_weights": "random", "backbone": "resnet18", "training_images": 2000}
    settings |= {"test_images": 10, "epochs": 2, "min_size": 64, "max_size": 96, "precision": "bfloat16"}
    report = {"settings": settings, "result": summary(units)}
    text = table_of(report)
    assert table(report).startswith(f"{text}\n\n")
    expected = "| Faster R-CNN | resnet18 | 2,000 | 10 | 2 | 64…96 | bfloat16 | float32 |"
    assert table(report).splitlines()[-1] == expected
    # Means over seeds 0 and 1.
    assert text.splitlines()[-1] == "| 24S | box | 0.050 | 0.150 | 0.250 | 0.350 | 0.450 | 0.550 |"
    assert "| 24S | 0.5 | random | 0.050 | 2.000 → 3.000 |" in text

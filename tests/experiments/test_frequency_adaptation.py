"""Pretrained networks on frequency channels: the regressions, the fitted blocks, what is trained, whole runs."""

import json
import math

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn

from experiments.frequency_adaptation import run as experiment
from experiments.frequency_adaptation.classes import IMAGENETTE, network_classes
from experiments.frequency_adaptation.fitting import fit_start
from experiments.frequency_adaptation.norms import unfold_norms
from experiments.frequency_adaptation.options import parser
from experiments.frequency_adaptation.regression import Moments
from experiments.frequency_adaptation.results import fits, summary, table_of
from experiments.frequency_adaptation.training import Training, right_answers, share
from experiments.frequency_channels.network import Classifier
from experiments.frequency_channels.variants import variant
from jpegdomain.frequency import adapt
from tests.codec.oracle import jpeg, noise

PENALTY = 1e-3


def ridge(x, y, penalty=PENALTY):
    """Ridge regression as least squares with the penalty as further rows, rescaled to the targets' spread."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    xc, yc = x - x.mean(0), y - y.mean(0)
    size = math.sqrt(len(x) * penalty * xc.var(0).mean())
    weight = np.linalg.lstsq(
        np.vstack([xc, size * np.eye(x.shape[1])]), np.vstack([yc, np.zeros((x.shape[1], y.shape[1]))])
    )[0]
    predicted = xc @ weight
    explained = 1 - (yc - predicted).var(0).sum() / yc.var(0).sum()
    return weight, predicted * (yc.std(0) / predicted.std(0)) + y.mean(0), explained


def test_regression_is_least_squares():
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 7)) @ random.normal(size=(7, 7)) + 3
    y = x[:, :3] ** 2 + random.normal(size=(60, 3))
    moments = Moments()
    for part in range(0, 60, 20):
        moments.add(torch.tensor(x[part : part + 20]), torch.tensor(y[part : part + 20]))
    plain = np.linalg.lstsq(np.hstack([x, np.ones((60, 1))]), y)[0][:-1]
    np.testing.assert_allclose(moments.ridge(0.0).numpy(), plain.T, atol=1e-9)
    for penalty in (PENALTY, 0.3):
        own = moments.ridge(penalty)
        weight, predicted, explained = ridge(x, y, penalty)
        np.testing.assert_allclose(own.numpy(), weight.T, atol=1e-9)
        assert moments.explained(own) == pytest.approx(explained, abs=1e-9)
        scaled, bias = (one.numpy() for one in moments.matched(own))
        np.testing.assert_allclose(x @ scaled.T + bias, predicted, atol=1e-9)
    assert moments.explained(own) < moments.explained(moments.ridge(PENALTY))


def test_what_does_not_vary_is_its_mean():
    moments = Moments()
    with pytest.raises(ValueError, match="no rows"):
        moments.ridge()
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    moments.add(x, torch.full((20, 2), 5.0))
    weight, bias = moments.matched(moments.ridge())
    torch.testing.assert_close(weight, torch.zeros_like(weight))
    torch.testing.assert_close(bias, torch.full_like(bias, 5.0))


def patches(x):
    """All 3×3 neighbourhoods with zeros around, as rows of channel by row by column."""
    n, c, h, w = x.shape
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return np.array(
        [wide[i, :, a : a + 3, b : b + 3].ravel() for i in range(n) for a in range(h) for b in range(w)]
    ).reshape(n * h * w, 9 * c)


def rows(x):
    return x.movedim(1, -1).flatten(0, 2).detach().numpy()


def trained(network):
    """Give every batch norm statistics and weights that are not the initial ones."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight.data, module.running_var):
                values.copy_(torch.rand(values.shape, generator=generator) + 0.5)
            for values in (module.bias.data, module.running_mean):
                values.copy_(torch.randn(values.shape, generator=generator) / 4)
    return network.double().eval()


def pairs(channels, scale, count=2):
    generator = torch.Generator().manual_seed(2)
    side = 8
    return [
        (
            torch.randn(3, channels, side, side, generator=generator, dtype=torch.float64),
            torch.randn(3, 3, side * scale, side * scale, generator=generator, dtype=torch.float64),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize(("kind", "channels"), [("resnet18", 5), ("resnet18", 64), ("resnet50", 6)])
def test_resnets_first_block_is_fitted_layer_by_layer(kind, channels):
    torch.manual_seed(0)
    block = {"resnet18": torchvision.models.resnet.BasicBlock, "resnet50": torchvision.models.resnet.Bottleneck}[kind]
    rgb = trained(torchvision.models.ResNet(block, [1, 1, 1, 1], 2))
    adapted = adapt(rgb, channels).train()
    data = pairs(channels, 4)
    explained = fit_start(rgb, adapted, data)
    assert adapted.training
    assert not rgb.training
    ours, theirs, x, pixels = (
        adapted.layer1[0].eval(),
        rgb.layer1[0],
        *(torch.cat(own) for own in zip(*data, strict=True)),
    )
    stem = rgb.maxpool(rgb.relu(rgb.bn1(rgb.conv1(pixels))))
    h, z = x, stem
    for number in ("1", "2") if kind == "resnet50" else ("1",):
        conv, norm = getattr(ours, f"conv{number}"), getattr(ours, f"bn{number}")
        target = getattr(theirs, f"bn{number}")(getattr(theirs, f"conv{number}")(z))
        features = patches(h.detach().numpy()) if conv.kernel_size == (3, 3) else rows(h)
        _, predicted, _ = ridge(features, rows(target))
        np.testing.assert_allclose(rows(norm(conv(h))), predicted, atol=1e-6)
        h, z = norm(conv(h)).relu(), target.relu()
    if kind == "resnet50":
        branch, features = theirs.bn3(theirs.conv3(z)), rows(h)
        last = ours.bn3(ours.conv3(h))
    else:
        branch, features = theirs.bn2(theirs.conv2(z)), patches(h.detach().numpy())
        last = ours.bn2(ours.conv2(h))
    target = branch + (stem if theirs.downsample is None else theirs.downsample(stem))
    if channels == 64:
        # The shortcut has no weights.
        assert ours.downsample is None
        _, predicted, share_of = ridge(features, rows(target - x))
        np.testing.assert_allclose(rows(last), predicted, atol=1e-6)
    else:
        _, predicted, share_of = ridge(np.hstack([features, rows(x)]), rows(target))
        np.testing.assert_allclose(rows(last + ours.downsample(x)), predicted, atol=1e-6)
    assert explained == pytest.approx(share_of, abs=1e-6)
    # In training mode it begins with the same function, up to its running statistics' n − 1.
    with torch.no_grad():
        still, moving = ours(x), ours.train()(x)
    torch.testing.assert_close(moving, still, atol=0.02, rtol=0.02)


@pytest.mark.parametrize("channels", [6, 16])
def test_mobilenets_channels_pass_and_its_projection_is_fitted(channels):
    torch.manual_seed(0)
    rgb = trained(torchvision.models.mobilenet_v2(num_classes=2))
    adapted = adapt(rgb, channels)
    data = pairs(channels, 2)
    explained = fit_start(rgb, adapted, data)
    x, pixels = (torch.cat(own) for own in zip(*data, strict=True))
    block, target = adapted.features[1], rgb.features[:2](pixels)
    passed = (x - x.mean((0, 2, 3), keepdim=True)).clamp(-3, 3)
    torch.testing.assert_close(block.conv[0](x) - 3, passed)
    assert block.use_res_connect == (channels == 16)
    _, predicted, share_of = ridge(rows(passed), rows(target - x if channels == 16 else target))
    np.testing.assert_allclose(rows(block.conv(x)), predicted, atol=1e-6)
    assert explained == pytest.approx(share_of, abs=1e-6)


def test_imagenettes_classes_are_ten_of_imagenets():
    # As fast.ai lists them.
    assert network_classes(sorted(IMAGENETTE), 1000).tolist() == [0, 217, 482, 491, 497, 566, 569, 571, 574, 701]
    assert network_classes(["n03417042", "n03888257"], 1000).tolist() == [569, 701]
    assert network_classes(["a", "b", "c"], 3).tolist() == [0, 1, 2]
    for folders, classes in ((["a", "b"], 1000), (["a", "b"], 3), (sorted(IMAGENETTE), 100)):
        with pytest.raises(SystemExit, match=f"the network has {classes} classes, the data {len(folders)}"):
            network_classes(folders, classes)


class Batch:
    """Values in place of files."""

    def __init__(self, values):
        self.values, self.device = values, values.device


class Entry(nn.Module):
    def forward(self, batch):
        return batch.values


def test_right_answers_over_all_classes_and_within_some():
    logits = torch.tensor([[9.0, 1, 2, 3, 4, 5, 0], [5, 9, 4, 3, 2, 1, 0], [1, 2, 3, 4, 9, 5, 0]])
    model = Classifier(Entry(), None, nn.Flatten())
    batches = [
        (Batch(logits[:2, :, None, None]), torch.tensor([0, 0])),
        (Batch(logits[2:, :, None, None]), torch.ones(1).long()),
    ]
    # Of the first, class 2 comes fifth of all and second of two; of the second, third and first; the third is right.
    assert right_answers(model, batches, torch.tensor([2, 4])) == {"files": 3, "top1": 1, "top5": 3, "within": 2}


def test_interval_of_few_files():
    # Wilson's, by its formula: 6 of 10, z = 1.96.
    z = 1.959964
    middle, half = (0.6 + z**2 / 20) / (1 + z**2 / 10), z * math.sqrt(0.24 / 10 + z**2 / 400) / (1 + z**2 / 10)
    assert share(6, 10) == pytest.approx({"mean": 0.6, "low": middle - half, "high": middle + half}, abs=1e-6)


def test_unfolded_norms_compute_the_same_and_know_their_inputs():
    torch.manual_seed(0)
    network = trained(torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], 2))
    batches = [torch.randn(3, 3, 64, 64, dtype=torch.float64) + 1 for _ in range(2)]
    with torch.no_grad():
        before = network(batches[0])
        unfold_norms(network, batches)
        torch.testing.assert_close(network(batches[0]), before)
        stem = network.conv1(torch.cat(batches))
    torch.testing.assert_close(network.bn1.running_mean, stem.mean((0, 2, 3)))
    torch.testing.assert_close(network.bn1.running_var, stem.var((0, 2, 3), correction=0))
    seen = []
    network.layer3[0].bn2.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(torch.cat(batches))
    torch.testing.assert_close(network.layer3[0].bn2.running_mean, seen[0].mean((0, 2, 3)))


def inputs_of(variant, steps=2):
    class Given:
        def __init__(self):
            self.steps, self.seeds = steps, []

        def train(self, own, seed):
            self.seeds.append(seed)
            generator = torch.Generator().manual_seed(seed)
            for _ in range(steps):
                x = torch.randn(4, own.channels or 3, 8, 8, generator=generator)
                yield [(Batch(x), torch.tensor([0, 1, 1, 0]))]

    return Given()


@pytest.mark.parametrize("start", ["kept", "fitted", "scratch"])
@pytest.mark.parametrize("scope", ["entrance", "all"])
def test_only_the_scope_is_trained(start, scope):
    torch.manual_seed(0)
    rgb = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], 4)
    own = variant("RGB" if start == "kept" else "6S")
    network = rgb if start == "kept" else adapt(rgb, own.channels)
    before = {name: values.clone() for name, values in network.state_dict().items()}
    training = Training(epochs=2, lr=1e-2, carried=0.1, decay=0.0, smoothing=0.0, scope=scope)
    given = inputs_of(own)
    done = training.train(Classifier(Entry(), None, network), start, given, own, 5, torch.tensor([3, 1]), quiet=True)
    assert len(set(given.seeds)) == 2
    assert done["loss"] > 0
    assert 0 <= done["training_accuracy"] <= 1
    changed = {name for name, values in network.state_dict().items() if not torch.equal(values, before[name])}
    everything = {name for name in before if "num_batches" not in name}
    first = {name for name in everything if name.startswith(("conv1.", "bn1.", "layer1.0."))}
    whole = start == "scratch" or scope == "all"
    assert {name for name in changed if "num_batches" not in name} == (everything if whole else first)
    # Adam's first step is about the learning rate, whatever the gradient: carried-over layers take a tenth of it.
    rates = {id(one): group["factor"] for group in training.groups(network, start) for one in group["params"]}
    slow = 1.0 if start == "scratch" else 0.1
    new = 0.1 if start == "kept" else 1.0
    assert rates[id(network.layer1[0].conv1.weight)] == new
    assert rates.get(id(network.fc.weight)) == (slow if whole else None)


def test_a_training_that_diverges_says_so():
    network = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], 2)
    training = Training(epochs=1, lr=float("inf"), carried=1.0, decay=0.0, smoothing=0.0, scope="all")
    with pytest.raises(FloatingPointError, match="lower --lr"):
        training.train(
            Classifier(Entry(), None, network),
            "scratch",
            inputs_of("RGB"),
            variant("RGB"),
            0,
            torch.arange(2),
            quiet=True,
        )


SMALL = (
    "--side", "32", "--short", "32", "--limit", "12", "--tests", "6", "--fit", "8", "--batch", "4", "--threads", "1",
)  # fmt: skip


def images(root, names):
    """Folders of files of several sizes, with a wave by class."""
    for split, count in (("train", 6), ("val", 3)):
        for label, name in enumerate(names):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                data = jpeg(noise(40 + 5 * number, 56 - 3 * number, seed=number) // (1 + label), quality=80)
                (root / split / name / f"{number}.JPEG").write_bytes(data)
    return root


def weights(path, model, classes):
    torch.manual_seed(0)
    torch.save(torchvision.models.get_model(model, num_classes=classes).half().state_dict(), path)
    return str(path)


def test_a_resnet_end_to_end_and_after_a_kill(tmp_path, capsys, monkeypatch):
    data, saved = images(tmp_path / "data", "ab"), weights(tmp_path / "w.pt", "resnet18", 2)
    given = ["--data", str(data), "--weights", saved, *SMALL, "--variants", "6S", "--seeds", "1", "--output"]
    report = experiment.main([*given, str(tmp_path / "a.json")])
    assert json.loads((tmp_path / "a.json").read_text()) == json.loads(json.dumps(report))
    assert report["settings"]["frequency_side"] == 64
    each = report["result"]["each"]
    kinds = [("RGB", "kept"), ("6S", "fitted"), ("6S", "random"), ("RGB", "scratch"), ("6S", "scratch")]
    assert [(one["variant"], one["start"]) for one in each] == kinds
    for one in each:
        assert (one["before"] is None) == (one["start"] == "scratch")
        assert one["after"]["files"] == 6
        assert one["after"]["top1"] == one["after"]["within"]
        assert ("explained" in one) == ("block" in one) == (one["start"] == "fitted")
    assert 0 < each[1]["explained"] <= 1
    printed = capsys.readouterr().out
    assert "| 6S | first block fitted | 1 |" in printed
    assert "only the folder's classes" not in printed
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"

    # Killed in the fourth training.
    trained_before, train = [], Training.train

    def interrupted(*arguments):
        trained_before.append(1)
        if len(trained_before) == 4:
            raise KeyboardInterrupt
        return train(*arguments)

    monkeypatch.setattr(Training, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        experiment.main([*given, str(tmp_path / "b.json")])
    with pytest.raises(SystemExit, match="another lr"):
        experiment.main([*given, str(tmp_path / "b.json"), "--lr", "0.5"])
    again = experiment.main([*given, str(tmp_path / "b.json")])
    assert len(trained_before) == 6
    for one in (*again["result"]["each"], *each):
        del one["seconds"]
    assert again["result"]["each"] == each
    assert not (tmp_path / "b.partial").exists()


def test_an_imagenet_mobilenet_end_to_end(tmp_path, capsys):
    data, saved = (
        images(tmp_path / "data", ["n01440764", "n03888257"]),
        weights(tmp_path / "w.pt", "mobilenet_v2", 1000),
    )
    (tmp_path / "samples").mkdir()
    for name in ("n01440764_tench", "n02096051_Airedale"):
        (tmp_path / "samples" / f"{name}.JPEG").write_bytes(jpeg(noise(50, 60), quality=90))
    given = [
        "--data",
        str(data),
        "--weights",
        saved,
        "--model",
        "mobilenet_v2",
        "--same-padding",
        *SMALL,
        "--seeds",
        "1",
    ]
    given += ["--variants", "24S", "--samples", str(tmp_path / "samples"), "--output", str(tmp_path / "a.json")]
    report = experiment.main([*given, "--starts", "fitted", "--train", "entrance", "--mean", ".5", ".5", ".5"])
    assert (report["settings"]["frequency_side"], report["settings"]["classes"]) == (128, 1000)
    each = report["result"]["each"]
    assert [(one["start"], one["seed"]) for one in each] == [("kept", 0), ("fitted", 0), ("kept", 1), ("fitted", 1)]
    # One fitted network is where both trainings began.
    assert each[1]["before"] == each[3]["before"]
    assert each[1]["loss"] != each[3]["loss"]
    row = report["result"]["rows"][1]
    assert row["before"]["samples"]["top5"]["low"] >= 0
    assert row["against RGB"]["seeds"] == 2
    printed = capsys.readouterr().out
    assert "ImageNet samples, top-5 after" in printed
    assert (tmp_path / "a.png").exists()


def test_bad_arguments_say_what_to_do(tmp_path, capsys):
    data, saved = images(tmp_path / "data", "ab"), weights(tmp_path / "w.pt", "resnet18", 2)
    given = ["--data", str(data), *SMALL, "--output", str(tmp_path / "a.json"), "--weights"]
    with pytest.raises(SystemExit, match="--weights: there is no file"):
        experiment.main([*given, str(tmp_path / "none.pt")])
    with pytest.raises(SystemExit, match=r"--weights: .* is no state_dict of resnet50"):
        experiment.main([*given, saved, "--model", "resnet50"])
    with pytest.raises(SystemExit, match="--samples: they are of ImageNet's"):
        experiment.main([*given, saved, "--samples", str(tmp_path)])
    with pytest.raises(SystemExit, match="batch norm needs two images"):
        experiment.main([*given, saved, "--limit", "1"])
    for name in ("gate-24", "RGB", "24S+noise-8", "nothing"):
        with pytest.raises(SystemExit):
            parser(None).parse_args([*given, saved, "--variants", name])
    assert "a fixed set of frequency channels" in capsys.readouterr().err


def test_rows_of_the_table():
    def tested(right, within, samples):
        own = {"files": 10, "top1": right, "top5": 10, "within": within}
        return own | {"samples": {"files": 4, "top1": samples, "top5": 4, "within": samples}}

    each = [
        {"variant": name, "start": start, "seed": seed, "before": before, "after": after, "seconds": 1.0}
        for name, start, before, afters in (
            ("RGB", "kept", tested(5, 8, 2), (tested(6, 9, 2), tested(8, 9, 2))),
            ("24S", "fitted", tested(4, 8, 2), (tested(5, 8, 1), tested(7, 8, 1))),
            ("24S", "scratch", None, (tested(1, 2, 0), tested(1, 2, 0))),
        )
        for seed, after in enumerate(afters)
    ]
    for one in each:
        if one["start"] == "fitted":
            one |= {"explained": 0.5, "block": tested(3, 7, 2)}
    report = {"result": summary(each)}
    lines = table_of(report).splitlines()
    low, high = (100 * share(2, 4)[key] for key in ("low", "high"))
    assert lines[2].startswith("| RGB | as it was | 2 | 50.0 ± 0.0 | 70.0 ± 14.1 |  | 80.0 ± 0.0 | 90.0 ± 0.0 |")
    assert f"| 50 ({low:.0f}…{high:.0f}) |" in lines[2]
    assert lines[3].startswith("| 24S | first block fitted | 2 | 40.0 ± 0.0 | 60.0 ± 14.1 | -10.0 ± 0.0 |")
    assert lines[4].startswith(
        "| 24S | all weights random | 2 |  | 10.0 ± 0.0 | -60.0 ± 127.1 |  | 20.0 ± 0.0 |  | 0 ("
    )
    assert fits(report).splitlines()[2] == "| 24S | 50 | 30.0 | 40.0 |"

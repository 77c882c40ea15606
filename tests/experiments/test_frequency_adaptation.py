"""Pretrained networks on frequency channels: their classes, what is trained, whole runs."""

import json
import math

import pytest
import torch
import torchvision
from PIL import Image
from torch import nn

from experiments.frequency_adaptation import run as experiment
from experiments.frequency_adaptation.classes import IMAGENETTE, network_classes
from experiments.frequency_adaptation.loading import find_samples
from experiments.frequency_adaptation.options import parser
from experiments.frequency_adaptation.results import fits, summary, table, table_of
from experiments.frequency_adaptation.training import Training, right_answers, share
from experiments.frequency_channels.network import Classifier
from experiments.frequency_channels.variants import variant
from jpegdomain.frequency import adapt
from tests.codec.oracle import jpeg, noise


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


@pytest.mark.parametrize("start", ["kept", "fitted", "random", "scratch"])
@pytest.mark.parametrize("scope", ["entrance", "all"])
def test_only_the_scope_is_trained(start, scope):
    torch.manual_seed(0)
    rgb = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], 4)
    own = variant("RGB" if start == "kept" else "6S")
    network = rgb if start == "kept" else adapt(rgb, own.channels)
    before = {name: values.clone() for name, values in network.state_dict().items()}
    training = Training(epochs=2, lr=1e-2, carried=1e-3, decay=0.0, scope=scope)
    given = inputs_of(own)
    done = training.train(Classifier(Entry(), None, network), start, given, own, 5, torch.tensor([3, 1]), quiet=True)
    assert len(set(given.seeds)) == 2
    assert done["loss"] > 0
    assert 0 <= done["training_accuracy"] <= 1
    changed = {name for name, values in network.state_dict().items() if not torch.equal(values, before[name])}
    whole = start == "scratch" or scope == "all"
    parameters = {name for name, _ in network.named_parameters()}
    first = {name for name in parameters if name.startswith(("conv1.", "bn1.", "layer1.0."))}
    assert changed & parameters == (parameters if whole else first)
    # Batch norms that were trained, or fitted, keep their statistics.
    statistics = {name for name in before if "running" in name}
    moving = {"scratch": "", "random": "layer1.0."}.get(start, "none")
    assert changed & statistics == {name for name in statistics if name.startswith(moving)}
    rates = {id(one): group["rate"] for group in training.groups(network, start) for one in group["params"]}
    assert rates[id(network.layer1[0].conv1.weight)] == (1e-2 if start in {"random", "scratch"} else 1e-3)
    assert rates.get(id(network.fc.weight)) == (1e-2 if start == "scratch" else 1e-3 if whole else None)


def test_a_training_that_diverges_says_so():
    network = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], 2)
    training = Training(epochs=1, lr=float("inf"), carried=1.0, decay=0.0, scope="all")
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


def test_dropout_does_not_depend_on_what_was_drawn_before():
    own, losses = variant("RGB"), []
    for drawn in range(2):
        torch.manual_seed(0)
        layers = torch.nn.Flatten(), torch.nn.Linear(192, 32), torch.nn.Dropout(), torch.nn.Linear(32, 4)
        model = Classifier(Entry(), None, torch.nn.Sequential(*layers))
        torch.rand(drawn)
        training = Training(epochs=1, lr=1e-2, carried=1e-3, decay=0.0, scope="all")
        done = training.train(model, "scratch", inputs_of(own), own, 5, torch.tensor([3, 1]), quiet=True)
        losses.append(done["loss"])
    assert losses[0] == losses[1]


@pytest.mark.slow
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
    assert report["settings"]["precision"] == "float32"
    assert f"{table(report)}\n\nwrote" in printed
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
        "2",
    ]
    given += ["--variants", "24S", "--samples", str(tmp_path / "samples"), "--output", str(tmp_path / "a.json")]
    report = experiment.main([*given, "--starts", "fitted", "--train", "entrance", "--mean", ".5", ".5", ".5"])
    assert (report["settings"]["frequency_side"], report["settings"]["classes"]) == (128, 1000)
    each = report["result"]["each"]
    assert [(one["start"], one["seed"]) for one in each] == [("kept", 0), ("fitted", 0), ("kept", 1), ("fitted", 1)]
    # One fitted network is where both trainings began.
    assert each[1]["before"] == each[3]["before"]
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
    with pytest.raises(SystemExit, match=r"--weights: .* is not a state_dict of resnet50"):
        experiment.main([*given, saved, "--model", "resnet50"])
    with pytest.raises(SystemExit, match="--samples: these are files of ImageNet's"):
        experiment.main([*given, saved, "--samples", str(tmp_path)])
    (tmp_path / "broken.pt").write_bytes(b"nothing")
    with pytest.raises(SystemExit, match=r"--weights: .* is not a state_dict of resnet18"):
        experiment.main([*given, str(tmp_path / "broken.pt")])
    with pytest.raises(SystemExit, match="batch norm needs two images"):
        experiment.main([*given, saved, "--limit", "1"])
    with pytest.raises(SystemExit, match=r"--samples: .*none"):
        find_samples(tmp_path / "none")
    (tmp_path / "some").mkdir()
    with pytest.raises(SystemExit, match="holds no JPEG files"):
        find_samples(tmp_path / "some")
    (tmp_path / "some" / "n1_unicorn.JPEG").write_bytes(b"")
    with pytest.raises(SystemExit, match="no class called 'unicorn'"):
        find_samples(tmp_path / "some")
    for name in ("gate-24", "RGB", "24S+noise-8", "UpSampling", "nothing"):
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
    for one in each:
        one["seconds"] = 900.0
    settings = {"model": "m", "weights": "w", "data": "d", "training_images": 9000, "test_images": 10, "epochs": 1}
    settings |= {"train": "all", "side": 32, "frequency_side": 64}
    expected = "| m | w | d | 9,000 | 10 | 1 | all | 32 | 64 | {} | 1.50 |"
    # Reports from before it was in the settings are of float32.
    for given, shown in (({}, "float32"), ({"precision": "bfloat16"}, "bfloat16")):
        made = table({"settings": settings | given, "result": summary(each)})
        assert made.splitlines()[-1] == expected.format(shown)

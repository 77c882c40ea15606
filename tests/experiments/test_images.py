"""Data sets of torchvision, in the files that it reads."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import jpegdomain as jd
from experiments.lib import arguments
from experiments.lib.labelled import load_all
from jpegdomain.decoding import Entry

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture
def cifar100(tmp_path, monkeypatch):
    """A generated CIFAR-100: its pixels, by split."""
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    random = np.random.default_rng(0)
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    pixels = {}
    for split, count in (("train", 7), ("test", 5)):
        pixels[split] = random.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
        entry = {"data": pixels[split].reshape(count, -1), "fine_labels": list(range(count))}
        (folder / split).write_bytes(pickle.dumps(entry))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": [str(n) for n in range(100)]}))
    return tmp_path, pixels


def test_cifar_is_complete_and_in_order(cifar100):
    root, pixels = cifar100
    options = SimpleNamespace(data="cifar100", root=root, download=False, limit=None)
    training, testing = arguments.split(options)
    assert (training.classes, training.channels, len(training), len(testing)) == (100, 3, 7, 5)
    for images, split in ((training, "train"), (testing, "test")):
        loaded = load_all(images, torch.float64, torch.device("cpu"), quiet=True)
        expected = (pixels[split] / 255 - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
        np.testing.assert_allclose(loaded.decoded().images.numpy(), expected, rtol=0, atol=1e-12)
        assert loaded.labels.tolist() == list(range(len(images)))
        assert images.identity() != training.identity() or split == "train"


def test_training_needs_images_of_one_size(tmp_path):
    for name, size in (("a", (16, 8)), ("b", (8, 8))):
        (tmp_path / "class").mkdir(exist_ok=True)
        Image.new("RGB", size).save(tmp_path / "class" / f"{name}.jpg")
    options = SimpleNamespace(data=str(tmp_path), root=None, download=False, limit=None)
    with pytest.raises(SystemExit, match="images of 8×16 and of 8×8: all training images must have the same size"):
        load_all(arguments.images(options), torch.float32, torch.device("cpu"), quiet=True)


def test_files_are_in_the_folders_order(tmp_path):
    """They are read size by size, and put back in order."""
    (tmp_path / "class").mkdir()
    for number in range(4):
        Image.new("L", (8, 8), 60 * number).save(tmp_path / "class" / f"{number}.jpg", quality=100)
    loaded = load_all(
        arguments.images(SimpleNamespace(data=str(tmp_path), root=None, download=False, limit=None)),
        torch.float64,
        torch.device("cpu"),
        True,
    )
    assert isinstance(loaded.images, jd.Activation)
    levels = 255 * loaded.decoded().images.mean((1, 2, 3)) * Entry(1).std
    np.testing.assert_allclose(levels.numpy(), [0, 60, 120, 180], atol=1)

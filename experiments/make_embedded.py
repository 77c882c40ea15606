"""Make `experiments/embedded`: 300 test digits of MNIST as JPEG files, and a small ResNet trained on MNIST.

Experiments and tests use them if no data folder is given. Run from the repository's root:

    python -m experiments.make_embedded --mnist FOLDER
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torchvision.datasets import MNIST
from tqdm import tqdm

from jpegdomain.models import three_block_net

EMBEDDED = Path(__file__).parent / "embedded"
PADDING = 2  # 28×28 becomes 32×32, a whole number of 8×8 blocks: Ehrlich & Davis (2019)
IMAGES_PER_CLASS = 30
QUALITIES = (50, 75, 90, 95)  # their number is coprime to PROGRESSIVE_EVERY, so each quality occurs in both modes
PROGRESSIVE_EVERY = 5
ARCHITECTURE: dict[str, Any] = {"channels_in": 1, "classes": 10, "channels": (8, 16, 32)}
BATCH = 128
MAX_LEARNING_RATE = 1e-2
MAX_SHIFT = 2


def load_mnist(root: Path, train: bool, download: bool) -> tuple[Tensor, Tensor]:
    """Read a split of MNIST, zero-padded to 32×32.

    Returns:
        (n, 1, 32, 32) uint8 pixels and (n,) labels.
    """
    dataset = MNIST(root, train=train, download=download)
    return F.pad(dataset.data, (PADDING,) * 4).unsqueeze(1), dataset.targets


def choose_digits(labels: Tensor, seed: int) -> list[int]:
    """Draw `IMAGES_PER_CLASS` indices of each class.

    Args:
        labels: (n,) labels.
        seed: Seed of the draw.
    """
    rng = np.random.default_rng(seed)
    chosen: list[int] = []
    for digit in range(10):
        members = np.flatnonzero(labels.numpy() == digit)
        chosen += sorted(rng.choice(members, IMAGES_PER_CLASS, replace=False).tolist())
    return chosen


def write_digits(folder: Path, pixels: Tensor, labels: Tensor, indices: list[int]) -> None:
    """Write images as `<class>/<index>.jpg`, after removing the JPEG files of an earlier run.

    Args:
        folder: Where the class folders go.
        pixels: (n, 1, 32, 32) uint8.
        labels: (n,) labels.
        indices: Indices of the images to write.
    """
    for stale in folder.glob("[0-9]/*.jpg"):
        stale.unlink()
    for position, index in enumerate(indices):
        path = folder / str(labels[index].item()) / f"{index:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[index, 0].numpy()).save(
            path,
            quality=QUALITIES[position % len(QUALITIES)],
            progressive=position % PROGRESSIVE_EVERY == 0,
            optimize=True,
        )


def read_digits(folder: Path) -> tuple[Tensor, Tensor]:
    """Decode the files of `write_digits` with Pillow.

    Returns:
        (n, 1, 32, 32) uint8 pixels and (n,) labels.
    """
    paths = sorted(folder.glob("[0-9]/*.jpg"))
    pixels = [torch.from_numpy(np.array(Image.open(path))) for path in paths]
    return torch.stack(pixels).unsqueeze(1), torch.tensor([int(path.parent.name) for path in paths])


def shift_randomly(pixels: Tensor) -> Tensor:
    """Shift each image by up to `MAX_SHIFT` pixels in each direction.

    The shift is cyclic, but moves only zeros across the edge, since `MAX_SHIFT` is no wider than the padding.

    Args:
        pixels: (n, 1, 32, 32).
    """
    n, _, height, width = pixels.shape
    down, right = torch.randint(-MAX_SHIFT, MAX_SHIFT + 1, (2, n, 1))
    rows = (torch.arange(height) - down) % height
    columns = (torch.arange(width) - right) % width
    return pixels[torch.arange(n)[:, None, None], 0, rows[:, :, None], columns[:, None, :]].unsqueeze(1)


def batches(pixels: Tensor, labels: Tensor, epochs: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield shuffled, augmented training batches; the last batch of an epoch is dropped if it is incomplete.

    Args:
        pixels: (n, 1, 32, 32) uint8.
        labels: (n,) labels.
        epochs: Passes over the data.

    Yields:
        Pixels in [0, 1], and labels.
    """
    for _ in range(epochs):
        order = torch.randperm(len(labels))
        for chosen in order[: len(order) // BATCH * BATCH].split(BATCH):
            yield shift_randomly(pixels[chosen]) / 255, labels[chosen]


def train(pixels: Tensor, labels: Tensor, seed: int, epochs: int) -> nn.Module:
    """Train the network of `ARCHITECTURE` with Adam and a one-cycle learning rate.

    Args:
        pixels: (n, 1, 32, 32) uint8.
        labels: (n,) labels.
        seed: Seed of the initial weights, the order and the shifts.
        epochs: Passes over the data.
    """
    torch.manual_seed(seed)
    net = three_block_net(**ARCHITECTURE)
    steps = epochs * (len(labels) // BATCH)
    optimizer = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, MAX_LEARNING_RATE, total_steps=steps)
    for x, y in tqdm(batches(pixels, labels, epochs), total=steps, desc="training"):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def accuracy(net: nn.Module, pixels: Tensor, labels: Tensor) -> float:
    """Measure top-1 accuracy.

    Args:
        net: The network, in evaluation mode.
        pixels: (n, 1, 32, 32) uint8.
        labels: (n,) labels.
    """
    predicted = torch.cat([net(part / 255).argmax(1) for part in pixels.split(1000)])
    return (predicted == labels).double().mean().item()


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    data = os.environ.get("JPEGDOMAIN_DATA")
    parser = argparse.ArgumentParser(prog="python -m experiments.make_embedded", description=__doc__)
    parser.add_argument(
        "--mnist",
        type=Path,
        default=Path(data) / "mnist" if data else None,
        required=data is None,
        help="folder of torchvision.datasets.MNIST (default: $JPEGDOMAIN_DATA/mnist)",
    )
    parser.add_argument("--download", action="store_true", help="let torchvision fetch MNIST into it")
    parser.add_argument("--out", type=Path, default=EMBEDDED, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--epochs", type=int, default=8, help="default: %(default)s")
    return parser.parse_args()


def main() -> None:
    """Write the images, train the network, measure it on both test sets and save it."""
    arguments = parse_arguments()
    torch.set_num_threads(1)  # the order of float additions, and hence the weights, depend on the number of threads
    test = load_mnist(arguments.mnist, train=False, download=arguments.download)
    digits = arguments.out / "digits"
    write_digits(digits, *test, choose_digits(test[1], arguments.seed))

    training = load_mnist(arguments.mnist, train=True, download=arguments.download)
    net = train(*training, arguments.seed, arguments.epochs)
    trained = {
        "seed": arguments.seed,
        "epochs": arguments.epochs,
        "accuracy": accuracy(net, *test),
        "accuracy_digits": accuracy(net, *read_digits(digits)),
        "torch": str(torch.__version__),  # otherwise a subclass of str, which weights_only refuses
        "command": "python -m experiments.make_embedded --mnist FOLDER"
        f" --seed {arguments.seed} --epochs {arguments.epochs}",
    }
    torch.save(
        {"state_dict": net.state_dict(), "architecture": ARCHITECTURE, "trained": trained},
        arguments.out / "model.pt",
    )
    print(f"MNIST test split: {trained['accuracy']:.4f}; the JPEG files: {trained['accuracy_digits']:.4f}")


if __name__ == "__main__":
    main()

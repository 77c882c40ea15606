"""What the conversion's tests share: models with weights that matter, and real JPEG bytes."""

import functools

import torch
import torchvision
from torch import nn

import jpegdomain as jd

from ..codec.oracle import FIXTURES, jpeg, noise

SIZES = [(224, 224), (160, 213), (97, 131), (33, 8), (7, 5)]

PILLOW = {
    "4:4:4": dict(subsampling="4:4:4"),
    "4:2:2": dict(subsampling="4:2:2", restart_marker_blocks=3),
    "4:2:0": dict(subsampling="4:2:0"),
    "progressive": dict(subsampling="4:2:0", progressive=True),
    "rgb": dict(keep_rgb=True),
}


def randomised(model, seed=0):
    """Give a model batch-norm statistics and parameters such that a layer that ignores them is noticed."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            tensors = (module.running_mean, module.running_var, module.weight, module.bias)
            for place, tensor in enumerate(tensors):
                if tensor is not None:
                    with torch.no_grad():
                        # Variances and gains are positive.
                        if place in (1, 2):
                            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
                        else:
                            tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator))
    return model


@functools.lru_cache(maxsize=1)
def network(name):
    """A float64 model in eval mode, with random weights and perturbed statistics."""
    torch.manual_seed(0)
    builders = {
        "three_block": jd.models.three_block_net,
        "cifar_resnet20": jd.models.cifar_resnet20,
        "cifar_resnet32": jd.models.cifar_resnet32,
    }
    model = builders[name]() if name in builders else torchvision.models.get_model(name, weights=None)
    return randomised(model).double().eval()


def files(size):
    """Return one file of every sampling and kind, all of one size."""
    height, width = size
    made = [jpeg(noise(*size, seed=k), quality=75 + 3 * k, **kind) for k, kind in enumerate(PILLOW.values())]
    made.append(jpeg(noise(*size, channels=1), quality=60))
    made += [(FIXTURES / "sampled" / f"{name}-{height}x{width}.jpg").read_bytes() for name in ("440", "411")]
    return [jd.read_jpeg(data) for data in made]


def batch(size, dtype=torch.float64):
    return jd.collate(files(size), dtype=dtype)


def small():
    torch.manual_seed(0)
    return jd.models.three_block_net(3, 10, (4, 6, 8)).double().eval()


def agrees(model, converted=None, shape=(2, 3, 19, 21), tolerance=1e-9):
    model = model.double().eval()
    pixels = torch.randn(shape, dtype=torch.float64)
    report = jd.verify(model, jd.convert(model) if converted is None else converted, jd.encode(pixels))
    assert report.magnitude > 0
    return report.passes(tolerance)


def nets(forward, **layers):
    """Return a network whose forward is a function of the network and x."""
    net = type("Net", (nn.Module,), {"forward": forward})()
    for name, layer in layers.items():
        setattr(net, name, layer)
    return net


def stem(channels=64, dtype=torch.float64):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, channels, 3, 1, 1), nn.BatchNorm2d(channels), nn.ReLU(), nn.Flatten())
    return randomised(model).to(dtype).eval()

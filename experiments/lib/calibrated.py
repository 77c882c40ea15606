"""torchvision's CNN classifiers, with random weights for which the logits still depend on the image.

With the random weights and running statistics that torchvision sets, the activations of deep networks vanish or
explode, and the logits hardly depend on the image: a comparison could not fail.
"""

from typing import Any

import torch
import torchvision
from torch import Tensor, nn

__all__ = ["calibrate", "classifier", "cnn_classifiers", "smallest_extent"]

_TRANSFORMERS = ("maxvit", "swin", "vit")


def cnn_classifiers() -> list[str]:
    """List the classifiers of the installed torchvision except transformers, the smallest first."""
    names = torchvision.models.list_models(module=torchvision.models)
    cnns = [name for name in names if not name.startswith(_TRANSFORMERS)]
    return sorted(cnns, key=lambda name: torchvision.models.get_model_weights(name).DEFAULT.meta["num_params"])


def smallest_extent(name: str) -> tuple[int, int]:
    """Return a small height and width that a classifier still accepts, with partial blocks in its feature maps."""
    return {"inception_v3": (91, 83), "alexnet": (67, 75)}.get(name, (35, 43))


def classifier(name: str, seed: int = 0, **settings: Any) -> nn.Module:
    """Make a classifier with random weights.

    Returns:
        The model in float32 and eval mode.
    """
    torch.manual_seed(seed)
    if name in {"googlenet", "inception_v3"}:
        # Their own initialisation draws truncated normals by rejection sampling, which takes minutes.
        settings = {"init_weights": False} | settings
    return torchvision.models.get_model(name, weights=None, **settings).eval()


@torch.no_grad()
def calibrate(model: nn.Module, images: Tensor, seed: int = 0) -> nn.Module:
    """Perturb the norms' parameters, and give batch norms statistics that keep activations at a constant scale.

    Args:
        model: Changed in place; in eval mode.
        images: (n, c, h, w) of the model's dtype; batch norms take their statistics, perturbed, from these.
        seed: Seed of the perturbations.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(like: Tensor, low: float, high: float) -> Tensor:
        drawn = torch.rand(like.shape, generator=generator, dtype=torch.float64)
        return (low + (high - low) * drawn).to(like)

    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm) and module.weight is not None:
            module.weight.copy_(uniform(module.weight, 0.5, 1.5))
            module.bias.copy_(uniform(module.bias, -0.5, 0.5))
        if isinstance(scale := getattr(module, "layer_scale", None), nn.Parameter):
            scale.copy_(uniform(scale, 0.3, 0.7))
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    model(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
        if norm.running_mean is not None and norm.running_var is not None:
            norm.running_mean.add_(0.1 * norm.running_var.sqrt() * uniform(norm.running_mean, -1, 1))
            norm.running_var.mul_(uniform(norm.running_var, 0.8, 1.25)).add_(1e-3)
    return model

"""What the tests of activations share: a model on pixels and the same object on coefficients, compared up to
rounding."""

import torch
from torch import Tensor, nn

import jpegdomain as jd


def pixels(*sizes, seed=1, dtype=torch.float64):
    return torch.randn(
        *(sizes or (2, 3, 64, 64)), dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    ).to(dtype)


def leaves(value):
    """All tensors of nested outputs, activations decoded, in order."""
    if isinstance(value, jd.Activation):
        return [jd.decode(value)]
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        return [leaf for key in value for leaf in leaves(value[key])]
    if isinstance(value, (tuple, list)):
        return [leaf for each in value for leaf in leaves(each)]
    return []


def structure(value):
    """Nested outputs without their tensors: classes, keys, numbers of parts, sizes."""
    if isinstance(value, (jd.Activation, Tensor)):
        return tuple(value.shape), value.dtype
    if isinstance(value, dict):
        return type(value), [(key, structure(value[key])) for key in value]
    if isinstance(value, (tuple, list)):
        return type(value), [structure(each) for each in value]
    return value


TOLERANCE = {
    torch.float64: 1e-9,
    torch.complex128: 1e-9,
    torch.float32: 1e-5,
    torch.float16: 1e-2,
    torch.bfloat16: 1e-1,
}


def assert_same(got, expected, tolerance=None):
    assert structure(got) == structure(expected)
    for one, other in zip(leaves(got), leaves(expected), strict=True):
        if not (other.is_floating_point() or other.is_complex()):
            assert torch.equal(one, other)
            continue
        size = other.abs().max().item() if other.numel() else 0.0
        difference = (one - other).abs().max().item() if other.numel() else 0.0
        limit = TOLERANCE[other.dtype] if tolerance is None else tolerance
        assert difference <= limit * max(size, 1e-3), f"{difference:.3g} of {size:.3g}"


def awake(model, images):
    """Give random weights' batch norms the statistics of some images, so that the network tells images apart."""
    kept = {m: m.momentum for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)}
    for module in kept:
        module.momentum = 1.0
    model.train()
    with torch.no_grad():
        model(images)
    for module, momentum in kept.items():
        module.momentum = momentum
    return model.eval()


def gradients(model, given, seed=3):
    """A training step's gradients of all parameters that have one."""
    torch.manual_seed(seed)
    model.zero_grad()
    sum(leaf.square().mean() for leaf in leaves(model(given)) if leaf.is_floating_point()).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_gradients(model, images, tolerance=1e-8):
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    expected = gradients(model, images)
    after = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(state)
    got = gradients(model, jd.encode(images))
    assert list(got) == list(expected)
    largest = max(gradient.abs().max().item() for gradient in expected.values())
    for name, gradient in expected.items():
        difference = (got[name] - gradient).abs().max().item()
        assert difference <= tolerance * max(gradient.abs().max().item(), 1e-3 * largest), name
    assert_same(dict(model.state_dict()), after, tolerance)

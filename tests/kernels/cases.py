"""Small random cases for oneDNN and torch's own vectorised kernels, and how each is run.

A case is run in its dtype and memory format, and in contiguous float64, where torch uses neither.
"""

import random
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.conversion import onednn
from jpegdomain.errors import InputError
from jpegdomain.functional.faulty_kernels import adds_safely, check_windows

__all__ = ["CONVOLUTIONS", "OPERATIONS", "Case", "draw", "error", "known"]

CONVOLUTIONS = ("conv2d", "conv_transpose2d", "packed")
OPERATIONS = (*CONVOLUTIONS, "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "batch_norm", "group_norm")

TOLERANCES = {"float32": 1e-5, "bfloat16": 1e-1, "float64": 1e-12}
"""Of the norm of the difference, relative to the result's."""


@dataclass(frozen=True)
class Case:
    """One call and its backward pass."""

    operation: str
    dtype: str
    channels_last: bool
    batch: int
    inputs: int
    outputs: int
    groups: int
    size: tuple[int, int]
    kernel: int
    stride: tuple[int, int]
    padding: int
    dilation: int

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Shape of the convolution's kernel."""
        first, second = self.outputs, self.inputs
        if self.operation == "conv_transpose2d":
            first, second = second, first
        return first, second // self.groups, self.kernel, self.kernel


def draw(number: int, operations: tuple[str, ...] = OPERATIONS) -> Case:
    """Draw a case; the same for the same number.

    Args:
        number: From 0 on.
        operations: To choose from; one named twice comes twice as often.

    Returns:
        A case that torch accepts.
    """
    rng = random.Random(number)
    operation = rng.choice(operations)
    dtype = "float32" if operation == "packed" else rng.choice(("float32", "float32", "bfloat16", "float64"))
    kernel, dilation = rng.choice((1, 1, 2, 3, 5, 7)), rng.choice((1, 1, 2))
    padding = rng.choice((0, 0, dilation * (kernel // 2), 1))
    if operation.endswith("pool2d"):
        padding = min(padding, kernel // 2)
    reach = dilation * (kernel - 1) + 1
    sides = [side for side in (1, 2, 3, 4, 5, 7, 8, 9, 14, 16, 24, 32) if side + 2 * padding >= reach]
    kind = rng.choice(("one", "one", "two", "depthwise"))
    groups, inputs, outputs = 1, rng.randint(1, 17), rng.randint(1, 17)
    if kind == "two" or operation == "group_norm":
        groups = 2
        inputs, outputs = 2 * rng.randint(1, 9), 2 * rng.randint(1, 9)
    elif kind == "depthwise":
        groups, outputs = inputs, inputs * rng.choice((1, 2))
    return Case(
        operation, dtype, rng.random() < 0.7, rng.choice((1, 2, 10)), inputs, outputs, groups,
        (rng.choice(sides), rng.choice(sides)), kernel, rng.choice(((1, 1), (2, 2), (2, 2), (3, 3), (2, 1), (1, 2))),
        padding, dilation,
    )  # fmt: skip


def known(case: Case) -> int | None:
    """Say which fault of `jpegdomain.functional.faulty_kernels` a case may run into, on some CPU.

    Args:
        case: To be run.

    Returns:
        Its number there, or None.
    """
    strided = case.stride != (1, 1) and case.kernel == 1 and case.padding == 0
    if (case.operation, case.dtype) == ("conv2d", "float32") and strided and case.groups == 1 and 1 < case.inputs < 8:
        return 1
    if case.operation == "packed" and not adds_safely(case.outputs, case.groups):
        return 2
    if case.operation in ("conv2d", "packed") and case.kernel == 1 and case.dilation > 1:
        return 4
    if case.operation == "max_pool2d":
        try:
            check_windows(case.size, case.kernel, case.stride, case.padding, case.dilation)
        except InputError:
            return 3
    return None


def error(case: Case) -> float:
    """Run a case.

    Args:
        case: To run.

    Returns:
        The largest relative error of its result and gradients over `TOLERANCES`; infinite if one is not a number.
    """
    generator = torch.Generator().manual_seed(0)
    dtype: torch.dtype = getattr(torch, case.dtype)
    shapes: list[tuple[int, ...]] = [(case.batch, case.inputs, *case.size)]
    if case.operation in CONVOLUTIONS:
        shapes += [case.weight_shape, (case.outputs,)]
    elif case.operation.endswith("norm"):
        shapes += [(case.inputs,), (case.inputs,)]
    exact = [torch.randn(shape, generator=generator).to(dtype).double() for shape in shapes]
    own = [each.to(dtype) for each in exact]
    if case.channels_last:
        own = [x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x for x in own]
    expected, found = _run(case, exact), _run(case, own)
    worst = max(_relative(ours, right) for ours, right in zip(found, expected, strict=True))
    return worst / TOLERANCES[case.dtype]


def _relative(ours: Tensor, right: Tensor) -> float:
    difference = (ours.double() - right).norm() / right.norm().clamp(min=1e-3 * right.numel() ** 0.5)
    return float(difference.nan_to_num(torch.inf))


def _run(case: Case, tensors: list[Tensor]) -> list[Tensor]:
    """The result and all gradients."""
    if case.operation == "packed":
        return _packed(case, *tensors)
    tensors = [x.detach().requires_grad_() for x in tensors]
    result = _call(case, *tensors)
    generator = torch.Generator().manual_seed(1)
    against = torch.randn(result.shape, generator=generator).to(tensors[0].dtype)
    # Gradients arrive as the following layers give them, which keep the memory format.
    if case.channels_last and result.is_contiguous(memory_format=torch.channels_last):
        against = against.contiguous(memory_format=torch.channels_last)
    result.backward(against)
    if (case.operation, case.dtype) == ("max_pool2d", "bfloat16"):
        # Any of several equal numbers, which are frequent in bfloat16, may get the gradient.
        return [result.detach()]
    return [result.detach(), *(x.grad for x in tensors if x.grad is not None)]


def _call(case: Case, x: Tensor, *parameters: Tensor) -> Tensor:
    window: dict[str, Any] = {"stride": case.stride, "padding": case.padding}
    match case.operation:
        case "conv2d":
            return F.conv2d(x, *parameters, **window, dilation=case.dilation, groups=case.groups)
        case "conv_transpose2d":
            return F.conv_transpose2d(x, *parameters, stride=case.stride, groups=case.groups, dilation=case.dilation)
        case "max_pool2d":
            return F.max_pool2d(x, case.kernel, **window, dilation=case.dilation)
        case "avg_pool2d":
            return F.avg_pool2d(x, case.kernel, **window)
        case "adaptive_avg_pool2d":
            return F.adaptive_avg_pool2d(x, min(case.kernel, *case.size))
        case "batch_norm":
            count = x.numel() // x.shape[1]
            mean, variance = torch.zeros(x.shape[1], dtype=x.dtype), torch.ones(x.shape[1], dtype=x.dtype)
            return F.batch_norm(x, mean, variance, *parameters, training=count > 4)
        case "group_norm":
            return F.group_norm(x, case.groups, *parameters)
    raise AssertionError(case.operation)


def _packed(case: Case, x: Tensor, weight: Tensor, bias: Tensor) -> list[Tensor]:
    """Run what converted models run in eval: `jpegdomain.conversion.onednn`."""
    settings = ([case.padding] * 2, list(case.stride), [case.dilation] * 2, case.groups)
    plain = F.conv2d(x, weight, bias, case.stride, case.padding, case.dilation, case.groups)
    generator = torch.Generator().manual_seed(2)
    other = torch.randn(plain.shape, generator=generator).to(x.dtype)
    summable = other.shape[1] > 1 and other.shape[2:] != (1, 1)
    if x.dtype == torch.float64:
        return [plain, plain.relu(), *([(plain + other).relu()] * 2 if summable else [])]
    if case.channels_last:
        other = other.contiguous(memory_format=torch.channels_last)
    kernel = onednn.pack(weight.contiguous(), settings, x.shape)
    results = [onednn.convolve(x, kernel, bias, settings, relu=relu) for relu in (False, True)]
    if summable:
        results += [
            onednn.convolve(x, kernel, bias, settings, relu=True, other=other.clone(), inplace=inplace)
            for inplace in (False, True)
        ]
    return results

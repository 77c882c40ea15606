"""A network in the engines that can run it on this CPU: torch.compile, ONNX Runtime, OpenVINO."""

import ctypes
import importlib.util
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["check", "compiled", "engines", "in_engines", "keep_memory"]

_Run = Callable[[], object]
_Engine = Callable[[Tensor], Any]
_SAME = 1e-3
"""How far another engine's float32 logits may be off, relative to the largest logit."""


def keep_memory() -> None:
    """Let the C library keep the memory that torch frees, as other engines do, so that no new pages are zeroed."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        # M_MMAP_MAX and M_TRIM_THRESHOLD of malloc.h.
        library.mallopt(-4, 0)
        library.mallopt(-1, 2**31 - 1)


def _onnx(model: nn.Module, given: Tensor, folder: str) -> Path:
    path = Path(folder) / "network.onnx"
    torch.onnx.export(model, (given,), path, dynamo=True, external_data=False, verbose=False)
    return path


def _onnx_runtime(model: nn.Module, given: Tensor) -> _Engine:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    with tempfile.TemporaryDirectory() as folder:
        session = onnxruntime.InferenceSession(_onnx(model, given, folder), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda pixels: session.run(None, {name: pixels.numpy()})[0]


def _openvino(model: nn.Module, given: Tensor) -> _Engine:
    import openvino

    # By default OpenVINO may round to bfloat16.
    settings = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    with tempfile.TemporaryDirectory() as folder:
        compiled = openvino.Core().compile_model(_onnx(model, given, folder), "CPU", settings)
    request = compiled.create_infer_request()
    return lambda pixels: request.infer([pixels.numpy()], share_inputs=True)[0]


def compiled(model: nn.Module, given: Any) -> _Run:
    """Compile the model by torch with frozen weights."""
    fast = torch.compile(model)

    def run() -> object:
        with torch._inductor.config.patch(freezing=True), torch.no_grad():
            return fast(given)

    return run


_ENGINES: dict[str, tuple[str, Callable[[nn.Module, Tensor], _Engine]]] = {
    "ONNX Runtime": ("onnxruntime", _onnx_runtime),
    "OpenVINO": ("openvino", _openvino),
}
"""Name → the package that has to be installed, and the function that prepares a module of one tensor."""


def engines(model: nn.Module, given: Tensor) -> dict[str, _Engine]:
    """Return, for each installed engine, a function that runs a network on contiguous tensors shaped like `given`."""
    installed = {
        name: run for name, (package, run) in _ENGINES.items() if importlib.util.find_spec(package) is not None
    }
    return {name: run_by(model, given.contiguous()) for name, run_by in installed.items()}


def in_engines(name: str, by_torch: _Run, exported: nn.Module, given: Tensor) -> dict[str, _Run]:
    """Return one side in every installed engine besides eager torch."""
    runs = {f"{name}, torch.compile": by_torch}
    for engine, run in engines(exported, given).items():
        runs[f"{name}, {engine}"] = partial(run, given.contiguous())
    return runs


def check(sides: dict[str, _Run]) -> None:
    """Raise unless all engines give the spatial network's logits, to the precision of float32."""
    expected = torch.as_tensor(np.asarray(sides["spatial"]()))
    for name, run in sides.items():
        got = torch.as_tensor(np.asarray(run()))
        deviation = ((got - expected).abs().max() / expected.abs().max()).item()
        if not deviation < _SAME:
            raise AssertionError(f"{name} is {deviation:.3g} off")

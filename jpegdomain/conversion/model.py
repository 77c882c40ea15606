"""What `convert` returns: the source's modules and keys, its graph on activations, and how to print its plan."""

import linecache
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from jpegdomain.activation import Activation
from jpegdomain.batch import JpegBatch, collate
from jpegdomain.codec import JpegImage
from jpegdomain.entry import Entry
from jpegdomain.errors import InputError
from jpegdomain.geometry import Extent
from jpegdomain.planning import Plan
from jpegdomain.preprocess import Transform

from .inference import for_inference, untouched
from .recording import Recorder
from .skeleton import copy_with_tensors

__all__ = ["Container", "ConvertedModel", "to_spatial"]


class Container(nn.Module):
    """Holds the layers of a source module whose own ``forward`` became part of the converted model's graph.

    Args:
        name: Of the source module's class.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def forward(self, *_: Any) -> Any:
        """Refuse to run: the code between these layers is part of the whole model's graph.

        Raises:
            InputError: Always.
        """
        raise InputError(
            f"{self._name} runs only as part of its converted model: convert it alone to run it alone, and hook the "
            "layers inside it"
        )

    def register_forward_hook(self, *_: Any, **__: Any) -> Any:
        """Refuse a hook that would never be called.

        Returns:
            Nothing.
        """
        return self.forward()

    def register_forward_pre_hook(self, *_: Any, **__: Any) -> Any:
        """Refuse a hook that would never be called.

        Returns:
            Nothing.
        """
        return self.forward()

    def _get_name(self) -> str:
        return self._name


class ConvertedModel(nn.Module):
    """A spatial model rewritten for JPEG coefficients; `convert` makes it.

    Called with a `JpegBatch`, with a list of `JpegImage`, which `collate` makes one, or with an `Activation` of
    normalised pixels, it returns what the model returns. Its
    ``state_dict`` has the source's keys, and its parameters are the source's spatial kernels, so that optimisers,
    checkpoints and ``train()``/``eval()`` work as ever. A gate that was given as `channels` adds its own, which begin
    with ``jpeg_entry.gate``.

    Args:
        graph: Of calls of this model's modules.
        source: The source's structure, without weights.
        trains: Whether the source's ``forward`` makes the same calls in training as in eval.
        name: Of the plan that it follows.
    """

    jpeg_entry: Entry
    preprocess: Transform | None = None
    """Of the files, where `convert` was given one: for `collate`."""
    _source: nn.Module

    def __init__(self, graph: fx.Graph, source: nn.Module, trains: bool, name: str) -> None:
        super().__init__()
        self._plan_name = name
        self._graph = graph
        self._trains = trains
        # Not a child: its parameters are not this model's.
        object.__setattr__(self, "_source", source)

    def recompile(self) -> None:
        """Make the forward pass from the graph again, after a change to it or to the modules that it calls."""
        graph, self._relied, self._folded = for_inference(self, self._graph)
        self._run, self._run_inference = _compile(self._graph), _compile(graph)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network.

        Args:
            *args: First files (`collate`, or a list of `read_jpeg`'s records), or normalised pixels in the transform
                domain (`encode`); then further arguments of the source's ``forward``.
            **kwargs: Likewise, by the source's names.

        Returns:
            What the source model returns, logits for a classifier.

        Raises:
            InputError: If the first argument is neither, or its dtype is not that of the model, or the model is in
                training and its source does something else in training than in eval, or ``torch.jit.trace`` calls.
        """
        if torch._C._get_tracing_state() is not None:
            raise InputError(
                "torch.jit.trace cannot follow extents: give jpegdomain.exportable(model, …) to torch.export"
            )
        x = args[0] if args else next(iter(kwargs.values()), None)
        # Tuples of types, here and in the layers: torch 2.6 compiles no unions.
        if args and isinstance(x, (list, tuple)) and x and all(isinstance(image, JpegImage) for image in x):
            like = next(self.parameters(), torch.empty(0))
            x = collate(x, preprocess=self.preprocess, dtype=like.dtype, device=like.device)
            args = (x, *args[1:])
        if isinstance(x, (JpegBatch, Activation)):
            own = self._dtype(x.dtype)
            if own != x.dtype and not torch.is_autocast_enabled(x.device.type):
                raise InputError(f"the input is {x.dtype}, the model {own}: give it x.to({own})")
        if self.training and not self._trains:
            raise InputError(
                f"{type(self._source).__qualname__}.forward does something else in training than in eval, and its eval "
                "form was converted: call eval(), or write the difference as modules"
            )
        # A compiler folds and reuses memory by itself; torch.func's transforms see no memory.
        seen = torch.is_grad_enabled() or torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
        if not seen and untouched(self, self._relied):
            return self._run_inference(self, *args, **kwargs)
        return self._run(self, *args, **kwargs)

    def _dtype(self, default: torch.dtype) -> torch.dtype:
        """Of the first parameter."""
        for parameter in self.parameters():
            return parameter.dtype
        return default

    def plan(self, extent: Extent | Sequence[int], batch: int = 1, *args: Any, **kwargs: Any) -> Plan:
        """Say how a batch would run: each layer's form, cost and domain. ``print`` the result.

        The entry is not counted: what it costs depends on the files.

        Args:
            extent: Height and width of the images in pixels.
            batch: Images.
            *args: Further arguments of the source's ``forward``.
            **kwargs: Likewise.

        Returns:
            The plan, for eval mode.
        """
        extent = Extent(*extent)
        # On the meta device shapes are worked out and nothing is computed.
        model = copy_with_tensors(self, lambda _, tensor: tensor.to("meta")).eval()
        dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)
        images = torch.empty(batch, self.jpeg_entry.channels or 3, *extent.canvas, dtype=dtype, device="meta")
        recorder = Recorder(model, self._graph, self._folded)
        with torch.no_grad():
            recorder.run(*_positional(self._graph, (Activation(images, extent), *args), kwargs))
        return Plan(batch, extent, tuple(recorder.steps))

    def __getstate__(self) -> dict[str, Any]:
        made = {"_run", "_run_inference", "_relied", "_folded"}
        return {name: value for name, value in super().__getstate__().items() if name not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.recompile()


def _compile(graph: fx.Graph) -> Callable[..., Any]:
    """The graph as a function of the model and its arguments."""
    code = graph.python_code("self")
    name = f"<jpegdomain converted model {hash(code.src):x}>"
    namespace = dict(code.globals)
    exec(compile(code.src, name, "exec"), namespace)
    # Tracebacks show the generated lines.
    linecache.cache[name] = (len(code.src), None, code.src.splitlines(keepends=True), name)
    return namespace["forward"]


def _positional(graph: fx.Graph, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """All arguments in order, as `fx.Interpreter` takes them."""
    names = [node for node in graph.nodes if node.op == "placeholder"][len(args) :]
    return [*args, *(kwargs.get(str(node.target), *node.args) for node in names)]


def to_spatial(converted: ConvertedModel) -> nn.Module:
    """Give the spatial model back, with the converted model's present weights, statistics and mode.

    It takes pixels as they are: a set or a gate of frequency channels, which `convert` put into the entry, and mean and
    std stay behind.

    Args:
        converted: From `convert`, trained further or not.

    Returns:
        A new model of the source's class that shares nothing with `converted`.

    Raises:
        InputError: If a layer was replaced by one with other parameters than the source's.
    """
    current: dict[str, Tensor] = {**dict(converted.named_parameters()), **dict(converted.named_buffers())}
    present = converted.state_dict()
    for name, tensor in converted._source.state_dict().items():
        # Tied tensors have several names in a state dict and one among the parameters.
        found = present.get(name)
        if found is None or found.shape != tensor.shape:
            raise InputError(
                f"{name} is {'missing' if found is None else tuple(found.shape)} in the converted model and "
                f"{tuple(tensor.shape)} in its source: replace layers in the spatial model, then convert it"
            )

    def take(name: str, tensor: Tensor) -> Tensor:
        values = current.get(name, tensor)
        # The source's memory layout, which its skeleton still knows.
        return values.detach().new_empty_strided(tensor.shape, tensor.stride()).copy_(values.detach())

    spatial = copy_with_tensors(converted._source, take)
    for name, parameter in spatial.named_parameters():
        parameter.requires_grad_(current[name].requires_grad)
    modes = {path: module.training for path, module in converted.named_modules()}
    for path, module in spatial.named_modules():
        module.training = modes.get(path, converted.training)
    return spatial

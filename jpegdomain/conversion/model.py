"""What `convert` returns: the source's modules and keys, its graph on activations, and how to print its plan."""

import linecache
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call

from jpegdomain.activation import Activation
from jpegdomain.codec import JpegBatch
from jpegdomain.entry import Entry
from jpegdomain.errors import InputError
from jpegdomain.geometry import Extent
from jpegdomain.nn import Layer
from jpegdomain.planning import Cost, Plan, Step

from .memory import overwriting, untouched
from .skeleton import copy_with_tensors

__all__ = ["ENTRY", "Container", "ConvertedModel", "to_spatial"]

ENTRY = "jpeg_entry"
"""Name of the entry among a converted model's modules."""


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
    """A spatial model rewritten for the transform domain; `convert` makes it.

    Called with a `JpegBatch`, or with an `Activation` of normalised pixels, it returns what the model returns. Its
    ``state_dict`` has the source's keys, and its parameters are the source's spatial kernels, so that optimisers,
    checkpoints and ``train()``/``eval()`` work as ever.

    Args:
        graph: Of calls of this model's modules.
        source: The source's structure, without weights.
        trains: Whether the source's ``forward`` makes the same calls in training as in eval.
    """

    jpeg_entry: Entry
    _source: nn.Module

    def __init__(self, graph: fx.Graph, source: nn.Module, trains: bool) -> None:
        super().__init__()
        self._graph = graph
        self._trains = trains
        # Not a child: its parameters are not this model's.
        object.__setattr__(self, "_source", source)

    def recompile(self) -> None:
        """Make the forward pass from the graph again, after a change to it or to the modules that it calls."""
        graph, self._relied = overwriting(self, self._graph)
        self._run, self._run_overwriting = _compile(self._graph), _compile(graph)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network.

        Args:
            *args: First files (`collate`), or normalised pixels in the transform domain (`encode`); then further
                arguments of the source's ``forward``.
            **kwargs: Likewise, by the source's names.

        Returns:
            What the source model returns, logits for a classifier.

        Raises:
            InputError: If the first argument is neither, or its dtype is not that of the model, or the model is in
                training and its source does something else in training than in eval.
        """
        x = args[0] if args else next(iter(kwargs.values()), None)
        if isinstance(x, JpegBatch | Activation):
            own = next((p.dtype for p in self.parameters()), x.dtype)
            if own != x.dtype and not torch.is_autocast_enabled(x.device.type):
                raise InputError(f"the input is {x.dtype}, the model {own}: give it x.to({own})")
        if self.training and not self._trains:
            raise InputError(
                f"{type(self._source).__qualname__}.forward does something else in training than in eval, and its eval "
                "form was converted: call eval(), or write the difference as modules"
            )
        if not torch.is_grad_enabled() and untouched(self, self._relied):
            return self._run_overwriting(self, *args, **kwargs)
        return self._run(self, *args, **kwargs)

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
        steps: list[Step] = []
        extent = Extent(*extent)
        nodes = [node for node in self._graph.nodes if node.op == "call_module" and node.target != ENTRY]
        hooks = [
            self.get_submodule(path).register_forward_hook(_recorder(path, steps))
            for path in dict.fromkeys(str(node.target) for node in nodes)
        ]
        modes = [(module, module.training) for module in self.modules()]
        try:
            for module, _ in modes:
                module.training = False
            # On the meta device shapes are worked out and nothing is computed.
            tensors = (*self.named_parameters(), *self.named_buffers())
            meta = {name: tensor.detach().to("meta") for name, tensor in tensors}
            dtype = next((t.dtype for t in meta.values() if t.is_floating_point()), torch.float32)
            images = torch.empty(batch, self.jpeg_entry.channels or 3, *extent.canvas, dtype=dtype, device="meta")
            with torch.no_grad():
                functional_call(self, meta, (Activation(images, extent), *args), kwargs)
        finally:
            for hook in hooks:
                hook.remove()
            for module, mode in modes:
                module.training = mode
        return Plan(batch, extent, tuple(steps))

    def __getstate__(self) -> dict[str, Any]:
        made = {"_run", "_run_overwriting", "_relied"}
        return {name: value for name, value in self.__dict__.items() if name not in made}

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


def _recorder(path: str, steps: list[Step]) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
    def record(module: nn.Module, inputs: tuple[Any, ...], result: Any) -> None:
        given = next((x for x in _flat(inputs) if isinstance(x, Activation)), None)
        if isinstance(module, Layer) and given is not None:
            form, cost = module.cost(tuple(given.shape), given.coefficients.element_size())
        else:
            form, cost = "as it is", Cost()
        domain = "transform" if isinstance(result, Activation) else "pixels"
        shape = tuple(result.shape[1:]) if isinstance(result, Activation | Tensor) else ()
        kind = module.extra_repr() if module._get_name() == "Call" else module._get_name()
        steps.append(Step(path, kind, domain, shape, form, cost))

    return record


def _flat(inputs: Any) -> list[Any]:
    if isinstance(inputs, tuple | list):
        return [leaf for item in inputs for leaf in _flat(item)]
    return [inputs]


def to_spatial(converted: ConvertedModel) -> nn.Module:
    """Give the spatial model back, with the converted model's present weights, statistics and mode.

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

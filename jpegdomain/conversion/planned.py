"""A model's calls as one graph on activations and pixels: the fast equivalent of its own code."""

import linecache
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, fx, nn

from jpegdomain.nn import Layer
from jpegdomain.transform.checksums import checksums

from .inference import for_inference
from .recording import ENTRY, PATH
from .rewrite import PLAN
from .watch import Watch

__all__ = ["Planned"]


class Planned:
    """The plan of one converted model.

    Its layers are not modules of the model: they share the state of the model's modules, or have no state.

    Args:
        graph: Calls of the model's modules by their paths, and of `layers` by their names below ``_jpeg_plan``.
        layers: A dict from name to layer, or to a constant in the model's code.
        trains: Whether the calls are the same in training.
        fixed: Arguments that determined the calls, as in `tracing.Traced`.
        model: The model that the plan is for; no reference is kept.

    """

    def __init__(
        self,
        graph: fx.Graph,
        layers: dict[str, nn.Module | Tensor],
        trains: bool,
        fixed: dict[str, tuple[int, Any]],
        model: nn.Module,
    ) -> None:
        self.graph, self.trains, self.fixed = graph, trains, fixed
        paths = {id(vars(module)): path for path, module in reversed([*model.named_modules()])}
        self._views: dict[str, tuple[type[Layer], str]] = {}
        """For each layer that shares the state of one of the model's modules, its class and the module's path."""
        self._others: dict[str, Any] = {}
        for name, layer in layers.items():
            path = paths.get(id(vars(layer))) if isinstance(layer, Layer) else None
            if path is None:
                self._others[name] = layer
            else:
                self._views[name] = type(layer), path  # type: ignore[assignment]
        self.link(model)

    def link(self, model: nn.Module) -> None:
        """Make everything that is derived from the graph, for a new model or a copy."""
        for name, (kind, path) in self._views.items():
            setattr(self, name, kind.from_spatial(model.get_submodule(path)))
        for name, layer in self._others.items():
            setattr(self, name, layer)

        def fetch(path: str) -> Any:
            owner, _, name = path.partition(".")
            if owner == PLAN:
                return getattr(self, name)
            return None if path == ENTRY else model.get_submodule(path)

        graph, self._steps, self.folded = for_inference(self.graph, fetch, PLAN)
        for name, step in self._steps.items():
            setattr(self, name, step)
        self.run, self._run_inference = _compiled(self.graph), _compiled(graph)
        called = {str(node.target) for node in self.graph.nodes if node.op == "call_module"}
        leaves = {path for _, path in self._views.values()} | {path for path in called if not path.startswith(PLAN)}
        leaves |= {path for path, module in model.named_modules() if any(module is x for x in self._held())}
        self._watch = Watch(model, leaves - {ENTRY})
        self._code = [path for path, module in model.named_modules() if path not in leaves and module is not model]

    def _held(self) -> list[Any]:
        return [vars(layer).get("function") for layer in self._others.values() if isinstance(layer, nn.Module)]

    def holds(self, model: nn.Module) -> bool:
        """Return whether the model is still as it was when it was planned; if not, it needs a new plan."""
        return self._watch.holds(model)

    def takes(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Return whether the plan can run a call: no hooks are set, and it takes the same path through the code."""
        if self._watch.is_heard():
            return False
        if not self.trains and any(m.training for m in (model, *map(model.get_submodule, self._code))):
            return False
        for name, (place, value) in self.fixed.items():
            given = args[place] if place < len(args) else kwargs.get(name, value)
            if given is not value and (type(given) is not type(value) or given != value):
                return False
        return True

    def __call__(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the plan on the arguments of the source's ``forward``, with files or an activation as the image."""
        # A compiler folds constants and reuses memory itself; torch.func's transforms do not see memory.
        seen = torch.is_grad_enabled() or torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
        if seen:
            return self.run(model, *args, **kwargs)
        self._look()
        return self._run_inference(model, *args, **kwargs)

    def _look(self) -> None:
        """Tell the steps whether the tensors from which they made kernels are still the same."""
        parts = {step: step.parts() for step in self._steps.values()}
        states = checksums([tensor for tensors in parts.values() for tensor in tensors])
        place = 0
        for step, tensors in parts.items():
            end = place + len(tensors)
            shapes = [(tensor.shape, tensor.stride(), tensor.dtype) for tensor in tensors]
            step.checksum = (states[place:end].tobytes(), shapes) if tensors else None
            place = end

    def layers(self, model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
        """Yield the layers with their paths in the source; a function is listed beside the caller's children."""
        seen: set[int] = set()
        for node in self.graph.nodes:
            if node.op == "call_module" and PATH in node.meta:
                owner, _, name = str(node.target).partition(".")
                layer = getattr(self, name) if owner == PLAN else model.get_submodule(str(node.target))
                if id(layer) not in seen:
                    seen.add(id(layer))
                    yield str(node.meta[PATH]), layer

    def __getstate__(self) -> dict[str, Any]:
        kept = ("graph", "trains", "fixed", "_views", "_others")
        return {name: vars(self)[name] for name in kept}


def _compiled(graph: fx.Graph) -> Callable[..., Any]:
    """The graph as a function of the model and its arguments."""
    code = graph.python_code("self")
    name = f"<jpegdomain converted model {hash(code.src):x}>"
    namespace = dict(code.globals)
    exec(compile(code.src, name, "exec"), namespace)
    # Tracebacks show the generated lines.
    linecache.cache[name] = (len(code.src), None, code.src.splitlines(keepends=True), name)
    return namespace["forward"]

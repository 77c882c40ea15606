"""Rewrite the source's graph: each call in its domain, with J and J̃ between domains."""

import re
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from jpegdomain import functional
from jpegdomain.domains import Domain

from .calls import FeatureCall, FeatureCalls
from .layout import PLAIN, layout, splits
from .recording import ENTRY, ISLAND, PATH

__all__ = ["PLAN", "Rewriter"]

PLAN = "_jpeg_plan"
"""Attribute of a converted model under which its graph finds the layers."""

_GROUP_NORMS = {F.group_norm, torch.group_norm}
_CONSTANT = "_tensor_constant"
"""How fx names tensors that the model's code makes from numbers only."""


class Rewriter:
    """Walks the source's graph and builds the converted one; `stored` nodes are always coefficients."""

    def __init__(
        self,
        source: nn.Module,
        found: FeatureCalls,
        domains: dict[fx.Node, Domain],
        stored: set[fx.Node],
        shows_islands: bool,
    ) -> None:
        self.source = source
        self.layers: dict[str, nn.Module | Tensor] = {}
        """What the graph calls or reads besides the model's own modules and tensors, by name."""
        self._found, self._domains, self._stored = found, domains, stored
        self._shows_islands = shows_islands
        self.entrance: Domain = "transform"
        """The domain of the image."""
        self._graph = fx.Graph()
        self._plain: dict[fx.Node, fx.Node] = {}
        self._features: dict[fx.Node, dict[Domain, fx.Node]] = {}
        """For each node of the source's graph, its value in each domain in which it is needed."""

    def rewrite(self, graph: fx.Graph) -> fx.Graph:
        """Rewrite the source's graph; the first module of the new one is the entry."""
        for node in graph.nodes:
            call = self._found.calls.get(node)
            if node.op == "placeholder" and node in self._found.features:
                given = self._graph.node_copy(node)
                given.type = None
                entered = self._graph.call_module(ENTRY, (given,))
                # Results that must be coefficients are returned as coefficients.
                self.entrance = "transform" if node in self._stored else self._domains[node]
                self._features[node] = {self.entrance: entered}
            elif call is None:
                self._keep(node)
            else:
                self._place(node, call)
        self._graph.lint()
        return self._graph

    def _keep(self, node: fx.Node) -> None:
        """Copy a call that is given no feature map, or only needs its size: it stays as it was."""
        returns = node.op == "output"
        copied = self._graph.node_copy(
            node, lambda argument: self._value(argument, "pixels") if returns else self._as_it_is(argument)
        )
        if node.op == "placeholder":
            copied.type = None
        if node.op == "get_attr" and str(node.target).startswith(_CONSTANT):
            copied.target = self._named(str(node.target), getattr(self.source, str(node.target)))
        self._plain[node] = copied

    def _place(self, node: fx.Node, call: FeatureCall) -> None:
        domain = self._domains[node]
        arguments = fx.map_arg(call.arguments, lambda argument: self._value(argument, domain))
        keywords = fx.map_arg(call.keywords, lambda argument: self._value(argument, domain))
        layer = call.layer if domain == "transform" or getattr(call.layer, "on_pixels", False) else call.module
        if layer is None:
            # A function on pixels is called as before.
            new = self._graph.node_copy(node, lambda argument: self._value(argument, domain))
            if new.op == "call_method" and new.target == "view":
                # Layers here return channels-last pixels, whose axes views cannot merge.
                new.target = "reshape"
        elif layer is call.module:
            new = self._graph.call_module(call.path, arguments, keywords)
        else:
            new = self._graph.call_module(self._named(call.path, layer), arguments, keywords)
        if domain == "pixels" and (isinstance(call.module, nn.GroupNorm) or node.target in _GROUP_NORMS):
            self._make_contiguous(new)
        new.meta[PATH] = call.path
        new.meta[ISLAND] = self._shows_islands and call.island
        if call.returns_pixels:
            self._plain[node] = new
            return
        self._features[node] = {domain: new}
        if domain == "pixels" and node in self._stored:
            self._features[node] = {"transform": self._converted(node, new, "transform", call.path)}

    def _make_contiguous(self, norm: fx.Node) -> None:
        """Give a group norm the memory layout in which torch sums precisely: the other loses four digits in float32."""
        given = norm.all_input_nodes[0]
        with self._graph.inserting_before(norm):
            contiguous = self._graph.call_method("contiguous", (given,))
        norm.replace_input_with(given, contiguous)

    def _value(self, node: fx.Node, domain: Domain) -> fx.Node:
        """A node's value in the domain that a call needs."""
        if node not in self._features:
            return self._plain[node]
        values = self._features[node]
        if domain not in values:
            (there,) = values.values()
            # Directly after the call that makes it: later calls may overwrite it.
            path = str(there.meta.get(PATH, ENTRY))
            with self._graph.inserting_after(there):
                values[domain] = self._converted(node, there, domain, path)
        return values[domain]

    def _converted(self, node: fx.Node, value: fx.Node, domain: Domain, path: str) -> fx.Node:
        """The value of a node of the source's graph in the other domain."""
        axes = layout(node).axes
        function: Callable[..., Any]
        if splits(node):
            function = functional.each_to_pixels if domain == "pixels" else functional.each_from_pixels
        else:
            function = functional.decode if domain == "pixels" else functional.encode
        placed = domain == "transform" and layout(node) != PLAIN
        converted = self._graph.call_function(function, (value,), {"axes": axes} if placed else {})
        converted.meta[PATH] = path
        return converted

    def _as_it_is(self, node: fx.Node) -> fx.Node:
        if node in self._features:
            return next(iter(self._features[node].values()))
        return self._plain[node]

    def _named(self, path: str, layer: nn.Module | Tensor) -> str:
        """The name under which the graph finds a layer: in the model's plan, which is not one of its modules."""
        base = name = re.sub(r"\W", "_", f"at_{path}")
        number = 0
        while self.layers.get(name, layer) is not layer:
            number += 1
            name = f"{base}_{number}"
        self.layers[name] = layer
        return f"{PLAN}.{name}"

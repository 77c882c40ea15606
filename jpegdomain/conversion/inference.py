"""The graph without gradients: batch norms folded into kernels, and results written over values no longer needed."""

import copy
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from jpegdomain import functional
from jpegdomain import nn as layers

from .assign_domains import adds
from .recording import PATH
from .step import InferenceStep, can_fold

__all__ = ["for_inference"]

_NEW_MEMORY = (layers.Conv2d, layers.BatchNorm2d, layers.MaxPool2d, layers.AvgPool2d)
"""Layers whose result is always in new memory."""

_WRITERS = (layers.BatchNorm2d, layers.Piecewise)
"""Layers that take ``inplace``."""

_RECTIFIERS = (layers.ReLU, layers.ReLU6, layers.Hardtanh)
"""Layers that oneDNN can fuse with a convolution before them."""

_SUMS = {operator.add, operator.iadd, torch.add}

_Lookup = Callable[[fx.Node], Any]
"""Returns the module that a node calls."""


def for_inference(
    graph: fx.Graph, fetch: Callable[[str], Any], prefix: str
) -> tuple[fx.Graph, dict[str, InferenceStep], frozenset[str]]:
    """Return the graph to run without gradients, its steps by name, and the paths of folded batch norms."""
    graph = copy.deepcopy(graph)
    steps: dict[str, InferenceStep] = {}
    folded: set[str] = set()

    def module(node: fx.Node) -> Any:
        if str(node.target).startswith(f"{prefix}.step_"):
            return steps[str(node.target).removeprefix(f"{prefix}.")]
        return fetch(str(node.target)) if node.op == "call_module" else None

    places = {node: place for place, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        convolution = module(node)
        if not isinstance(convolution, layers.Conv2d) or type(convolution) is not layers.Conv2d:
            continue
        chain, norm, other, relu = [node], None, None, None
        reader = _reader(chain[-1])
        if reader is not None and isinstance(found := module(reader), layers.BatchNorm2d) and can_fold(found):
            norm = found
            chain.append(reader)
            folded.add(str(reader.meta[PATH]))
            reader = _reader(chain[-1])
        term = _other_term(reader, chain[-1]) if reader is not None and reader.target in _SUMS else None
        # The step runs at the convolution's position, before anything overwrites its input.
        before = term is not None and places[term] < places[node]
        if reader is not None and before and (reader.args[0] is chain[-1] or not _writes(reader, module)):
            other = term
            chain.append(reader)
            reader = _reader(chain[-1])
        if reader is not None and type(found := module(reader)) in _RECTIFIERS and reader.args == (chain[-1],):
            relu = found
            chain.append(reader)
        name = f"step_{len(steps)}"
        steps[name] = InferenceStep(convolution, norm, relu)
        with graph.inserting_before(node):
            terms = () if other is None else (other,)
            step = graph.call_module(f"{prefix}.{name}", (node.args[0], *terms))
        places[step] = places[node]
        chain[-1].replace_all_uses_with(step)
        for call in reversed(chain):
            graph.erase_node(call)
    for node in graph.nodes:
        source = _alone(node)
        layer = module(node)
        writes = isinstance(layer, _WRITERS) or adds(layer) or node.target in {functional.encode, functional.decode}
        if source is not None and writes and _is_new(source, module):
            node.kwargs = {**node.kwargs, "inplace": True}
    _add_in_place(graph, module)
    return graph, steps, frozenset(folded)


def _add_in_place(graph: fx.Graph, module: _Lookup) -> None:
    """Let steps write a sum into the memory of a term that nothing reads later."""
    places = {node: place for place, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        if not isinstance(module(node), InferenceStep) or len(node.args) < 2:
            continue
        term = node.args[1]
        assert isinstance(term, fx.Node)
        last = all(places[reader] <= places[node] for reader in term.users) and term is not node.args[0]
        # A reader whose result may be a view of the term would see the sum.
        copies = all(
            (reader.target is functional.encode and not reader.kwargs)
            or isinstance(module(reader), (*_NEW_MEMORY, InferenceStep))
            for reader in term.users
        )
        if last and copies and _is_new(term, module):
            node.kwargs = {"inplace": True}


def _alone(node: fx.Node) -> fx.Node | None:
    """A call's first argument, if nothing else reads it."""
    source = node.args[0] if node.op in {"call_module", "call_function"} and node.args else None
    return source if isinstance(source, fx.Node) and len(source.users) == 1 else None


def _reader(node: fx.Node) -> fx.Node | None:
    """The only call that reads a value, as its first argument or as a term of a sum."""
    return next(iter(node.users)) if len(node.users) == 1 else None


def _other_term(sum_: fx.Node, term: fx.Node) -> fx.Node | None:
    """What a call adds to a value, if it does nothing else and both are values of the graph."""
    if len(sum_.args) != 2 or sum_.kwargs:
        return None
    first, second = sum_.args
    other = second if first is term else first
    return other if isinstance(other, fx.Node) and other is not term else None


def _is_new(node: fx.Node, module: _Lookup) -> bool:
    """True if a call's result is memory of its own."""
    layer = module(node)
    if node.target in _SUMS:
        return not _writes(node, module)
    if node.op == "call_function":
        return node.target in {functional.decode, functional.encode}
    if isinstance(layer, layers.Piecewise):
        return bool(node.kwargs.get("inplace", False)) or not getattr(layer, "inplace", False)
    return isinstance(layer, (*_NEW_MEMORY, InferenceStep)) or adds(layer)


def _writes(sum_: fx.Node, module: _Lookup) -> bool:
    """True if a sum is written to memory that others, such as the caller, may use."""
    first = sum_.args[0] if sum_.args else None
    return sum_.target is operator.iadd and not (isinstance(first, fx.Node) and _is_new(first, module))

"""Which rule converts which layer: a table that users can extend."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, TypeAlias

from torch import nn

from jpegdomain.nn import Layer

from .options import LayerOptions

__all__ = ["AS_IT_IS", "Key", "Replacement", "Rule", "find_module_rule", "find_rule", "register_rule", "register_table"]

Key: TypeAlias = type[nn.Module] | Callable[..., Any] | str
"""A module class, a function as the model calls it, the name of a tensor method, or the dotted name of a class or a
function whose package need not be installed."""


AS_IT_IS: Literal["as it is"] = "as it is"
"""What a rule returns for a call that works on activations unchanged."""

Replacement: TypeAlias = nn.Module | tuple[nn.Module, tuple[Any, ...]] | Literal["as it is"]
"""What replaces the layer: a module called with the same arguments, a module and its arguments, or AS_IT_IS."""

Rule: TypeAlias = Callable[[Any, LayerOptions], Replacement]

_TableRule: TypeAlias = Callable[[Any, Any, LayerOptions], Replacement]

_RULES: dict[Key, Rule] = {}
_TABLES: list[tuple[Mapping[Any, Any], _TableRule]] = []


def register_rule(*keys: Key) -> Callable[[Rule], Rule]:
    """Register how a layer is converted; a later rule for the same key replaces an earlier one.

    The rule is called with the layer and its `LayerOptions`: for a module class with the converted model's module, for
    a function or a method with the ``torch.fx.Node``. It returns the module that does the layer's work on activations,
    most simply ``jpegdomain.nn.Pointwise(module)`` for a function of single pixels. Parameters of that module become
    the model's, in place of the original module's. A module whose attribute ``returns`` is 'pixels' leaves the
    transform domain.

    Args:
        *keys: Module classes, functions (``torch.nn.functional.relu``, ``operator.add``), or names of tensor methods;
            or, for a package that may not be installed, dotted names of its classes and functions, with the module that
            defines them.

    Returns:
        A decorator that registers a function and returns it.
    """

    def register(rule: Rule) -> Rule:
        _RULES.update(dict.fromkeys(keys, rule))
        return rule

    return register


def register_table(table: Mapping[Any, Any]) -> Callable[[_TableRule], _TableRule]:
    """Register one rule for all keys that a table has, now or later; its first argument is the table's entry."""

    def register(rule: _TableRule) -> _TableRule:
        _TABLES.append((table, rule))
        return rule

    return register


def find_rule(key: Key) -> Rule | None:
    """Look up a rule by the class, the function, or the method's name."""
    dotted = f"{getattr(key, '__module__', '')}.{getattr(key, '__qualname__', '')}"
    for name in (key, dotted):
        if name in _RULES:
            return _RULES[name]
    tables = ((table[name], rule) for name in (key, dotted) for table, rule in _TABLES if name in table)
    return next((partial(rule, entry) for entry, rule in tables), None)


def find_module_rule(module: nn.Module) -> Rule | None:
    """Look up a module's rule, by its class or by a base class whose computation its class does not change."""
    if isinstance(module, Layer):
        return lambda layer, _: layer
    for base in type(module).__mro__:
        if not issubclass(base, nn.Module) or base is nn.Module:
            continue
        if (rule := find_rule(base)) and _computes_as(type(module), base):
            return rule
    return None


def _computes_as(cls: type[nn.Module], base: type[nn.Module]) -> bool:
    """True if a subclass overrides nothing that its base class defines for the forward pass."""
    methods = {name for name, _ in inspect.getmembers(base, inspect.isfunction) if "forward" in name}
    return all(getattr(cls, name) is getattr(base, name) for name in methods)

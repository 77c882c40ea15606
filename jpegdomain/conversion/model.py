"""What `convert` returns: the source's own copy, with an entry in front and a plan to run it by."""

import copy
import types
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor, fx, nn

from jpegdomain.activation import Activation
from jpegdomain.codec import JpegImage
from jpegdomain.data import JpegBatch, collate
from jpegdomain.errors import InputError, UnsupportedLayerError
from jpegdomain.functional import encode
from jpegdomain.functional.islands import mapped
from jpegdomain.functional.pixels import pixels_of
from jpegdomain.geometry import Extent
from jpegdomain.planning import Plan
from jpegdomain.preprocess import Transform

from .approximated import approximated
from .building import Conversion
from .entered import Entered, check_preprocess, dtype_of
from .planned import Planned
from .recording import plan_of
from .watch import OWN, is_heard

__all__ = ["ConvertedModel", "become_converted", "source_class"]


class ConvertedModel(Entered):
    """A spatial model that takes JPEG coefficients; `convert` makes it.

    It is a copy of the source, of a subclass of its class, with the source's modules, parameters, methods and
    attributes. Called with a `JpegBatch`, with a list of `JpegImage`, which `collate` makes one, or with an
    `Activation` of normalised pixels, it returns what the source returns for the pixels.

    Where nobody has touched the modules, a plan runs their calls: on coefficients or on pixels, batch norms in the
    kernels. Where somebody listens in, by hooks, the source's own code runs on pixels, and hooks see what they see on
    the source. Modules that are replaced, patched or set otherwise are planned again at the next call.
    """

    preprocess: Transform | None
    """Of the files, where `convert` was given one: for `collate`."""
    _jpeg_orient: bool = False
    _jpeg_plan: Planned | None
    _jpeg_source: Conversion

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network.

        Args:
            *args: First files (`collate`, or a list of `read_jpeg`'s records), or normalised pixels in the transform
                domain (`encode`), or a list of either, each of a size of its own, for a source that takes a list of
                images; then further arguments of the source's ``forward``.
            **kwargs: The same by the source's names.

        Returns:
            What the source model returns, logits for a classifier.

        Raises:
            InputError: If the first argument is neither, or its dtype is not that of the model, or ``torch.jit.trace``
                calls; if a batch was collated without a preprocess and the model was converted with one, or by a
                pipeline with other mean and std than the entry's.

        """
        if torch._C._get_tracing_state() is not None:
            raise InputError("torch.jit.trace cannot follow extents: give jpegdomain.exportable(model) to torch.export")
        args = self._collated(args)
        first = args[0] if args else next(iter(kwargs.values()), None)
        several = isinstance(first, (list, tuple))
        for x in first if several else [first]:  # type: ignore[union-attr]
            self._check_dtype(x)
            if isinstance(x, JpegBatch):
                check_preprocess(x, self.preprocess, self.jpeg_entry)
        plan = self._jpeg_plan
        if plan is not None and not torch.compiler.is_compiling() and not plan.holds(self):
            plan = self._jpeg_plan = self._jpeg_source.plan(self)
        if plan is not None and not several and plan.takes(self, args, kwargs):
            return plan(self, args, kwargs)
        return self._by_source(args, kwargs, self._jpeg_source.strategy.own_code_on_pixels or is_heard(self))

    def _collated(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        x = args[0] if args else None
        # Tuples of types, here and in the layers: torch 2.6 compiles no unions.
        if isinstance(x, (list, tuple)) and x and all(isinstance(image, JpegImage) for image in x):
            like = next(self.parameters(), torch.empty(0))
            made = collate(
                x, preprocess=self.preprocess, orient=self._jpeg_orient, dtype=like.dtype, device=like.device
            )
            return (made, *args[1:])
        return args

    def _check_dtype(self, x: Any) -> None:
        own = dtype_of(self)
        differs = isinstance(x, (JpegBatch, Activation)) and own not in (None, x.dtype)
        if differs and not torch.is_autocast_enabled(x.device.type):
            raise InputError(f"the input is {x.dtype}, the model {own}: give it x.to({own})")

    def _by_source(self, args: tuple[Any, ...], kwargs: dict[str, Any], on_pixels: bool) -> Any:
        """Run the source's own code: on pixels, as hooks expect them, or on an activation by the table."""
        name = None if args else next(iter(kwargs), None)
        given: Any = args[0] if args else kwargs.get(name)  # type: ignore[arg-type]
        several = isinstance(given, (list, tuple)) and len(given) > 0
        x: Any = [self._image(each, on_pixels) for each in given] if several else self._entered(given, on_pixels)
        forward = vars(self).get("_jpeg_forward") or super().forward
        settings = self._jpeg_source.present(self)
        with approximated(self, settings) if settings.approximates else nullcontext():
            result = forward(x, *args[1:], **kwargs) if args else forward(**{**kwargs, str(name): x})
        return mapped(result, Activation, _pixels)

    def _entered(self, given: Any, on_pixels: bool) -> Activation | Tensor:
        x = self.jpeg_entry(given)
        if on_pixels:
            # As the source is given them: no view merges the axes of channels-last pixels.
            return (x if isinstance(x, Tensor) else pixels_of(x)).contiguous()
        return encode(x) if isinstance(x, Tensor) else x

    def _image(self, given: Any, on_pixels: bool) -> Any:
        """One of several images: a batch of one file without its first axis, as detectors take them."""
        x: Any = self._entered(given, on_pixels)
        return x[0] if isinstance(given, JpegBatch) and len(given) == 1 else x

    def plan(self, extent: Extent | Sequence[int], batch: int = 1, *args: Any, **kwargs: Any) -> Plan:
        """Return how a batch would run in eval mode: each layer's form, cost and domain; ``print`` it.

        Of a model that runs by its own code, the rows are the operations that meet activations, 'closed' or 'island'.
        The entry is not counted: what it costs depends on the files.

        Args:
            extent: Height and width of the images in pixels.
            batch: Images.
            *args: Further arguments of the source's ``forward``.
            **kwargs: The same by name.

        Returns:
            The plan.

        """
        return plan_of(self, Extent(*extent), batch, args, kwargs)

    @property
    def approximating(self) -> dict[str, nn.Module]:
        """Path, as `plan` names it → layer with ``frequencies`` and a ``method``, to be read and set."""
        plan = self._jpeg_plan
        return {} if plan is None else {path: x for path, x in plan.layers(self) if hasattr(x, "frequencies")}

    def extra_repr(self) -> str:
        """Describe the source's settings, and the entry."""
        return "\n".join(filter(None, [super().extra_repr(), f"(jpeg_entry): {self.jpeg_entry}"]))

    def __reduce_ex__(self, protocol: Any) -> Any:
        return blank, (source_class(self),), self.__getstate__()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self._jpeg_plan is not None:
            self._jpeg_plan.link(self)


def _pixels(x: Activation) -> Tensor:
    # Code may have turned gradients on for itself.
    with torch.set_grad_enabled(torch.is_grad_enabled() or x.requires_grad):
        return pixels_of(x)


def _deepcopy(model: ConvertedModel, memo: dict[int, Any]) -> Any:
    """Copy as pickles do, where the source's class has a way of its own that would lose what it does not know."""
    own = memo[id(model)] = blank(source_class(model))
    own.__setstate__(copy.deepcopy(model.__getstate__(), memo))
    return own


def _recompile(model: Any) -> Any:
    """Keep the code that a graph module writes as its class's forward, which is ours."""
    code, kind = fx.GraphModule.recompile(model), type(model)
    vars(model)["_jpeg_forward"] = types.MethodType(vars(kind)["forward"], model)
    for name in ("forward", "__call__", "_wrapped_call"):
        if name in vars(kind):
            delattr(kind, name)
    return code


_CLASSES: "WeakValueDictionary[type[nn.Module], type[ConvertedModel]]" = WeakValueDictionary()


def _converted_class(source: type[nn.Module]) -> type[ConvertedModel]:
    """The subclass of a source's class that its converted models have."""
    found = _CLASSES.get(source)
    if found is None:
        facts: dict[str, Any] = {"__module__": source.__module__, "__qualname__": f"Converted{source.__qualname__}"}
        if hasattr(source, "__deepcopy__"):
            facts["__deepcopy__"] = _deepcopy
        if issubclass(source, fx.GraphModule):
            facts["recompile"] = _recompile
        name, bases = f"Converted{source.__name__}", (ConvertedModel, source)
        found = _CLASSES[source] = types.new_class(name, bases, {}, lambda own: own.update(facts))
    return found


def source_class(converted: ConvertedModel) -> type[nn.Module]:
    """The class of the model that was converted."""
    bases = type(converted).__mro__
    return bases[bases.index(Entered) + 1]


def blank(source: type[nn.Module]) -> Any:
    """Make an object without attributes, of the class that converted models of a class have; for copies and pickles."""
    return object.__new__(_converted_class(source))


def become_converted(model: nn.Module) -> ConvertedModel:
    """Change the class of a copy of a source."""
    for name in ("plan", "approximating", *OWN):
        if hasattr(model, name):
            raise UnsupportedLayerError(
                f"{name}: a converted model needs this name for itself; rename the attribute of {type(model).__name__}"
            )
    model.__class__ = _converted_class(type(model))
    assert isinstance(model, ConvertedModel)
    if "forward" in vars(model):
        # A forward of the object's own would hide that of the class.
        vars(model)["_jpeg_forward"] = vars(model).pop("forward")
    return model

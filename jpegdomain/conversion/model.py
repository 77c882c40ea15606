"""What `convert` returns: a copy of the source, with an entry in front and a plan to run it."""

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
    """A model that takes JPEG coefficients; made by `convert`.

    It is a copy of the source with the source's modules, parameters, methods and attributes; its class is a subclass of
    the source's. It takes a `JpegBatch`, a list of `JpegImage` (of which it makes a batch), or an `Activation` of
    normalised pixels, and returns what the source returns for the pixels.

    A plan runs the modules' calls, on coefficients or on pixels, with batch norms folded into kernels. If there are
    hooks, the source's own code runs on pixels instead, and hooks see what they see on the source. If modules are
    replaced, patched, or get other settings, the model is planned again at the next call.
    """

    preprocess: Transform | None
    """The preprocess that `convert` was given, for `collate`; None if it was given none."""
    _jpeg_orient: bool = False
    _jpeg_plan: Planned | None
    _jpeg_source: Conversion

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network.

        Args:
            *args: First, files (from `collate`, or a list of `read_jpeg`'s records), or normalised pixels in the
                transform domain (from `encode`), or, for a source that takes a list of images, a list of either, with
                different sizes; then further arguments of the source's ``forward``.
            **kwargs: The same arguments by the source's names.

        Returns:
            What the source model returns, logits for a classifier.

        Raises:
            InputError: If the first argument is none of these, or its dtype is not the model's, or ``torch.jit.trace``
                is tracing; if a batch was made without a preprocess, but the model was converted with one; or if the
                batch's mean and std are not the entry's.

        """
        if torch._C._get_tracing_state() is not None:
            raise InputError(
                "torch.jit.trace cannot trace a converted model: use torch.export with jpegdomain.exportable(model)"
            )
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
        # Tuples of types, here and in the layers, since torch 2.6 cannot compile unions.
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
            raise InputError(f"the input is {x.dtype}, but the model is {own}: convert the input with .to({own})")

    def _by_source(self, args: tuple[Any, ...], kwargs: dict[str, Any], on_pixels: bool) -> Any:
        """Run the source's own code: on pixels, as hooks expect, or on an activation by the table."""
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
            # Contiguous, as the source gets them: views cannot merge the axes of channels-last pixels.
            return (x if isinstance(x, Tensor) else pixels_of(x)).contiguous()
        return encode(x) if isinstance(x, Tensor) else x

    def _image(self, given: Any, on_pixels: bool) -> Any:
        """One of several images: a batch of one file without its first axis, as detectors need."""
        x: Any = self._entered(given, on_pixels)
        return x[0] if isinstance(given, JpegBatch) and len(given) == 1 else x

    def plan(self, extent: Extent | Sequence[int], batch: int = 1, *args: Any, **kwargs: Any) -> Plan:
        """Return how a batch would run in eval mode: each layer's form, cost and domain; ``print`` it.

        For a model that runs its own code, the rows are the operations on activations, 'closed' or 'island'. The entry
        is not counted, since its cost depends on the files.

        Args:
            extent: Height and width of the images in pixels.
            batch: Number of images.
            *args: Further arguments of the source's ``forward``.
            **kwargs: The same by name.

        Returns:
            The plan.

        """
        return plan_of(self, Extent(*extent), batch, args, kwargs)

    @property
    def approximating(self) -> dict[str, nn.Module]:
        """The layers with ``frequencies`` and a ``method``, which can be read and set, by their paths in `plan`."""
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
    # The code may have enabled gradients itself.
    with torch.set_grad_enabled(torch.is_grad_enabled() or x.requires_grad):
        return pixels_of(x)


def _deepcopy(model: ConvertedModel, memo: dict[int, Any]) -> Any:
    """Copy as pickle does if the source's class has its own ``__deepcopy__``, which would lose what is new here."""
    own = memo[id(model)] = blank(source_class(model))
    own.__setstate__(copy.deepcopy(model.__getstate__(), memo))
    return own


def _recompile(model: Any) -> Any:
    """Store the code that a graph module writes to its class's forward, which here is `ConvertedModel.forward`."""
    code, kind = fx.GraphModule.recompile(model), type(model)
    vars(model)["_jpeg_forward"] = types.MethodType(vars(kind)["forward"], model)
    for name in ("forward", "__call__", "_wrapped_call"):
        if name in vars(kind):
            delattr(kind, name)
    return code


_CLASSES: "WeakValueDictionary[type[nn.Module], type[ConvertedModel]]" = WeakValueDictionary()


def _converted_class(source: type[nn.Module]) -> type[ConvertedModel]:
    """The subclass of a source's class that is the class of its converted models."""
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
    """Make an object without attributes of the class for converted models of a class; for copies and pickles."""
    return object.__new__(_converted_class(source))


def become_converted(model: nn.Module) -> ConvertedModel:
    """Change the class of a copy of a source."""
    for name in ("plan", "approximating", *OWN):
        if hasattr(model, name):
            raise UnsupportedLayerError(
                f"{name}: a converted model needs this name; rename the attribute of {type(model).__name__}"
            )
    model.__class__ = _converted_class(type(model))
    assert isinstance(model, ConvertedModel)
    if "forward" in vars(model):
        # A forward set on the object would hide that of the class.
        vars(model)["_jpeg_forward"] = vars(model).pop("forward")
    return model

"""The contents of a data loader's items: an image and anything else, as tuples or dicts, or an image alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from torch.utils.data import default_collate

from jpegdomain.codec.sources import Held
from jpegdomain.errors import InputError

from .labelling import Alone

__all__ = ["Keys", "Split", "join", "moved", "split"]

PIXEL_VALUES: Final = "pixel_values"
LABELS: Final = "labels"
"""The names that Hugging Face's models and trainers use for images and labels."""

Split: TypeAlias = tuple[Any, Any]
"""An item's image, and its rest: a tuple, a dict, or None if the item is only an image."""


class Keys(NamedTuple):
    """The keys of dict items, and whether tuples are returned as dicts, too."""

    image: str
    label: str
    as_dict: bool = False


def split(item: Any, keys: Keys) -> Split:
    """Divide an item into its image and the rest.

    Args:
        item: A tuple or a list whose first entry is the image; a dict; or the image alone.
        keys: The keys of the image and the label in a dict.

    Returns:
        A source or a record, and the rest of the item.

    Raises:
        InputError: If there is no image.
    """
    if isinstance(item, Mapping):
        if keys.image not in item:
            raise InputError(
                f"a dict item has no image under {keys.image!r}, only the keys {', '.join(map(repr, item))}: give the "
                "right one with image=…; Hugging Face's Trainer drops columns unless remove_unused_columns=False"
            )
        rest = {key: value for key, value in item.items() if key != keys.image}
        return _source(item[keys.image]), rest
    if isinstance(item, (tuple, list)):
        if not item:
            raise InputError("an item must be an image, a tuple that begins with one, or a dict; got an empty one")
        return _source(item[0]), tuple(item[1:])
    return _source(item), None


def _source(image: Any) -> Any:
    """Hugging Face's undecoded image, {'bytes': …, 'path': …}, as a source; others as they are."""
    if isinstance(image, Mapping):
        data, path = image.get("bytes"), image.get("path")
        if data is None and path is None:
            raise InputError(
                f"an image given as a dict needs 'bytes' or 'path'; got the keys {', '.join(map(repr, image))}"
            )
        return path if data is None else Held(bytes(data), str(path)) if path else data
    if type(image).__module__.startswith("PIL."):
        raise InputError(
            "this image has already been decoded by Pillow: give the file's bytes or path; for a Hugging Face data "
            "set, use ds.cast_column('image', datasets.Image(decode=False))"
        )
    return image


def join(images: Any, rests: Sequence[Any], keys: Keys) -> Any:
    """Combine a batch of images with the rest of its items.

    Args:
        images: The batch.
        rests: From `split`, one for each image; values that are `Alone` are returned in a list.
        keys: The keys of the image and the label in a dict.

    Returns:
        (images, labels, …) for tuples; {'pixel_values': images, 'labels': labels, …} for dicts; or only images. The
        rest is combined by ``torch.utils.data.default_collate``.

    Raises:
        InputError: If the items differ in kind, or something in them cannot be combined; the message names it.
    """
    first = rests[0]
    if any(type(rest) is not type(first) for rest in rests):
        raise InputError("the items of a batch must all be tuples, all dicts, or all images; these differ")
    if first is None:
        return images
    if isinstance(first, dict):
        if any(rest.keys() != first.keys() for rest in rests):
            raise InputError("the dict items of a batch must have the same keys; these differ")
        for name, taken in ((PIXEL_VALUES, True), (LABELS, keys.label in first and keys.label != LABELS)):
            if taken and name in first:
                raise InputError(f"dict items have a key {name!r}, which is the name of a result: rename that column")
        named = {key: _column([rest[key] for rest in rests], f"the column {key!r}") for key in first}
        return {PIXEL_VALUES: images, **{LABELS if key == keys.label else key: value for key, value in named.items()}}
    if any(len(rest) != len(first) for rest in rests):
        raise InputError("the tuples of a batch must have the same length; these differ")
    if keys.as_dict:
        if len(first) != 1:
            raise InputError(f"as_dict needs tuples (image, label); these have length {len(first) + 1}")
        return {PIXEL_VALUES: images, LABELS: _column([rest[0] for rest in rests], "the labels")}
    columns = zip(*rests, strict=True)
    return images, *(_column(column, f"entry {number} of the items") for number, column in enumerate(columns, 1))


def _column(values: Sequence[Any], name: str) -> Any:
    if any(isinstance(value, Alone) for value in values):
        return [value.value if isinstance(value, Alone) else value for value in values]
    try:
        return default_collate(list(values))
    except (TypeError, RuntimeError) as error:
        raise InputError(f"{name} cannot be combined into a batch: {error}; leave it out of the items") from error


def moved(loaded: Any, move: Callable[[Any], Any]) -> Any:
    """Apply a function to the images, tensors and batches in what `join` returned."""
    if isinstance(loaded, dict):
        return {key: moved(value, move) for key, value in loaded.items()}
    if isinstance(loaded, tuple) and hasattr(loaded, "_fields"):
        return type(loaded)(*(moved(value, move) for value in loaded))
    if isinstance(loaded, tuple | list):
        return type(loaded)(moved(value, move) for value in loaded)
    return move(loaded) if hasattr(loaded, "to") else loaded

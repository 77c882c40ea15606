"""Which part of a file a drawn preprocess reads; nothing else needs to be decoded."""

from jpegdomain.codec import JpegHeader
from jpegdomain.codec.records import upsampling_of
from jpegdomain.errors import UnsupportedJpegError

from .component_map import UPRIGHT, component_maps, region_around, turn_of
from .separable_map import SeparableMap

__all__ = ["region_of"]


def region_of(image_map: SeparableMap, file: JpegHeader, *, orient: bool = False) -> tuple[int, int, int, int]:
    """The pixels of a file that a map of its image reads, as ``read_jpeg(..., region=)`` takes them.

    They cover the blocks of all components that the output depends on, including chroma upsampling::

        header = jd.codec.read_header(path)
        crop = jd.preprocess.RandomResizedCrop(224)(header.extent)
        image = jd.read_jpeg(path, region=region_of(crop, header), index=index)

    A step that needs a mean of the image (`ColorJitter`'s contrast) needs all of it.

    Args:
        image_map: The map from the image's pixels, upright if `orient`, to the output's.
        file: The file's size, sampling and orientation.
        orient: Whether the map is for the image turned upright.

    Returns:
        (top, left, height, width) in the image as stored in the file.

    Raises:
        UnsupportedJpegError: If the file's sampling factors are not whole multiples.
    """
    upsampling = upsampling_of(file.factors)
    if upsampling is None:
        raise UnsupportedJpegError(f"sampling factors {file.factors} are not whole multiples: re-encode the file")
    if not image_map.known:
        return 0, 0, *file.extent
    turn = (turn_of(file.orientation) if orient else UPRIGHT).then(image_map)
    parts = component_maps(image_map, file.extents, upsampling, turn, passing=True)
    return region_around(parts, upsampling, file.extent, turn)

"""Records of many files are made when they are accessed, and equal those of single files, whenever that is."""

import copy
import io
import pickle
import threading
from dataclasses import fields, replace

import numpy as np
import pytest
from PIL import Image, ImageCms

from jpegdomain.codec import JpegImage, read_jpeg, read_jpegs, workspace
from jpegdomain.compiled import sharing
from jpegdomain.errors import JpegFileError

from .oracle import jpeg, noise


def tagged(seed, orientation):
    """With JFIF, EXIF and a colour profile."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    buffer = io.BytesIO()
    Image.fromarray(noise(24, 40, seed=seed)).save(buffer, "JPEG", exif=exif, icc_profile=profile)
    return buffer.getvalue()


def as_rgb():
    """With an Adobe segment, without JFIF."""
    buffer = io.BytesIO()
    Image.fromarray(noise(24, 40)).save(buffer, "JPEG", keep_rgb=True)
    return buffer.getvalue()


FILES = [jpeg(noise(24, 40)), tagged(1, 6), as_rgb(), jpeg(noise(24, 40, 1)), tagged(2, 3), jpeg(noise(16, 40))]


def everything(image):
    """All that a record says, as plain values."""
    found = {own.name: getattr(image, own.name) for own in fields(image) if own.name not in ("components", "source")}
    found["components"] = [
        {own.name: getattr(part, own.name) for own in fields(part)}
        | {"coefficients": part.coefficients.tolist(), "table": part.table.tolist()}
        for part in image.components
    ]
    return found


def test_every_attribute_is_that_of_a_single_file():
    for image, data in zip(read_jpegs(FILES), FILES, strict=True):
        assert type(image) is JpegImage
        assert everything(image) == everything(read_jpeg(data))
    assert [image.jfif for image in read_jpegs(FILES)] == [True, True, False, True, True, True]
    assert [image.adobe for image in read_jpegs(FILES)] == [None, None, 0, None, None, None]
    assert [image.orientation for image in read_jpegs(FILES)] == [1, 6, 1, 1, 3, 1]
    assert [image.icc is not None for image in read_jpegs(FILES)] == [False, True, False, False, True, False]


@pytest.mark.parametrize("field", [own.name for own in fields(JpegImage)])
def test_any_attribute_may_be_the_first(field):
    for number, data in enumerate(FILES):
        # By a comparison of texts, which tell apart what has no equality.
        first, expected = getattr(read_jpegs(FILES)[number], field), getattr(read_jpeg(data), field)
        assert repr(first) == repr(expected) or field == "source"


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, replace, lambda image: pickle.loads(pickle.dumps(image))],
    ids=["copy", "deepcopy", "replace", "pickle"],
)
def test_a_copy_is_complete(copied):
    for number, data in enumerate(FILES):
        image = copied(read_jpegs(FILES)[number])
        assert "_promise" not in vars(image)
        assert everything(image) == everything(read_jpeg(data))


def test_a_record_that_is_kept_or_sent_does_not_keep_others():
    several, one = read_jpegs(FILES * 40), read_jpeg(FILES[0])
    assert len(pickle.dumps(several[0])) < len(pickle.dumps(one)) + 100


def test_a_missing_attribute_raises_an_attribute_error():
    image = read_jpegs(FILES)[0]
    assert not hasattr(image, "__array__")
    assert "components" not in vars(image)
    with pytest.raises(AttributeError, match="'JpegImage' object has no attribute 'pixels'"):
        _ = image.pixels


def test_threads_that_access_a_record_at_once_see_the_same():
    for _ in range(30):
        image = read_jpegs(FILES)[1]
        gate, seen = threading.Barrier(4), []

        def look(image=image, gate=gate, seen=seen):
            gate.wait()
            seen.append(image.components)

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(components) for components in seen}) == 1


def test_memory_is_reused_only_when_no_record_uses_it():
    large = [jpeg(noise(200, 200, seed=seed), quality=95) for seed in range(20)]
    expected = [read_jpeg(data).components[0].coefficients.copy() for data in large]
    before = {*workspace._blocks._lent}
    kept = []
    for turn in range(12):
        # In a different order each time, so that reused memory would hold something else.
        images = read_jpegs(large[turn:] + large[:turn], threads=2)
        # One of them has not been accessed; of the other only an array is left.
        kept.append(((turn + 3) % 20, images[3].components[0].coefficients))
        kept.append(((turn + 5) % 20, images[5]))
        del images
    for number, held in kept:
        coefficients = held if isinstance(held, np.ndarray) else held.components[0].coefficients
        np.testing.assert_array_equal(coefficients, expected[number])
    del kept, held, coefficients
    assert {*workspace._blocks._lent} <= before
    assert 0 < len(workspace._blocks._spare) <= 4


def test_jobs_are_done_in_order_or_raise_the_first_error():
    for threads in (1, 2, 5):
        assert sharing.shared(lambda job: job**2, range(20), threads) == [job**2 for job in range(20)]

    def fail(job):
        if job in {3, 4}:
            raise JpegFileError(str(job))
        return job

    for threads in (1, 2, 5):
        with pytest.raises(JpegFileError, match="3"):
            sharing.shared(fail, range(8), threads)

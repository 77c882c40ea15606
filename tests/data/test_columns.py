"""What items have besides images: no column replaces another, and all are moved to the device."""

from collections import namedtuple

import pytest
import torch
from torch.utils.data import DataLoader

import jpegdomain as jd
from jpegdomain.data.columns import moved
from jpegdomain.errors import InputError, LeftOutWarning

from ..decoding.test_other_formats import OTHERS
from ..inks.made import cmyk_file
from .conftest import files

Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("more", "name"),
    [({"pixel_values": 1}, "pixel_values"), ({"labels": 7}, "labels"), ({"labels": 7, "x": 1}, "labels")],
)
def test_a_column_never_takes_the_place_of_images_or_labels(more, name):
    for item in ({"image": files(1)[0], "label": 0, **more}, {"image": files(1)[0], **more, "label": 0}):
        with pytest.raises(InputError, match=f"have a key '{name}'"):
            jd.Collate()([item])


def test_labels_may_be_called_labels():
    batch = jd.Collate(label="labels")([{"image": files(1)[0], "labels": 3}])
    assert batch["labels"].tolist() == [3]


def test_named_tuples_move_too():
    went = moved((torch.zeros(1), Pair(torch.zeros(1), [torch.zeros(2), 3])), lambda x: x.to("meta"))
    assert type(went[1]) is Pair
    assert went[1].a.device.type == went[1].b[0].device.type == "meta"
    assert went[1].b[1] == 3


def test_a_loader_makes_batches():
    with pytest.raises(InputError, match="give it a batch_size or a batch_sampler"):
        jd.data.loading.Loader(jd.JpegDataset(files(2)), None, collate_fn=jd.Collate())


def test_files_of_other_formats_are_skipped_where_they_make_no_batch(tmp_path):
    given = [*files(2, sizes=((16, 24),)), OTHERS[0]]
    data = jd.JpegDataset(given, [0, 1, 2], on_error="skip", other_formats=True)
    with pytest.warns(LeftOutWarning, match="item 2 of the data set: not a JPEG file"):
        ((batch, labels),) = DataLoader(data, 3, collate_fn=jd.Collate())
    assert labels.tolist() == [0, 1]
    assert "not a JPEG file" in batch.reports[0].reason


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_memory_is_in_the_requested_order(dtype, order):
    given = [cmyk_file((24, 16), seed=seed) for seed in range(2)]
    assert jd.read_pixels(given, dtype=dtype, memory_format=order).is_contiguous(memory_format=order)

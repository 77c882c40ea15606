"""Lists and folders of files: order, labels, what happens to broken files."""

import io
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import ImageFolder

import jpegdomain as jd
from jpegdomain import preprocess as pp
from jpegdomain.errors import (
    EmptyClassWarning,
    EmptyFolderError,
    ExtentMismatchError,
    InputError,
    LeftOutWarning,
    NotJpegError,
    TruncatedJpegError,
)

from ..codec.oracle import jpeg, noise
from .conftest import SIZES, files


def same(image, data):
    """The record is that of the file."""
    expected = jd.read_jpeg(data)
    assert image.extent == expected.extent
    for one, other in zip(image.components, expected.components, strict=True):
        np.testing.assert_array_equal(one.coefficients, other.coefficients)
        np.testing.assert_array_equal(one.table, other.table)


def test_a_list_of_bytes_in_its_order():
    data = files(7)
    dataset = jd.JpegDataset(data, labels=list("abcdefg"))
    assert len(dataset) == 7
    for number, label in enumerate("abcdefg"):
        image, own = dataset[number]
        same(image, data[number])
        assert own == label
    for (image, own), number in zip(dataset.__getitems__([5, 0, 5, 3]), (5, 0, 5, 3), strict=True):
        same(image, data[number])
        assert own == "abcdefg"[number]


def test_without_labels_the_position_is_the_label():
    assert [label for _, label in jd.JpegDataset(files(3)).__getitems__([2, 0])] == [2, 0]


def test_a_folder_is_torchvisions_image_folder(folder):
    theirs = ImageFolder(folder)
    ours = jd.JpegFolder(folder, target_transform=lambda label: 10 * label)
    assert ours.classes == theirs.classes == ["ape", "zebra"]
    assert ours.class_to_idx == theirs.class_to_idx
    assert ours.samples == theirs.samples
    assert ours.targets == theirs.targets
    assert len(ours) == len(theirs) == 8
    for number, (path, label) in enumerate(theirs.samples):
        image, own = ours[number]
        assert (image.source, own) == (path, 10 * label)
        assert image.extent == theirs[number][0].size[::-1]


def test_the_extensions_decide_what_is_an_image(folder):
    assert len(jd.JpegFolder(folder, extensions=(".jpeg",), on_error="skip").samples) == 4
    assert len(jd.JpegFolder(folder, extensions=".JPEG").samples) == 4
    (folder / "ape" / "1.png").write_text("no image")
    assert len(jd.JpegFolder(folder, extensions=".jpg").samples) == 4
    assert len(jd.JpegFolder(folder, extensions=None).samples) == 10


def test_a_class_without_files_still_counts(folder):
    (folder / "empty").mkdir()
    (folder / "pictures" / "deeper").mkdir(parents=True)
    (folder / "pictures" / "deeper" / "1.png").write_text("no JPEG file")
    with pytest.warns(EmptyClassWarning, match=r"no \.jpg or \.jpeg files in 'empty', 'pictures'") as warned:
        dataset = jd.JpegFolder(folder)
    assert Path(warned[0].filename) == Path(__file__)
    theirs = ImageFolder(folder, allow_empty=True)
    assert dataset.classes == theirs.classes == ["ape", "empty", "pictures", "zebra"]
    assert dataset.samples == [sample for sample in theirs.samples if not sample[0].endswith(".png")]
    for kind in ("ape", "zebra"):
        shutil.rmtree(folder / kind)
    with pytest.raises(EmptyFolderError, match=r"no \.jpg or \.jpeg files in its subfolders 'empty', 'pictures'"):
        jd.JpegFolder(folder)


def test_items_without_a_name_are_named_by_their_position():
    array = np.frombuffer(files(1)[0], np.uint8)
    dataset = jd.JpegDataset([files(1)[0]] * 17 + [b"no image", array, None, io.StringIO("x")])
    assert dataset[16][0].source == "<bytes>, item 16 of the data set"
    assert dataset[18][0].source == "<array>, item 18 of the data set"
    with pytest.raises(NotJpegError, match=r"^<bytes>, item 17 of the data set: not a JPEG file"):
        dataset.__getitems__([3, 17])
    with pytest.raises(InputError, match="got NoneType, item 19 of the data set"):
        dataset[19]
    with pytest.raises(InputError, match=r"<file object>, item 20 of the data set: .*binary"):
        dataset[20]


def test_warnings_of_read_files_are_reported():
    # Without an end-of-image marker.
    items = jd.JpegDataset([file[:-2] for file in files(3)]).__getitems__([2, 0])
    (reason,) = jd.read_jpeg(files(1)[0][:-2]).warnings
    places = [(index, f"<bytes>, item {index} of the data set") for index in (2, 0)]
    assert [(report.item, report.source, report.left_out) for report in items.reports] == [(*p, False) for p in places]
    assert items.reports[1].reason == reason


def test_a_missing_folder_or_one_without_classes_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        jd.JpegFolder(tmp_path / "nowhere")
    (tmp_path / "one.jpg").write_bytes(files(1)[0])
    for root in (tmp_path, tmp_path / "one.jpg"):
        with pytest.raises(EmptyFolderError, match="for a list of files use JpegDataset"):
            jd.JpegFolder(root)


def test_keep_reads_fewer_frequencies():
    data = files(3)
    for image, _ in jd.JpegDataset(data, keep=2).__getitems__([0, 1, 2]):
        assert image.keep == 2


LOW = pp.Compose([pp.Resize(16), pp.CenterCrop(16)], low_frequencies=True)


def test_only_what_the_preprocess_needs_is_read_of_each_file():
    data = files(6, sizes=((128, 160), (20, 24), (64, 96)))
    items = jd.JpegDataset(data, preprocess=LOW).__getitems__([0, 1, 2, 3, 4, 5])
    needed = [pp.keep_for(LOW, jd.codec.read_header(file)) for file in data]
    assert [image.keep for image, _ in items] == needed
    assert needed[0] < needed[2] < needed[1] == 8
    for (image, _), file in zip(items, data, strict=True):
        whole = jd.read_jpeg(file)
        assert image.extent == whole.extent
        m = image.keep
        for own, other in zip(image.components, whole.components, strict=True):
            blocks = other.coefficients.reshape(*other.extent.blocks, 8, 8)[:, :, :m, :m]
            np.testing.assert_array_equal(own.coefficients, blocks.reshape(own.coefficients.shape))
    batch, _ = jd.Collate(LOW, torch.float64)(items)
    expected, _ = jd.Collate(LOW, torch.float64)([(jd.read_jpeg(file), 0) for file in data])
    torch.testing.assert_close(jd.decode_rgb(batch), jd.decode_rgb(expected), rtol=0, atol=1e-9)
    # An explicit number takes precedence, and without the option all are read.
    assert jd.JpegDataset(data, preprocess=LOW, keep=7)[0][0].keep == 7
    assert jd.JpegDataset(data, preprocess=pp.CenterCrop(16))[0][0].keep == 8


def test_broken_files_are_named_whatever_is_kept(tmp_path):
    paths, _ = broken(tmp_path)
    dataset = jd.JpegDataset([*paths, b"no image"], preprocess=LOW, on_error="skip")
    with pytest.warns(LeftOutWarning, match=r"1\.jpg|2\.jpg|<bytes>") as warned:
        items = dataset.__getitems__(range(5))
    assert [label for _, label in items] == [0, 3]
    assert items[1][0].source == str(paths[3])
    assert len(warned) == 3


def test_a_file_too_small_for_its_preprocess_is_named(tmp_path):
    path = tmp_path / "small.jpg"
    path.write_bytes(files(1)[0])
    steps = pp.Compose([pp.RandomCrop(50)], low_frequencies=True)
    with pytest.raises(ExtentMismatchError, match=r"small\.jpg.*pad_if_needed"):
        list(jd.loader(jd.JpegDataset([path], preprocess=steps)))


def test_a_single_item_keeps_no_more_than_itself():
    """Records that are read together share 16 MB; single items that are kept must not keep that much each."""
    data = jpeg(noise(200, 200), quality=95)
    assert len(data) > 4096
    image, _ = jd.JpegDataset([data])[0]
    memory = image.components[0].coefficients
    while memory.base is not None:
        memory = memory.base
    own = sum(component.coefficients.nbytes for component in image.components)
    assert memory.nbytes < 1.1 * own


def broken(tmp_path):
    """Four files, of which the second is truncated and the third is missing."""
    data = files(4)
    paths = [tmp_path / f"{number}.jpg" for number in range(4)]
    for number in (0, 1, 3):
        paths[number].write_bytes(data[number] if number != 1 else data[number][:-150])
    return paths, data


def test_a_broken_file_is_named(tmp_path):
    paths, _ = broken(tmp_path)
    dataset = jd.JpegDataset(paths)
    with pytest.raises(TruncatedJpegError, match=r"1\.jpg"):
        dataset.__getitems__([0, 1, 3])
    with pytest.raises(FileNotFoundError, match=r"2\.jpg"):
        dataset.__getitems__([3, 2])


def test_a_broken_file_can_be_left_out(tmp_path):
    paths, data = broken(tmp_path)
    dataset = jd.JpegDataset(paths, labels=[10, 11, 12, 13], on_error="skip")
    with pytest.warns(LeftOutWarning) as warned:
        items = dataset.__getitems__([3, 2, 1, 0])
    assert [label for _, label in items] == [13, 10]
    same(items[0][0], data[3])
    same(items[1][0], data[0])
    assert [("2.jpg" in str(one.message), "1.jpg" in str(one.message)) for one in warned] == [
        (True, False),
        (False, True),
    ]
    with pytest.raises(TruncatedJpegError):
        dataset[1]


def test_the_beginning_of_a_broken_file_can_be_kept(tmp_path):
    paths, data = broken(tmp_path)
    (first, _), (second, _) = jd.JpegDataset(paths, on_error="keep").__getitems__([0, 1])
    assert first.damage is None
    assert "1.jpg" in second.damage
    np.testing.assert_array_equal(
        second.components[0].coefficients[0, 0], jd.read_jpeg(data[1]).components[0].coefficients[0, 0]
    )


def test_data_sets_can_be_pickled(folder):
    dataset = pickle.loads(pickle.dumps(jd.JpegFolder(folder, preprocess=jd.preprocess.CenterCrop(8), keep=3)))
    assert len(dataset) == 8
    assert dataset.preprocess == jd.preprocess.CenterCrop(8)
    assert dataset[0][0].keep == 3


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("one.jpg",), {}, "put it in a list"),
        ((b"\xff\xd8",), {}, "put it in a list"),
        ((Path("one.jpg"),), {}, "put it in a list"),
        ((["one.jpg"], [1, 2]), {}, "1 files and 2 labels"),
        ((["one.jpg"],), {"on_error": "ignore"}, "'raise', 'keep' or 'skip'"),
        ((["one.jpg"],), {"keep": 9}, "keep is how many"),
        ((["one.jpg"],), {"max_pixels": 0}, "max_pixels"),
        ((["one.jpg"],), {"preprocess": len}, "the preprocessing step builtin_function_or_method cannot be read"),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_at_once(arguments, options, message):
    with pytest.raises(InputError, match=message):
        jd.JpegDataset(*arguments, **options)


def test_the_sizes_of_these_tests_differ():
    assert len(set(SIZES)) == len(SIZES)

"""A data set with indexes: of each file, only what a crop needs is read, and nothing else changes."""

import pickle
import shutil

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset

import jpegdomain as jd
from jpegdomain import preprocess as pp
from jpegdomain.data import UnreadImage, indexes
from jpegdomain.errors import InputError, LeftOutWarning, TruncatedJpegError

from ..codec.exif import oriented
from ..codec.oracle import jpeg, noise

FINAL = (48, 40)
CROP = pp.RandomResizedCrop(FINAL, scale=(0.1, 0.6))
PREPROCESSES = {
    "crop and flip": pp.Compose([CROP, pp.RandomHorizontalFlip(), pp.RandomVerticalFlip()]),
    "middle": pp.Compose([pp.Resize(60), pp.CenterCrop(FINAL)]),
    "no crop": pp.Resize(FINAL),
    "padded": pp.RandomCrop((200, 230), padding=9, pad_if_needed=True, fill=40),
    "low frequencies": pp.Compose([pp.RandomResizedCrop((8, 8), scale=(0.5, 1.0))], low_frequencies=True),
    "turned": pp.Compose([pp.RandomRotate90(), CROP]),
    "mean of the image": pp.Compose([CROP, pp.ColorJitter(contrast=0.5)]),
    "other tables": pp.Compose([pp.JpegQuality((20, 60)), CROP]),
    "erased": pp.Compose([CROP, pp.RandomErasing(1.0)]),
}
SIZES = ((97, 130), (130, 97), (128, 160), (101, 99))


@pytest.fixture(autouse=True)
def _any_size(monkeypatch):
    monkeypatch.setattr(indexes, "_SMALLEST", 0)


def pictures():
    """Files of several sizes, samplings and orientations, one of them with restart markers."""
    made = [
        jpeg(noise(*SIZES[0], 3, seed=0), subsampling="4:2:0"),
        oriented(jpeg(noise(*SIZES[1], 3, seed=1), subsampling="4:2:2"), 6),
        jpeg(noise(*SIZES[2], 3, seed=2), subsampling="4:4:4"),
        oriented(jpeg(noise(*SIZES[3], 1, seed=3)), 3),
        jd.write_jpeg(jd.read_jpeg(jpeg(noise(*SIZES[0], 3, seed=4), subsampling="4:2:0")), restart=5),
    ]
    return [*made, *made[:2]]


@pytest.fixture
def paths(tmp_path):
    (tmp_path / "images").mkdir()
    found = []
    for number, data in enumerate(pictures()):
        found.append(tmp_path / "images" / f"{number}.jpg")
        found[-1].write_bytes(data)
    return found


def passes(dataset, seeds, *, workers=None, threads=None, **options):
    """The batches of a pass for each seed."""
    result = []
    for seed in seeds:
        torch.manual_seed(seed)
        if threads is None:
            context = {"multiprocessing_context": "fork"} if workers else {}
            loader = DataLoader(dataset, 3, num_workers=workers or 0, collate_fn=jd.Collate(**options), **context)
        else:
            loader = jd.loader(dataset, 3, threads=threads, **options)
        result += list(loader)
    return result


def assert_same(one, two):
    """The same coefficients, from which the same pixels are made."""
    assert len(one) == len(two)
    for (a, labels), (b, others) in zip(one, two, strict=True):
        assert torch.equal(labels, others)
        assert torch.equal(a.quantised, b.quantised)
        assert torch.equal(a.steps, b.steps)
        assert torch.equal(jd.decode_rgb(a), jd.decode_rgb(b))


def parts_of(batches):
    """For each image of batches that were made here, whether only a part of it was read."""
    return [image.whole is not None for batch, _ in batches for image in batch.records.images]


@pytest.mark.parametrize("orient", [False, True])
@pytest.mark.parametrize("name", PREPROCESSES)
def test_batches_are_those_without_indexes(name, orient, paths, tmp_path):
    preprocess = PREPROCESSES[name]
    plain = jd.JpegDataset(paths, preprocess=preprocess)
    indexed = jd.JpegDataset(paths, preprocess=preprocess, indexes=tmp_path / "kept")
    assert_same(passes(indexed, (5, 6), orient=orient), passes(plain, (5, 6), orient=orient))
    assert len(list((tmp_path / "kept").rglob("*.jpegindex"))) == len(paths)


def test_only_the_crop_is_read(paths, tmp_path, monkeypatch):
    indexed = jd.JpegDataset(paths, preprocess=CROP, indexes=tmp_path / "kept")
    first = passes(indexed, (0,))
    assert all(parts_of(first))
    # From the second pass on, no file is read whole, nor indexed.
    monkeypatch.setattr(indexes, "read_jpegs", None)
    monkeypatch.setattr(indexes, "find_index", None)
    second = passes(indexed, (1,))
    whole = sum(part.coefficients.size for path in paths for part in jd.read_jpeg(path).components)
    read = sum(
        part.coefficients.size for batch, _ in second for image in batch.records.images for part in image.components
    )
    assert read < 0.75 * whole


@pytest.mark.parametrize("how", [{"workers": 2}, {"threads": 0}, {"threads": 2}])
def test_in_workers_and_threads(how, paths, tmp_path):
    plain = jd.JpegDataset(paths, preprocess=PREPROCESSES["crop and flip"])
    indexed = jd.JpegDataset(paths, preprocess=PREPROCESSES["crop and flip"], indexes=tmp_path / "kept")
    assert_same(passes(indexed, (5, 6), **how), passes(plain, (5, 6), **how))


def test_pixels_of_bytes_and_of_a_subset(paths, tmp_path):
    data = [path.read_bytes() for path in paths]
    for files in (data, paths):
        collate = jd.PixelCollate(CROP)
        made = []
        for options in ({}, {"indexes": tmp_path / "kept"}, {"indexes": tmp_path / "kept"}):
            subset = Subset(jd.JpegDataset(files, **options), [4, 0, 6, 1])
            torch.manual_seed(0)
            made.append(next(iter(DataLoader(subset, 4, collate_fn=collate)))[0])
        assert torch.equal(made[0], made[1])
        assert torch.equal(made[0], made[2])


def test_without_a_preprocess_or_one_by_one_whole_files_are_read(tmp_path):
    data = pictures()[0]
    indexed = jd.JpegDataset([data, data], indexes=tmp_path)
    for _ in range(2):
        batch, _ = next(iter(DataLoader(indexed, 2, collate_fn=jd.Collate())))
        assert torch.equal(batch.quantised, jd.collate([jd.read_jpeg(data)] * 2).quantised)
    assert isinstance(indexed[0][0], jd.JpegImage)
    assert isinstance(indexed.__getitems__([0])[0][0], UnreadImage)
    assert indexed.__getitems__([0])[0][0].read().extent == SIZES[0]


def change_size(path, data):
    path.write_bytes(jpeg(noise(200, 180, 3, seed=9)))


def change_bit(path, data):
    # In the entropy-coded data of the first MCUs, a change that gives another number but no invalid code.
    changed = bytearray(data)
    at = data.index(b"\xff\xda") + 40
    for bit in range(8):
        changed[at] = data[at] ^ 1 << bit
        if changed[at] != 0xFF and data[at] != 0xFF and data[at - 1] != 0xFF:
            try:
                jd.read_jpeg(bytes(changed))
            except ValueError:
                continue
            path.write_bytes(changed)
            return
    raise AssertionError


def change_steps(path, data):
    changed = bytearray(data)
    changed[data.index(b"\xff\xdb") + 5] ^= 1
    path.write_bytes(changed)


def other_files_index(path, data):
    folder = path.parent.parent / "kept"
    first, second, *_ = sorted(folder.rglob("*.jpegindex"))
    spare = first.read_bytes()
    shutil.copy(second, first)
    second.write_bytes(spare)


def damaged_index(path, data):
    for kept in (path.parent.parent / "kept").rglob("*.jpegindex"):
        kept.write_bytes(kept.read_bytes()[:-3] + b"abc")


@pytest.mark.parametrize("change", [change_size, change_bit, change_steps, other_files_index, damaged_index])
def test_changed_files_are_noticed(change, paths, tmp_path):
    whole = pp.Resize(FINAL)  # reads all blocks, so that a change anywhere counts
    plain = jd.JpegDataset(paths, preprocess=whole)
    indexed = jd.JpegDataset(paths, preprocess=whole, indexes=tmp_path / "kept")
    before = passes(indexed, (0,))
    change(paths[0], paths[0].read_bytes())
    after = passes(plain, (0,))
    if "index" not in change.__name__:
        assert not torch.equal(jd.decode_rgb(before[0][0]), jd.decode_rgb(after[0][0]))
    assert_same(passes(indexed, (0,)), after)
    # And indexed anew.
    assert_same(passes(indexed, (0,)), after)
    assert all(parts_of(passes(indexed, (0,))))


def test_a_file_that_changes_while_it_is_open(paths):
    indexed = jd.JpegDataset(paths, indexes=paths[0].parent / "kept")
    indexed.__getitems__([0])
    items = indexed.__getitems__([0])
    change_size(paths[0], None)
    torch.manual_seed(0)
    batch, _ = jd.Collate(CROP)(items)
    assert batch.maps[0].source == (200, 180)


@pytest.mark.filterwarnings("ignore::jpegdomain.errors.LeftOutWarning")
def test_files_that_cannot_be_indexed_are_read_as_before(tmp_path):
    sound = pictures()
    progressive = jpeg(noise(60, 60, 3), progressive=True)
    unended = sound[0][:-2]
    cut = sound[1][: len(sound[1]) // 2]
    files = [sound[0], progressive, unended, cut, sound[2], b"nothing"]
    made = []
    for options in ({}, {"indexes": tmp_path}, {"indexes": tmp_path}):
        dataset = jd.JpegDataset(files, preprocess=CROP, on_error="skip", **options)
        made.append(passes(dataset, (3,)))
    for other in made[1:]:
        assert_same(made[0], other)
        assert [batch.reports for batch, _ in other] == [batch.reports for batch, _ in made[0]]
    assert any(not report.left_out for batch, _ in made[0] for report in batch.reports)
    assert any(report.left_out for batch, _ in made[0] for report in batch.reports)
    # The index of one picture would also fit the file without its end, except for its size.
    assert len(list(tmp_path.rglob("*.jpegindex"))) == 2
    with pytest.raises(TruncatedJpegError):
        passes(jd.JpegDataset(files, preprocess=CROP, indexes=tmp_path), (3,))


def test_what_is_left_of_damaged_files_is_kept(tmp_path):
    sound = pictures()[0]
    files = [sound, sound[: len(sound) // 2]]
    plain, indexed = (
        jd.JpegDataset(files, preprocess=CROP, on_error="keep", **options) for options in ({}, {"indexes": tmp_path})
    )
    assert_same(passes(indexed, (1, 2)), passes(plain, (1, 2)))


def test_limits_on_pixels_and_scans_hold_with_indexes(tmp_path):
    files = [pictures()[0]]
    passes(jd.JpegDataset(files, preprocess=CROP, indexes=tmp_path), (0,))
    limited = jd.JpegDataset(files, preprocess=CROP, indexes=tmp_path, max_pixels=1000)
    with pytest.raises(jd.errors.JpegTooLargeError):
        passes(limited, (0,))


def test_small_files_have_no_index(tmp_path, monkeypatch):
    monkeypatch.undo()
    data = pictures()
    passes(jd.JpegDataset(data, preprocess=CROP, indexes=tmp_path), (0,))
    assert not list(tmp_path.rglob("*.jpegindex"))
    large = jpeg(noise(500, 600, 3), quality=95)
    assert len(large) > 150_000
    passes(jd.JpegDataset([large], preprocess=CROP, indexes=tmp_path), (0,))
    assert len(list(tmp_path.rglob("*.jpegindex"))) == 1


def test_without_a_writable_folder_whole_files_are_read(paths, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no room")

    monkeypatch.setattr(jd.codec.JpegIndex, "save", refuse)
    indexed = jd.JpegDataset(paths, preprocess=CROP, indexes=tmp_path / "kept")
    with pytest.warns(RuntimeWarning, match="no room"):
        first = passes(indexed, (0,))
    plain = jd.JpegDataset(paths, preprocess=CROP)
    assert_same(first + passes(indexed, (1,)), passes(plain, (0, 1)))


def test_arguments(tmp_path):
    with pytest.raises(InputError, match="strict"):
        jd.JpegDataset([], indexes=tmp_path, strict=True)
    dataset = pickle.loads(pickle.dumps(jd.JpegDataset([b"a"], indexes=tmp_path)))
    assert dataset.indexes.folder == tmp_path


def test_a_folder_of_classes(tmp_path):
    (tmp_path / "images" / "one").mkdir(parents=True)
    (tmp_path / "images" / "one" / "a.jpg").write_bytes(pictures()[0])
    dataset = jd.JpegFolder(tmp_path / "images", preprocess=CROP, indexes=tmp_path / "kept")
    assert parts_of(passes(dataset, (0,))) == [True]
    assert np.all([path.suffix == ".jpegindex" for path in (tmp_path / "kept").rglob("*.*")])


def test_a_crop_that_is_too_large_leaves_out_its_file(paths, tmp_path):
    for options in ({}, {"indexes": tmp_path / "kept"}):
        dataset = jd.JpegDataset(paths[:3], preprocess=pp.RandomCrop((100, 129)), on_error="skip", **options)
        with pytest.warns(LeftOutWarning):
            batches = passes(dataset, (0,))
        assert [len(batch) for batch, _ in batches] == [1]

"""``on_error="skip"``: whatever is wrong with a file, its batch is made without it, and says so."""

import dataclasses
import itertools
import pickle
import random
import warnings

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset

import jpegdomain as jd
from jpegdomain import preprocess as pp
from jpegdomain.data import FileReport
from jpegdomain.errors import (
    ExtentMismatchError,
    InputError,
    JpegDomainError,
    JpegFileError,
    LeftOutWarning,
    TruncatedJpegError,
)

from ..codec.oracle import FIXTURES, jpeg, noise
from .conftest import files

fork = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
quiet = pytest.mark.filterwarnings("ignore::jpegdomain.errors.LeftOutWarning")

CROP = pp.CenterCrop(16)
STRICT_CROP = pp.RandomCrop(20)
SOUND = jpeg(noise(24, 40))
SMALL = jpeg(noise(12, 12))


def two_components():
    image = jd.read_jpeg(SOUND)
    return jd.write_jpeg(dataclasses.replace(image, components=image.components[:2], color="unknown"))


def bad(tmp_path):
    """One file of each kind that cannot be read, or cannot be in a batch."""
    (tmp_path / "folder.jpg").mkdir()
    return {
        "cut": SOUND[:-150],
        "empty": b"",
        "a PNG image": b"\x89PNG\r\n\x1a\n" + bytes(90),
        "missing": tmp_path / "missing.jpg",
        "a folder": tmp_path / "folder.jpg",
        "no path": "a\0b.jpg",
        "no source": None,
        "a float tensor": torch.zeros(9),
        "two components": two_components(),
        "factors": FIXTURES / "rare" / "fractional.jpg",
        "too small": SMALL,
        "too large": jpeg(noise(80, 80)),
    }


def collected(loader, batch_size):
    labels, reports = [], []
    for batch, own in loader:
        assert len(batch) == len(own) <= batch_size
        assert torch.isfinite(jd.decode_rgb(batch)).all()
        labels.append(own.tolist())
        reports += batch.reports
    return labels, reports


LOADERS = {
    "jd, no thread": lambda dataset, size: jd.loader(dataset, size, preprocess=STRICT_CROP, threads=0),
    "jd, threads": lambda dataset, size: jd.loader(dataset, size, preprocess=STRICT_CROP, threads=2),
    "torch": lambda dataset, size: DataLoader(dataset, size, collate_fn=jd.Collate(STRICT_CROP)),
    "torch, workers": lambda dataset, size: DataLoader(
        dataset, size, collate_fn=jd.Collate(STRICT_CROP), num_workers=2
    ),
}


@fork
@quiet
@pytest.mark.parametrize("kind", LOADERS)
def test_every_kind_of_bad_file_is_left_out_and_named(kind, tmp_path):
    kinds = bad(tmp_path)
    given = [file for one in kinds.values() for file in (SOUND, one)] + [SOUND]
    wrong = list(range(1, len(given), 2))
    dataset = jd.JpegDataset(given, on_error="skip", max_pixels=6000)
    # Batches of one to three files, some of which lose all files but one.
    loader = LOADERS[kind](dataset, 3)
    labels, reports = collected(loader, 3)
    assert list(itertools.chain(*labels)) == [number for number in range(len(given)) if number not in wrong]
    reports.sort()
    assert [report.item for report in reports] == wrong
    for report, (name, file) in zip(reports, kinds.items(), strict=True):
        assert report.left_out
        assert f"item {report.item} of the data set" in report.reason or str(file) in report.reason, name
    if isinstance(loader, jd.data.Loader):
        assert sorted(loader.left_out) == sorted(loader.reports) == reports
        list(loader)
        assert sorted(loader.left_out) == reports


@quiet
def test_remaining_images_are_the_same_as_without_the_others():
    dataset = jd.JpegDataset([SMALL, SOUND, SMALL, *files(3)], on_error="skip")
    ((batch, labels),) = jd.loader(dataset, 6, preprocess=CROP, threads=0)
    assert labels.tolist() == [0, 1, 2, 3, 4, 5]
    ((batch, labels),) = jd.loader(dataset, 6, preprocess=pp.CenterCrop(13), threads=0, dtype=torch.float64)
    crop = pp.Compose([pp.RandomCrop(16), pp.CenterCrop(8)])
    generator = torch.Generator().manual_seed(1)
    ((batch, labels),) = jd.loader(dataset, 6, preprocess=crop, threads=0, dtype=torch.float64, generator=generator)
    assert labels.tolist() == [1, 3, 4, 5]
    ((again, _),) = jd.loader(
        dataset, 6, preprocess=crop, threads=2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    torch.testing.assert_close(jd.decode_rgb(batch), jd.decode_rgb(again), rtol=0, atol=0)


def test_each_file_left_out_gives_one_warning(tmp_path):
    dataset = jd.JpegDataset([SOUND, SMALL, SOUND[:-150]], on_error="skip", preprocess=STRICT_CROP)
    with pytest.warns(LeftOutWarning) as warned:
        list(jd.loader(dataset, 3))
    messages = [str(one.message) for one in warned]
    assert len(messages) == 2
    assert "left out of its batch: <bytes>, item 2 of the data set" in messages[0]
    assert "left out of its batch: <bytes>, item 1 of the data set, 12×12" in messages[1]


@quiet
def test_batches_that_lost_all_their_files():
    cut = SOUND[:-150]
    given = [cut, SMALL, SOUND, SOUND, cut, cut, SMALL, SMALL, SOUND, cut]
    dataset = jd.JpegDataset(given, on_error="skip")
    loader = jd.loader(dataset, 2, preprocess=STRICT_CROP)
    labels, _ = collected(loader, 2)
    assert labels == [[2, 3], [8]]
    assert [report.item for report in loader.left_out] == [0, 1, 4, 5, 6, 7, 9]
    # torch's own loader has as many batches as without damage.
    fresh = jd.JpegDataset(given, on_error="skip")
    theirs = DataLoader(fresh, 2, collate_fn=jd.Collate(STRICT_CROP))
    labels, reports = collected(theirs, 2)
    assert labels == [[2], [2, 3], [3], [3], [8]]
    assert [report.item for report in reports if report.left_out] == [0, 1, 4, 5, 6, 7, 9]
    stand_ins = [report for report in reports if not report.left_out]
    assert [report.item for report in stand_ins] == [2, 3, 3]
    assert all("replaces a batch" in report.reason for report in stand_ins)


@quiet
def test_a_part_of_a_data_set_gets_no_image_of_another_part():
    given = [SOUND, SOUND[:-150], SOUND, SOUND, SOUND]
    part = Subset(jd.JpegDataset(given, on_error="skip"), [0, 1, 4])
    labels, _ = collected(DataLoader(part, 1, collate_fn=jd.Collate()), 1)
    assert labels == [[0], [0], [4]]


@quiet
def test_a_part_gets_no_other_image_even_if_its_last_one_is_too_small():
    given = [SOUND, SMALL, SOUND[:-150], SOUND]
    part = Subset(jd.JpegDataset(given, on_error="skip"), [0, 1, 2])
    labels, _ = collected(DataLoader(part, 1, collate_fn=jd.Collate(STRICT_CROP)), 1)
    assert labels == [[0], [0], [0]]


@quiet
def test_without_an_earlier_usable_image_the_next_one_is_taken():
    # As `Collate` says: the data set does not see which part of it is used.
    part = Subset(jd.JpegDataset([SOUND[:-150], SOUND, SOUND], on_error="skip"), [0, 2])
    labels, reports = collected(DataLoader(part, 1, collate_fn=jd.Collate()), 1)
    assert labels == [[1], [2]]
    assert "replaces a batch" in next(report.reason for report in reports if not report.left_out)


@quiet
@pytest.mark.parametrize("given", [[SMALL, SMALL[:-40]], [b"", b"x"]], ids=["after reading", "in reading"])
def test_a_data_set_without_any_usable_file_is_an_error(given):
    dataset = jd.JpegDataset(given, on_error="skip", preprocess=STRICT_CROP)
    with pytest.raises(JpegFileError, match="none of the 2 files could be used; <bytes>, item 0 of the data set"):
        list(jd.loader(dataset, 1))
    with pytest.raises(JpegFileError, match="no file of this data set can be used; <bytes>, item 0 of the data set"):
        list(DataLoader(dataset, 1, collate_fn=jd.Collate(STRICT_CROP)))


@quiet
def test_without_a_preprocess_the_majority_determines_the_size():
    given = [SOUND, jpeg(noise(24, 41)), SOUND, jpeg(noise(9, 9)), SOUND, SOUND, jpeg(noise(9, 9)), SOUND]
    loader = jd.loader(jd.JpegDataset(given, on_error="skip"), 5)
    labels, reports = collected(loader, 5)
    assert labels == [[0, 2, 4], [5, 7]]
    assert [report.item for report in loader.left_out] == [1, 3, 6]
    assert "24×41, in a batch of images of 24×40" in reports[0].reason


def test_without_a_majority_size_no_file_is_blamed():
    given = [SOUND, jpeg(noise(9, 9))]
    with pytest.raises(ExtentMismatchError, match="give collate a preprocess"):
        list(jd.loader(jd.JpegDataset(given, on_error="skip"), 2))
    with pytest.raises(ExtentMismatchError, match="end it with"):
        list(jd.loader(jd.JpegDataset(given, on_error="skip"), 2, preprocess=pp.Resize(8)))


def test_errors_in_the_call_are_not_blamed_on_files():
    """Otherwise a typing error would leave out a whole data set, file by file."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = jd.JpegDataset([SOUND] * 4, on_error="skip", keep=2)
        for loader in (jd.loader(dataset, 2), DataLoader(dataset, 2, collate_fn=jd.Collate())):
            with pytest.raises(InputError, match="keep=2"):
                list(loader)


def test_without_skip_the_error_names_the_file():
    dataset = jd.JpegDataset([SOUND, SMALL, SOUND[:-150]])
    with pytest.raises(ExtentMismatchError, match=r"^<bytes>, item 1 of the data set, 12×12"):
        list(jd.loader(dataset, 1, preprocess=STRICT_CROP))
    with pytest.raises(TruncatedJpegError, match=r"^<bytes>, item 2 of the data set"):
        list(DataLoader(dataset, 3, collate_fn=jd.Collate(STRICT_CROP)))


@fork
@pytest.mark.parametrize("workers", [0, 1])
def test_files_kept_in_part_are_reported(workers):
    dataset = jd.JpegDataset([SOUND, SOUND[:-150]], on_error="keep")
    _, reports = collected(DataLoader(dataset, 2, collate_fn=jd.Collate(), num_workers=workers), 2)
    # What was lost, and that the end-of-image marker is missing.
    for (item, source, reason, left_out), words in zip(
        reports, ("ends inside the compressed data", "before its end-of-image marker"), strict=True
    ):
        assert (item, source, left_out) == (1, "<bytes>, item 1 of the data set", False)
        assert words in reason
    loader = jd.loader(dataset, 1)
    list(loader)
    assert loader.reports == reports
    assert loader.left_out == []


def test_reports_move_with_the_batch():
    report = FileReport(3, "a.jpg", "a.jpg: it is empty", True)
    batch = jd.collate([jd.read_jpeg(SOUND)]).reporting([report])
    assert batch.reports == (report,)
    moved = [
        batch.to(torch.float64),
        batch.to("cpu"),
        pickle.loads(pickle.dumps(batch)),
        batch.as_tensors().reporting([report]),
    ]
    moved.append(moved[-1].to(torch.float64))
    assert all(one.reports == (report,) for one in moved)
    assert jd.collate([jd.read_jpeg(SOUND)]).reports == ()


def test_a_collate_without_items():
    with pytest.raises(InputError, match="at least one item"):
        jd.Collate()([])


@quiet
@pytest.mark.parametrize("seed", range(4))
def test_any_mixture_of_damage_is_handled(seed, tmp_path):
    """Random files, damaged at random places: the result is every file that can be used alone, in order."""
    chance = random.Random(seed)
    kinds = [*bad(tmp_path).values(), SOUND, SOUND, *files(6)]
    for data in files(6):
        at = chance.randrange(2, len(data))
        kinds.append(data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :])
    given = [chance.choice(kinds) for _ in range(60)]

    def usable(file):
        try:
            jd.collate([jd.read_jpeg(file, max_pixels=6000)], preprocess=pp.CenterCrop(16))
            return 0 not in np.subtract(jd.read_jpeg(file).extent, 12)
        except (JpegDomainError, OSError):
            return False

    expected = [number for number, file in enumerate(given) if usable(file)]
    preprocess = pp.Compose([pp.RandomCrop(16)])
    loader = jd.loader(jd.JpegDataset(given, on_error="skip", max_pixels=6000), 5, preprocess=preprocess, threads=2)
    labels, _ = collected(loader, 5)
    assert list(itertools.chain(*labels)) == expected
    assert sorted(report.item for report in loader.left_out) == [n for n in range(60) if n not in expected]

"""Batches of a data set: order, seeds, threads, workers, mixed sizes, errors, memory."""

import gc
import importlib.util
import pickle
import threading
import time
import weakref

import pytest
import torch
from torch.utils.data import DataLoader

import jpegdomain as jd
from jpegdomain import preprocess as pp
from jpegdomain.data.prefetching import prefetch
from jpegdomain.errors import (
    ExtentMismatchError,
    InputError,
    LeftOutWarning,
    MissingPackageError,
    TruncatedJpegError,
)

from .conftest import files

CENTRE = pp.Compose([pp.Resize(20), pp.CenterCrop(16)])
RANDOM = pp.Compose([pp.RandomResizedCrop(16), pp.RandomHorizontalFlip()])


def pixels(loader):
    """All batches, as pixels and labels."""
    return [(jd.decode_rgb(batch), labels) for batch, labels in loader]


def assert_same(one, other):
    assert len(one) == len(other)
    for (a, b), (c, d) in zip(one, other, strict=True):
        torch.testing.assert_close(a, c, rtol=0, atol=0)
        assert torch.equal(b, d)


def single(data, preprocess, dtype=torch.float64):
    """Each file alone."""
    return torch.cat([jd.decode_rgb(jd.collate([jd.read_jpeg(f)], preprocess=preprocess, dtype=dtype)) for f in data])


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_mixed_sizes_in_order(threads):
    data = files(11)
    dataset = jd.JpegDataset(data, labels=range(100, 111), preprocess=CENTRE)
    loader = jd.loader(dataset, 4, threads=threads, dtype=torch.float64)
    batches = pixels(loader)
    assert len(loader) == 3
    assert [len(labels) for _, labels in batches] == [4, 4, 3]
    assert torch.cat([labels for _, labels in batches]).tolist() == list(range(100, 111))
    torch.testing.assert_close(torch.cat([levels for levels, _ in batches]), single(data, CENTRE), rtol=0, atol=1e-9)
    # A second pass gives the same.
    assert_same(pixels(loader), batches)


@pytest.mark.parametrize("shuffle", [False, True])
def test_one_seed_gives_one_result_whatever_the_threads(shuffle):
    dataset = jd.JpegDataset(files(12))
    results = []
    for threads in (0, 1, 2, 3):
        generator = torch.Generator().manual_seed(5)
        loader = jd.loader(dataset, 3, preprocess=RANDOM, shuffle=shuffle, threads=threads, generator=generator)
        results.append((pixels(loader), pixels(loader)))
    for first, second in results[1:]:
        assert_same(first, results[0][0])
        assert_same(second, results[0][1])
    first, second = results[0]
    # Another pass draws again, and so does each batch.
    assert not torch.equal(first[0][0], second[0][0])
    assert sorted(torch.cat([labels for _, labels in first]).tolist()) == list(range(12))
    orders = [torch.cat([labels for _, labels in epoch]).tolist() for epoch in results[0]]
    assert (orders[0] == orders[1]) is not shuffle


def test_a_default_device_draws_nothing():
    """The loader's generators are on the CPU, whatever the default device."""
    dataset = jd.JpegDataset(
        files(6), labels=list("abcdef"), preprocess=pp.Compose([pp.RandomCrop(12), *RANDOM.transforms])
    )
    orders = []
    for device in ("cpu", "meta"):
        loader = jd.loader(dataset, 2, shuffle=True, threads=0, generator=torch.Generator().manual_seed(3))
        with torch.device(device):
            orders.append([labels for _, labels in loader])
    assert orders[0] == orders[1]


def test_torchs_seed_is_the_default():
    dataset = jd.JpegDataset(files(6), preprocess=RANDOM)
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(pixels(jd.loader(dataset, 2, shuffle=True)))
    assert_same(results[0], results[1])
    assert not torch.equal(results[0][0][0], results[2][0][0])


def test_samplers_and_incomplete_batches():
    dataset = jd.JpegDataset(files(6, ((16, 16),)))
    loader = jd.loader(dataset, 2, sampler=[5, 5, 1, 0, 3], drop_last=True)
    assert [labels.tolist() for _, labels in loader] == [[5, 5], [1, 0]]
    assert len(loader) == 2
    loader = jd.loader(dataset, 4, sampler=torch.utils.data.DistributedSampler(dataset, 2, 1, shuffle=False))
    assert [labels.tolist() for _, labels in loader] == [[1, 3, 5]]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_torchs_own_loader_takes_data_set_and_collate(workers):
    data = files(9)
    loader = DataLoader(
        jd.JpegDataset(data), batch_size=4, collate_fn=jd.Collate(CENTRE, torch.float64), num_workers=workers
    )
    batches = pixels(loader)
    torch.testing.assert_close(torch.cat([levels for levels, _ in batches]), single(data, CENTRE), rtol=0, atol=1e-9)
    assert torch.cat([labels for _, labels in batches]).tolist() == list(range(9))


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_torchs_own_loader_draws_the_same_with_the_same_workers():
    results = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        loader = DataLoader(jd.JpegDataset(files(8)), batch_size=4, collate_fn=jd.Collate(RANDOM), num_workers=2)
        results.append(pixels(loader))
    assert_same(results[0], results[1])
    assert not torch.equal(results[0][0][0], results[2][0][0])


def test_any_data_set_of_records_works():
    class Own(torch.utils.data.Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return jd.read_jpeg(files(3)[index]), f"number {index}"

    ((batch, labels),) = jd.loader(Own(), 3, preprocess=CENTRE)
    assert len(batch) == 3
    assert list(labels) == ["number 0", "number 1", "number 2"]


def test_mixed_sizes_without_a_preprocess_say_what_to_do():
    with pytest.raises(ExtentMismatchError, match="preprocess"):
        list(jd.loader(jd.JpegDataset(files(3)), 3))


def test_broken_files_raise_in_their_place():
    data = files(7)
    data[4] = data[4][:-150]
    batches = iter(jd.loader(jd.JpegDataset(data), 1, threads=2))
    seen = [next(batches)[1].item() for _ in range(4)]
    with pytest.raises(TruncatedJpegError):
        next(batches)
    assert seen == [0, 1, 2, 3]


def test_broken_files_can_be_left_out():
    data = files(5)
    data[2] = data[2][:-150]
    with pytest.warns(LeftOutWarning):
        labels = [labels.tolist() for _, labels in jd.loader(jd.JpegDataset(data, on_error="skip"), 1, threads=2)]
    assert labels == [[0], [1], [3], [4]]


def test_collates_and_loaders_can_be_pickled():
    collate = pickle.loads(pickle.dumps(jd.Collate(RANDOM, torch.float64, orient=True)))
    assert collate == jd.Collate(RANDOM, torch.float64, orient=True)
    loader = pickle.loads(pickle.dumps(jd.loader(jd.JpegDataset(files(3), preprocess=CENTRE), 3)))
    ((batch, _),) = loader
    assert len(batch) == 3


def test_a_batch_frees_its_memory_and_records():
    """Nothing of a freed batch is left, and records are shared only within a batch."""
    seen = []

    class Watched(jd.JpegDataset):
        def __getitems__(self, indices):
            items = super().__getitems__(indices)
            seen.extend(weakref.ref(component.coefficients) for image, _ in items for component in image.components)
            return items

    loader = iter(jd.loader(Watched(files(6), preprocess=CENTRE), 3, threads=0))
    batch, _ = next(loader)
    first = list(seen)
    del batch, _
    held = next(loader)
    gc.collect()
    assert len(first) > 3
    assert all(one() is None for one in first)
    del held


def test_a_batch_of_another_process_holds_what_it_needs():
    """Records of one call share an array, which must not be sent as a whole."""
    large = files(4, ((200, 200),))
    items = jd.JpegDataset(large).__getitems__([0, 1, 2, 3])
    batch, _ = jd.Collate(pp.CenterCrop(8))(items[:1])
    assert len(pickle.dumps(batch)) < 20_000


def test_batches_have_the_requested_device_and_dtype():
    ((batch, labels),) = jd.loader(jd.JpegDataset(files(2), preprocess=CENTRE), 2, device="cpu", dtype=torch.float64)
    assert (batch.device.type, batch.dtype, labels.device.type) == ("cpu", torch.float64, "cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_batches_on_a_gpu():
    data = files(6)
    dataset = jd.JpegDataset(data, preprocess=CENTRE)
    for batch, labels in jd.loader(dataset, 3, device="cuda", dtype=torch.float64):
        assert (batch.quantised.dtype, batch.device.type, labels.device.type) == (torch.int16, "cuda", "cuda")
        expected = single([data[i] for i in labels.tolist()], CENTRE)
        torch.testing.assert_close(jd.decode_rgb(batch).cpu(), expected, rtol=0, atol=1e-9)


def test_progress_is_shown_if_requested(capsys, monkeypatch):
    dataset = jd.JpegDataset(files(4), preprocess=CENTRE)
    list(jd.loader(dataset, 2))
    assert capsys.readouterr().err == ""
    list(jd.loader(dataset, 2, progress=True))
    assert "2/2" in capsys.readouterr().err
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tqdm" else find(name))
    with pytest.raises(MissingPackageError, match="pip install tqdm"):
        jd.loader(dataset, 2, progress=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be an integer ≥ 1"),
        ({"threads": -1}, "threads must be an integer ≥ 0"),
        ({"shuffle": True, "sampler": [0]}, "sampler or shuffle"),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        jd.loader(jd.JpegDataset(files(1)), **options)


def test_results_are_in_order_whichever_is_ready_first():
    def work(job):
        time.sleep(0.02 if job % 2 == 0 else 0)
        return job

    assert list(prefetch(work, range(9), 3)) == list(range(9))


def test_no_more_is_made_ahead_than_allowed():
    made = []
    results = prefetch(lambda job: made.append(job) or job, range(100), 2)
    next(results)
    time.sleep(0.05)
    assert len(made) <= 3
    results.close()
    time.sleep(0.05)
    assert len(made) <= 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("jpegdomain-loader")]


def test_without_threads_nothing_is_done_ahead():
    made = []
    results = prefetch(lambda job: made.append(job) or job, range(5), 0)
    assert next(results) == 0
    assert made == [0]

"""``torch.compile`` of a converted model: one graph, and the spatial network's answers."""

import copy
import pickle
import shutil

import pytest
import torch

import jpegdomain as jd
from jpegdomain.nn.convolution import _FOLDED

from ..codec.oracle import jpeg, noise
from .nets import PLANS, SIZE, close, from_torch_2_7, images, loss_and_gradients, net, pixels


@pytest.fixture(autouse=True)
def _fresh():
    torch.compiler.reset()


class Graphs:
    """A backend that runs graphs as they are and counts them."""

    def __init__(self):
        self.count = 0

    def __call__(self, graph, _inputs):
        self.count += 1
        return graph.forward


def compiled(model, backend="eager"):
    return torch.compile(model, backend=backend, fullgraph=True)


def given(kind):
    """An input, and the pixels that the spatial network is to see."""
    if kind == "activation":
        return jd.encode(pixels()), pixels()
    batch = jd.collate(images(2, subsampling="4:2:0"), dtype=torch.float64).as_tensors()
    return batch, jd.convert(net()).jpeg_entry.normalised_pixels(batch)


@pytest.mark.parametrize("kind", ["activation", pytest.param("batch", marks=from_torch_2_7)])
@pytest.mark.parametrize("plan", PLANS)
def test_one_graph_gives_the_spatial_networks_answers(plan, kind):
    model = net()
    run = compiled(jd.convert(model, plan=plan))
    x, seen = given(kind)
    with torch.no_grad():
        assert close(run(x), model(seen))


@pytest.mark.parametrize("plan", PLANS)
def test_one_graph_trains(plan):
    model = net().train()
    converted = jd.convert(model, plan=plan)
    run = compiled(converted, "aot_eager")
    assert close(loss_and_gradients(run, jd.encode(pixels())), loss_and_gradients(model, pixels()), 1e-8)
    assert close(converted.norm.running_var, model.norm.running_var)


@pytest.mark.parametrize("plan", PLANS)
def test_masks_compile(plan):
    converted = jd.convert(net(), plan=plan, frequencies=5)
    x = jd.encode(pixels())
    with torch.no_grad():
        expected = converted(x)
        assert close(compiled(converted)(x), expected)
        assert not close(net()(pixels()), expected, 1e-3)


@pytest.mark.parametrize("plan", PLANS)
def test_a_batch_marked_dynamic_is_compiled_once(plan):
    model, graphs = net(), Graphs()
    run = torch.compile(jd.convert(model, plan=plan), backend=graphs, fullgraph=True)
    with torch.no_grad():
        for count in (4, 7, 3):
            x = jd.encode(pixels(count))
            torch._dynamo.mark_dynamic(x.coefficients, 0)
            assert close(run(x), model(pixels(count)))
    assert graphs.count == 1


@pytest.mark.slow
def test_other_extents_are_other_graphs():
    model = net()
    run = torch.compile(jd.convert(model, plan="fused"), backend="eager", fullgraph=True)
    with torch.no_grad():
        for size in [(16, 16), (21, 16), (17, 9)]:
            assert close(run(jd.encode(pixels(size=size))), model(pixels(size=size)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_records_are_read_before_the_graph(dtype):
    model = net(dtype)
    converted = jd.convert(model, plan="fused")
    graphs = Graphs()
    run = torch.compile(converted, backend=graphs)
    batch = jd.collate(images(2), dtype=dtype)
    with torch.no_grad():
        expected = model(converted.jpeg_entry.normalised_pixels(batch))
        assert close(run(batch), expected, 1e-9 if dtype == torch.float64 else 1e-5)
    assert graphs.count


@pytest.mark.parametrize("preprocess", [None, jd.preprocess.Resize(SIZE)], ids=["mixed", "placed"])
def test_batches_of_several_kinds_are_read_before_the_graph(preprocess):
    """Their composition differs each time, but the network's graphs are the same."""
    model, graphs = net(), Graphs()
    converted = jd.convert(model, plan="fused")
    run = torch.compile(converted, backend=graphs)
    one, other = images(2, subsampling="4:2:0"), images(2, subsampling="4:4:4")
    if preprocess is not None:
        other = [jd.read_jpeg(jpeg(noise(27, 30 + k, seed=k))) for k in range(2)]
    counts = []
    orders = (0, 1, 2, 3), (2, 3, 0, 1), (0, 2, 1, 3), (3, 0, 2, 1), (1, 2, 3, 0)
    for order in orders:
        files = [[*one, *other][k] for k in order]
        batch = jd.collate(files, preprocess=preprocess, dtype=torch.float64).as_tensors()
        with torch.no_grad():
            assert close(run(batch), model(converted.jpeg_entry.normalised_pixels(batch)))
        counts.append(graphs.count)
    # What is fixed in the first batch may vary in the second.
    assert counts[0]
    assert counts[1] == counts[-1]


MIXED = [
    jpeg(noise(21 + k, 26 - k, 3 if k % 3 else 1, seed=k), **({"subsampling": "4:2:0"} if k % 3 else {}))
    for k in range(7)
]


@from_torch_2_7
@pytest.mark.parametrize(("plan", "dtype"), [("fused", torch.float32), ("transform", torch.float64)])
def test_preprocessed_batches_are_part_of_one_graph(plan, dtype):
    model = net(dtype)
    preprocess = jd.preprocess.Compose([jd.preprocess.RandomResizedCrop(SIZE, scale=(0.4, 1))])
    converted = jd.convert(model, plan=plan, preprocess=preprocess)
    graphs = Graphs()
    run = torch.compile(converted, backend=graphs, fullgraph=True)
    files = [jd.read_jpeg(data) for data in MIXED]
    for picks in ((0, 1, 2), (3, 4, 5), (6, 1, 0, 2), (2, 3), (1, 2, 4, 5, 6)):
        batch = jd.collate([files[k] for k in picks], preprocess=preprocess, dtype=dtype).as_tensors()
        with torch.no_grad():
            expected = model(converted.jpeg_entry.normalised_pixels(batch))
            assert close(run(batch), expected, 1e-9 if dtype == torch.float64 else 1e-4)
        # Sizes, samplings, maps and the number of images differ: the second graph treats them as variable.
        assert graphs.count <= 2


@from_torch_2_7
def test_preprocessed_batches_train_in_a_graph():
    model = net().train()
    preprocess = jd.preprocess.Resize(SIZE)
    converted = jd.convert(model, plan="fused", preprocess=preprocess)
    batch = jd.collate([jd.read_jpeg(data) for data in MIXED], preprocess=preprocess, dtype=torch.float64).as_tensors()
    seen = converted.jpeg_entry.normalised_pixels(batch)
    run = torch.compile(converted, backend="aot_eager", fullgraph=True)
    assert close(loss_and_gradients(run, batch), loss_and_gradients(model, seen), 1e-8)


def test_the_decoding_operator_keeps_torchs_rules():
    from jpegdomain.decoding.in_graph import _decode

    preprocess = jd.preprocess.Resize(SIZE)
    sealed = jd.collate([jd.read_jpeg(data) for data in MIXED], preprocess=preprocess).as_tensors().sealed
    scale, shift = torch.full((3,), 0.01, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for target, last in (("rgb", True), ("rgb", False), ("luma", False)):
        channels = slice(0, 3 if target == "rgb" else 1)
        given = *sealed[:4], scale[channels], shift[channels], *SIZE, target, torch.float32, last
        torch.library.opcheck(_decode, given, test_utils=("test_schema", "test_faketensor"))


@from_torch_2_7
def test_a_missing_preprocess_is_noticed_in_a_graph():
    converted = jd.convert(net(), preprocess=jd.preprocess.Resize(SIZE))
    batch = jd.collate(images(2), dtype=torch.float64).as_tensors()
    with pytest.raises(Exception, match="the batch was made without one"):
        torch.compile(converted, backend="eager", fullgraph=True)(batch)


@pytest.mark.parametrize("form", ["stencil", "dense"])
def test_requested_forms_compile(form):
    model = net()
    converted = jd.convert(model, form={"second": form})
    with torch.no_grad():
        assert close(compiled(converted)(jd.encode(pixels())), model(pixels()))
    assert converted.second.weight not in _FOLDED


def test_a_compiled_model_can_be_copied_pickled_and_saved():
    model = net()
    converted = jd.convert(model, plan="fused")
    converted.compile(backend="eager", fullgraph=True)
    x = jd.encode(pixels())
    with torch.no_grad():
        assert close(converted(x), model(pixels()))
        for other in (copy.deepcopy(converted), pickle.loads(pickle.dumps(converted))):
            assert close(other(x), model(pixels()))
    assert list(converted.state_dict()) == list(model.state_dict())
    wrapped = torch.compile(converted, backend="eager")
    again = copy.deepcopy(wrapped)
    wrapped.load_state_dict({key: 2 * value for key, value in again.state_dict().items()})
    torch.testing.assert_close(converted.linear.weight, 2 * model.linear.weight)


# torch's own code, which inductor imports.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("g++", "c++", "clang++"))), reason="no C++ compiler for inductor")
@pytest.mark.parametrize("plan", PLANS)
def test_inductor(plan):
    model = net(torch.float32)
    run = torch.compile(jd.convert(model, plan=plan), fullgraph=True)
    with torch.no_grad():
        assert close(run(jd.encode(pixels(dtype=torch.float32))), model(pixels(dtype=torch.float32)), 1e-5)
    model.train()
    run = torch.compile(jd.convert(model, plan=plan), fullgraph=True)
    got = loss_and_gradients(run, jd.encode(pixels(dtype=torch.float32)))
    assert close(got, loss_and_gradients(model, pixels(dtype=torch.float32)), 1e-4)

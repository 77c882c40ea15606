"""Unusual networks: lists of images, feature extractors, scripted parts, code that makes tensors and random draws."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

import jpegdomain as jd

from .models import nets

PLANS = pytest.mark.parametrize("plan", ["transform", "fused"])


def random(*sizes, seed=0):
    return torch.randn(*sizes, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def close(one, other):
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


class Detector(nn.Module):
    """What detectors do with images: each has its own size and is put into a batch of one."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, images, sizes=None):
        height, width = (max(image.shape[axis] for image in images) for axis in (-2, -1))
        batch = images[0].new_zeros(len(images), 3, height, width)
        for image, place in zip(images, batch, strict=True):
            place[:, : image.shape[1], : image.shape[2]].copy_(image)
        return [{"scores": F.relu(self.conv(one[None])).mean((2, 3)), "size": tuple(one.shape)} for one in batch], sizes


@PLANS
@pytest.mark.parametrize("frequencies", [15, 6])
def test_a_list_of_images(plan, frequencies):
    model = Detector().double().eval()
    images = [random(3, 17, 24), random(3, 20, 9)]
    converted = jd.convert(model, plan=plan, frequencies=frequencies, mean=0.0, std=1.0)
    found, sizes = converted([jd.encode(image) for image in images], [1, 2])
    expected, _ = model(images)
    assert sizes == [1, 2]
    assert [one["size"] for one in found] == [one["size"] for one in expected]
    same = all(torch.allclose(a["scores"], b["scores"], rtol=1e-9) for a, b in zip(found, expected, strict=True))
    assert same is (frequencies == 15)


@PLANS
def test_a_list_of_files_of_any_sizes(plan, files):
    model = Detector().double().eval()
    batches = [jd.collate([image], dtype=torch.float64) for image in files]
    converted = jd.convert(model, plan=plan)
    expected, _ = model([converted.jpeg_entry.normalised_pixels(batch)[0] for batch in batches])
    for one, other in zip(converted(batches)[0], expected, strict=True):
        close(one["scores"], other["scores"])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    from PIL import Image

    folder = tmp_path_factory.mktemp("files")
    for number, size in enumerate([(24, 17), (9, 20)]):
        image = torch.randint(256, (size[1], size[0], 3), generator=torch.Generator().manual_seed(number))
        Image.fromarray(image.to(torch.uint8).numpy()).save(folder / f"{number}.jpg")
    return [jd.read_jpeg(folder / f"{number}.jpg") for number in range(2)]


class Modes(nn.Module):
    """A module with two modes, which torchvision's extractor keeps as two graphs."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.last = nn.Conv2d(8, 4, 3)

    def forward(self, x):
        x = F.relu(self.norm(self.first(x)))
        return self.last(x) * 2 if self.training else self.last(x)


@pytest.mark.filterwarnings("ignore:NOTE. The nodes obtained by tracing")
@pytest.mark.parametrize("training", [True, False])
@PLANS
def test_a_feature_extractor_keeps_its_mode_and_its_two_graphs(plan, training):
    source = create_feature_extractor(Modes().double(), {"norm": "mid", "last": "last"}).train(training)
    images = random(2, 3, 20, 23)
    source.norm.running_mean += 0.3
    converted = jd.convert(source, plan=plan)
    assert converted.training is training
    both = [converted, copy.deepcopy(converted)]
    for mode in (training, False, True, False):
        for network in (source, *both):
            network.train(mode)
        expected = source(images)
        for network in both:
            found = network(jd.encode(images))
            assert found.keys() == expected.keys()
            for name, value in expected.items():
                close(found[name], value)
        spatial = jd.to_spatial(converted)
        assert spatial.training is mode
        if not mode:
            close(spatial(images)["last"], expected["last"])


@pytest.mark.filterwarnings("ignore:NOTE. The nodes obtained by tracing")
@PLANS
def test_a_copy_that_loses_the_mode_of_a_part(plan):
    source = create_feature_extractor(Modes().double().eval(), ["last"]).train()
    source.norm.eval()
    converted = jd.convert(source, plan=plan)
    assert [module.training for module in converted.modules()][:-1] == [m.training for m in source.modules()]


@PLANS
@pytest.mark.parametrize("frequencies", [15, 6])
def test_a_scripted_part(plan, frequencies):
    part = torch.jit.script(nn.Sequential(nn.Conv2d(4, 4, 3), nn.Sigmoid()))
    model = nn.Sequential(nn.Conv2d(3, 4, 3), part, nn.Conv2d(4, 2, 3)).double().eval()
    images = random(2, 3, 20, 23)
    converted = jd.convert(model, plan=plan, frequencies=frequencies)
    close(converted(jd.encode(images)), model(images))
    assert converted.plan((20, 23)).steps


@PLANS
def test_coordinate_channels(plan):
    def forward(self, x):
        rows, columns = torch.meshgrid(*(torch.linspace(-1, 1, n).to(x) for n in x.shape[2:]), indexing="ij")
        grid = torch.stack([rows, columns]).expand(len(x), 2, *x.shape[2:])
        return self.conv(torch.cat([x, grid], 1))

    model = nets(forward, conv=nn.Conv2d(5, 4, 3)).double().eval()
    images = random(2, 3, 20, 23)
    converted = jd.convert(model, plan=plan)
    close(converted(jd.encode(images)), model(images))
    assert converted.plan((20, 23)).steps


@PLANS
def test_space_to_depth(plan):
    def forward(self, x):
        n, c, h, w = x.shape
        x = x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4).reshape(n, 4 * c, h // 2, w // 2)
        return self.conv(x)

    model = nets(forward, conv=nn.Conv2d(12, 4, 3)).double().eval()
    images = random(2, 3, 20, 26)
    converted = jd.convert(model, plan=plan)
    close(converted(jd.encode(images)), model(images))
    # The first convolution's channels are not the image's.
    assert converted.jpeg_entry.channels == 3
    assert converted.plan((20, 26)).steps


@PLANS
def test_random_draws_are_those_on_pixels(plan):
    def forward(self, x):
        x = self.conv(x)
        return x + torch.randn_like(x)

    model = nets(forward, conv=nn.Conv2d(3, 4, 3)).double().eval()
    images = random(2, 3, 20, 23)
    results = []
    for network, given in ((model, images), (jd.convert(model, plan=plan), jd.encode(images))):
        torch.manual_seed(5)
        results.append(network(given))
    close(results[1], results[0])


@PLANS
def test_two_images(plan):
    def forward(self, x, y):
        return torch.cat([self.one(x), self.two(y)], 1).mean((2, 3))

    model = nets(forward, one=nn.Conv2d(3, 4, 3), two=nn.Conv2d(3, 4, 3)).double().eval()
    images, others = random(2, 3, 20, 23), random(2, 3, 20, 23, seed=1)
    converted = jd.convert(model, plan=plan)
    for second in (others, jd.encode(others)):
        close(converted(jd.encode(images), second), model(images, others))
        assert converted.plan((20, 23), 2, second).steps


def test_hooks_of_the_code_itself():
    """Hugging Face's models hook their own modules in their first run."""

    class Hooked(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.hooked = nn.Conv2d(3, 4, 3), False

        def forward(self, x):
            if not self.hooked:
                self.hooked, self.found = True, {}
                found = self.found
                self.conv.register_forward_hook(lambda module, _, value: found.__setitem__(id(module), value))
            self.conv(x)
            return self.found[id(self.conv)].exp()

    model = Hooked().double().eval()
    images = random(2, 3, 20, 23)
    converted = jd.convert(model)
    close(converted(jd.encode(images)), model(images))

"""Two processes that train one detection network together come to one process's losses, also after a kill."""

import contextlib
import json
from typing import ClassVar
from unittest import mock

import pytest
import torch
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler
from torchvision.models.detection.anchor_utils import AnchorGenerator

from experiments.frequency_detection import network
from experiments.frequency_detection import run as experiment
from experiments.frequency_detection.coco import CocoImages, Items
from experiments.frequency_detection.parallel import SharedLosses, _Sampler
from experiments.frequency_detection.results import evaluate
from experiments.frequency_detection.training import Recipe
from experiments.lib.team import ALONE, Team
from tests.experiments.test_frequency_detection import arguments, data
from tests.experiments.test_team import finished, killed, together

__all__ = ["data"]

# Of a step's two micro-batches each process has one image; a small rate: what rounding changes, training amplifies.
TOGETHER = ("--variants", "24S", "--epochs", "2", "--micro-batch", "2", "--lr", "0.0005")


@contextlib.contextmanager
def all_proposals():
    """Take all proposals, neither suppressed nor sampled, of square anchors.

    Which of two neighbours is suppressed, and which of two scores is the larger, can depend on the last digit: many
    anchors' IoU is 0.6995, and torchvision's threshold 0.7.
    """
    heads = network._heads
    every = {
        "rpn_anchor_generator": AnchorGenerator(tuple((32 << level,) for level in range(5)), ((1.0,),) * 5),
        "rpn_nms_thresh": 1.0,
        "rpn_post_nms_top_n_train": 10_000,
        "box_batch_size_per_image": 10_000,
        "box_positive_fraction": 0.5,
    }
    with mock.patch.object(network, "_heads", lambda *given: heads(*given) | every):
        yield


def losses(report):
    """(networks, epochs, losses)."""
    return torch.tensor(
        [[list(epoch["losses"].values()) for epoch in one["epochs"]] for one in report["result"]["each"]],
        dtype=torch.float64,
    )


@pytest.fixture(scope="module")
def given(data):
    def of(output):
        return arguments(data, output, *TOGETHER)

    return of


@pytest.fixture(scope="module")
def alone(given, tmp_path_factory):
    """What one process finds."""
    with all_proposals():
        return experiment.main(given(tmp_path_factory.mktemp("alone") / "result.json"))


def assert_same(report, alone):
    assert [list(epoch["losses"]) for one in report["result"]["each"] for epoch in one["epochs"]] == [
        list(epoch["losses"]) for one in alone["result"]["each"] for epoch in one["epochs"]
    ]
    torch.testing.assert_close(losses(report), losses(alone), rtol=0, atol=1e-5)
    for one, other in zip(report["result"]["each"], alone["result"]["each"], strict=True):
        assert (one["variant"], one["seed"]) == (other["variant"], other["seed"])
        for epoch, expected in zip(one["epochs"], other["epochs"], strict=True):
            for kind in ("box", "mask"):
                assert epoch[kind] == pytest.approx(expected[kind], abs=1e-3)


@pytest.mark.slow
def test_two_processes_train_as_one_does(given, alone, tmp_path):
    output = tmp_path / "result.json"
    finished(together(__name__, given(output), output))
    report = json.loads(output.read_text())
    assert report["environment"]["processes"] == 2
    assert_same(report, alone)


@pytest.mark.slow
def test_one_process_goes_on_where_two_were_killed(given, alone, tmp_path, capsys):
    output = tmp_path / "result.json"
    killed(together(__name__, given(output), output), output.with_suffix(".partial"))
    assert not output.exists()
    capsys.readouterr()
    with all_proposals():
        report = experiment.main(given(output))
    assert report["environment"]["processes"] == 1
    assert_same(report, alone)
    # It did not begin again: the first network's first epoch had been done.
    shown = capsys.readouterr().err
    assert "24S-0, epoch 2 of 2" in shown
    assert "24S-0, epoch 1 of 2" not in shown


class Half(Team):
    """One of two processes that take turns in one; what the other adds is what it added last time."""

    said: ClassVar[dict[int, torch.Tensor]] = {}
    sizes: ClassVar[list[list[int]]] = []

    def sum(self, values):
        self.said[self.rank] = values
        return sum(self.said.values())

    def gather(self, value):
        return [value, self.sizes]

    def wrapped(self, model):
        return model

    def synchronise(self, model):
        pass


def test_losses_and_gradients_of_two_halves_are_those_of_the_whole(data):
    """Of images of two sizes, with other numbers of anchors, proposals and proposals on objects in each half."""
    images = CocoImages(data / "train", data / "train.json", annotated=True)
    given, targets = zip(*(Items(images, True, True)[number, False] for number in (0, 2)), strict=True)
    seeds = [[11, 12], [13, 14]]

    def fewer_of_the_wide(_, given):
        features, proposals, shapes, targets = given
        cut = [own[: 60 if shape[1] > 90 else 180] for own, shape in zip(proposals, shapes, strict=True)]
        return features, cut, shapes, targets

    def shared(team):
        torch.manual_seed(0)
        with all_proposals():
            model = network.build(network.Design("mask", "resnet18", 64, 96, small=True), 3).train()
        # Batch norm has a test of its own.
        model.backbone.body.eval()
        # All anchors that are not between object and background: how many there are depends on the image.
        model.rpn.fg_bg_sampler.batch_size_per_image = 10_000
        model.roi_heads.register_forward_pre_hook(fewer_of_the_wide)
        return model, SharedLosses(model, team)

    def gradients(model):
        return [parameter.grad for parameter in model.parameters()]

    model, whole = shared(ALONE)
    expected = whole.backward(given, targets, seeds, 1.0, last=True)
    Half.sizes = [[3, 64, 96]]
    for _ in range(2):
        found, halves = [], []
        for rank in range(2):
            half, own = shared(Half(rank, 2))
            found.append(own.backward(given[rank:][:1], targets[rank:][:1], seeds[rank:][:1], 1.0, last=True))
            halves.append(gradients(half))
    shares = Half.said[0] / (Half.said[0] + Half.said[1])
    assert (shares - 0.5).abs().min() > 0.01
    assert {name: loss + found[1][name] for name, loss in found[0].items()} == pytest.approx(expected, abs=1e-5)
    for one, first, second in zip(gradients(model), *halves, strict=True):
        torch.testing.assert_close((first + second) / 2, one, rtol=1e-3, atol=1e-5)


def test_what_is_sampled_of_an_image_does_not_depend_on_its_company():
    sampler = _Sampler(BalancedPositiveNegativeSampler(8, 0.5))
    matched = [torch.arange(40) % 3 - 1, (torch.arange(50) < 3).long()]
    sampler.seeds = (5, 6)
    together = sampler(matched)
    assert (sampler.all, sampler.positive) == (16, 7)
    for place in range(2):
        sampler.seeds = (5 + place,)
        for kind, alone in zip(together, sampler(matched[place : place + 1]), strict=True):
            assert torch.equal(kind[place], alone[0])
    sampler.seeds = (6, 5)
    assert not torch.equal(sampler(matched)[1][0], together[1][0])


def test_every_image_of_a_step_is_one_processes():
    recipe = Recipe(1, (1,), 10, 4, 0.02)
    assert recipe.micro_batches(ALONE) == [range(4), range(4, 8), range(8, 10)]
    halves = [recipe.micro_batches(Team(rank, 2)) for rank in range(2)]
    assert halves == [[range(2), range(4, 6), range(8, 9)], [range(2, 4), range(6, 8), range(9, 10)]]


class _Annotated(torch.nn.Module):
    """Finds what is annotated."""

    def __init__(self, targets):
        super().__init__()
        self.targets = iter(targets)

    def forward(self, images):
        target = next(self.targets)
        masks = target["masks"][:, None].float()
        return [target | {"scores": torch.full((len(masks),), 0.9), "masks": masks}]


def test_shares_of_an_evaluation_are_put_together(data):
    """Each process finds the objects of its images; the other's come to it from `Team.gather`."""
    images = CocoImages(data / "val", data / "val.json")
    items = Items(images, False, True)
    batches = [([image], [target]) for image, target in (items[number, False] for number in range(len(images)))]
    found = []

    class Other(Team):
        def gather(self, value):
            # pycocotools adds to what it is given.
            found.append([dict(one) for one in value])
            return [value]

    def run(team):
        own = team.slice(batches)
        return evaluate(_Annotated([targets[0] for _, targets in own]), items, own, torch.device("cpu"), team)

    whole = run(Other())
    assert whole["box"]["AP"] == pytest.approx(1)
    assert whole["mask"]["AP"] == pytest.approx(1)
    assert run(Other(0, 2))["box"]["AP"] < 1
    run(Other(1, 2))
    boxes, masks, *halves = found
    assert (len(boxes), len(masks)) == (6, 6)
    assert [halves[0] + halves[2], halves[1] + halves[3]] == [boxes, masks]


def test_steps_that_cannot_be_divided_are_refused(data, tmp_path):
    given = arguments(data, tmp_path / "run.json")
    for more in (("--micro-batch", "3"), ("--batch", "5", "--micro-batch", "2"), ("--batch", "1")):
        with pytest.raises(SystemExit, match="give multiples of 2 as --batch and --micro-batch"):
            experiment.main([*given, "--processes-per-network", "2", *more])
    with pytest.raises(SystemExit, match="1 processes cannot be divided into teams of 2"):
        experiment.main([*given, "--processes-per-network", "2"])


if __name__ == "__main__":
    with all_proposals():
        experiment.main()

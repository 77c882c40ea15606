"""Labels with boxes, keypoints and masks follow their images through `Collate`, `loader` and torch's own loader."""

import pytest
import torch
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms import v2

import jpegdomain as jd
from jpegdomain import preprocess as ours
from jpegdomain.errors import InputError

from ..codec.oracle import jpeg, noise

SIZES = [(61, 83), (90, 47), (48, 48), (30, 200)]
STEPS = [v2.SanitizeBoundingBoxes(), v2.ToPureTensor()]
TRAINING = ours.Compose([ours.RandomResizedCrop(24), ours.RandomHorizontalFlip(), *map(ours.OnTargets, STEPS)])
THEIRS = v2.Compose([v2.RandomResizedCrop(24), v2.RandomHorizontalFlip(), *STEPS])


def detection(number):
    height, width = SIZES[number]
    box = torch.tensor([[0, 0, width, height], [5, 5, 15, 15], [width - 9, height - 9, width - 2, height - 2]])
    mask = torch.zeros(3, height, width, dtype=torch.uint8)
    for one, (left, top, right, bottom) in zip(mask, box.tolist(), strict=True):
        one[top:bottom, left:right] = 1
    return {
        "boxes": tv_tensors.BoundingBoxes(box.float(), format="XYXY", canvas_size=SIZES[number]),
        "masks": tv_tensors.Mask(mask),
        "labels": torch.arange(3) + 3 * number,
        "image_id": number,
    }


def segmentation(number):
    return tv_tensors.Mask(torch.arange(SIZES[number][0] * SIZES[number][1]).view(SIZES[number]))


def dataset(label):
    return jd.JpegDataset([jpeg(noise(*size)) for size in SIZES], [label(number) for number in range(len(SIZES))])


def drawn(generator_or_seed):
    """torchvision's targets with the draws of one generator."""
    torch.manual_seed(generator_or_seed)
    return [THEIRS(tv_tensors.Image(torch.zeros(3, *SIZES[i])), detection(i))[1] for i in range(len(SIZES))]


def test_detection_labels_are_a_list():
    torch.manual_seed(4)
    (batch, labels), *_ = DataLoader(dataset(detection), 4, collate_fn=jd.Collate(TRAINING))
    torch.manual_seed(4)
    batch, labels = jd.Collate(TRAINING)([dataset(detection)[i] for i in range(4)])
    assert batch.extent == (24, 24)
    for mine, theirs in zip(labels, drawn(4), strict=True):
        assert mine.keys() == theirs.keys()
        for key in theirs:
            assert type(mine[key]) is type(theirs[key])
            assert torch.equal(torch.as_tensor(mine[key]), torch.as_tensor(theirs[key]))
    assert len({len(label["labels"]) for label in labels}) > 1


@pytest.mark.parametrize("threads", [0, 2])
def test_in_our_loader_pixels_and_masks_agree(threads):
    class Painted(jd.JpegDataset):
        def __getitems__(self, indices):
            items = super().__getitems__(indices)
            # The file's own luma as its mask: flips and crops move both alike.
            items[:] = [(image, tv_tensors.Mask(luma(image))) for image, _ in items]
            return items

    def luma(image):
        return jd.decode_luma(jd.collate([image], dtype=torch.float64))[0, 0]

    files = Painted([jpeg(noise(*size)) for size in SIZES])
    steps = ours.Compose([ours.RandomCrop(28), ours.RandomHorizontalFlip(), ours.RandomVerticalFlip()])
    loader = jd.loader(files, 2, preprocess=steps, threads=threads, dtype=torch.float64, device="cpu")
    for batch, masks in loader:
        assert isinstance(masks, torch.Tensor)
        torch.testing.assert_close(masks, jd.decode_luma(batch)[:, 0], rtol=0, atol=1e-9)


def test_workers_send_the_targets():
    (batch, labels), *_ = DataLoader(
        dataset(detection),
        4,
        collate_fn=jd.Collate(ours.Resize((20, 30))),
        num_workers=1,
        multiprocessing_context="fork",
    )
    assert batch.extent == (20, 30)
    expected = v2.functional.resize(detection(1)["boxes"], [20, 30])
    assert torch.equal(labels[1]["boxes"], expected)


def test_labels_without_targets_are_as_before():
    _, labels = jd.Collate(TRAINING)([(image, number) for number, (image, _) in enumerate(dataset(segmentation))])
    assert torch.equal(labels, torch.arange(4))
    _, labels = jd.Collate(TRAINING)([(image, {"a": torch.ones(2)}) for image, _ in dataset(segmentation)])
    assert torch.equal(labels["a"], torch.ones(4, 2))
    _, masks = jd.Collate(ours.RandomResizedCrop(24))(list(dataset(segmentation)))
    assert masks.shape == (4, 24, 24)


def test_a_moved_batch_holds_no_maps():
    batch = jd.collate([image for image, _ in dataset(segmentation)], preprocess=ours.Resize((8, 8)))
    assert [one.extent for one in batch.maps] == [(8, 8)] * 4
    with pytest.raises(InputError, match="transform targets where the batch is made"):
        ours.follow(batch.as_tensors(), [segmentation(i) for i in range(4)])


def test_dicts_and_further_entries():
    steps = ours.Resize((20, 30))
    items = [
        {"image": image, "boxes": label["boxes"], "label": number, "mask": segmentation(number)}
        for number, (image, label) in enumerate(dataset(detection))
    ]
    made = jd.Collate(steps)(items)
    assert made["labels"].tolist() == [0, 1, 2, 3]
    assert torch.equal(made["boxes"][2], v2.functional.resize(detection(2)["boxes"], [20, 30]))
    assert torch.equal(made["mask"][3], v2.functional.resize(segmentation(3), [20, 30]))
    _, numbers, masks = jd.Collate(steps)(
        [(image, 7, segmentation(i)) for i, (image, _) in enumerate(dataset(detection))]
    )
    assert numbers.tolist() == [7] * 4
    assert masks.shape == (4, 20, 30)
    pixels, labels = jd.PixelCollate(steps)(list(dataset(detection)))
    assert pixels.shape == (4, 3, 20, 30)
    assert labels[1]["boxes"].canvas_size == (20, 30)

"""Boxes, keypoints and masks against ``torchvision.transforms.v2`` on them, drawn with the same seed."""

from dataclasses import replace

import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

import jpegdomain as jd
from jpegdomain import preprocess as ours
from jpegdomain.errors import InputError

from .pictures import picture

EXTENT = (46, 61)
ROTATED = [name for name in ("XYWHR", "CXCYWHR", "XYXYXYXY") if hasattr(tv_tensors.BoundingBoxFormat, name)]
FORMATS = ["XYXY", "XYWH", "CXCYWH", *ROTATED]


def boxes(form, extent=EXTENT, dtype=torch.float64):
    """Return boxes: some inside, some partly outside, one without a size."""
    corners = torch.tensor(
        [[3, 4, 20, 30], [30, 2, 61, 40], [0, 0, 61, 46], [50, 40, 60, 45], [7, 7, 7, 9], [55, 40, 70, 60]], dtype=dtype
    )
    plain = tv_tensors.BoundingBoxes(corners, format="XYXY", canvas_size=extent)
    if form not in ROTATED:
        return v2.functional.convert_bounding_box_format(plain, new_format=form)
    centred = v2.functional.convert_bounding_box_format(plain, new_format="CXCYWH").as_subclass(torch.Tensor)
    angles = torch.arange(-20, 40, 10, dtype=dtype)[:, None]
    turned = tv_tensors.BoundingBoxes(torch.cat([centred, angles], 1), format="CXCYWHR", canvas_size=extent)
    return v2.functional.convert_bounding_box_format(turned, new_format=form)


def masks(extent=EXTENT, count=6):
    return tv_tensors.Mask(
        torch.randint(0, 9, (count, *extent), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    )


def targets(extent=EXTENT):
    made = {"labels": torch.arange(6), "masks": masks(extent), "nested": [("name", {"mask": masks(extent)[0]}), 3]}
    for form in FORMATS:
        made[form] = boxes(form, extent)
        if form not in ROTATED:
            made[form + " whole numbers"] = boxes(form, extent, torch.int64)
    if hasattr(tv_tensors, "KeyPoints"):
        points = torch.tensor([[[0.0, 0.0], [60.0, 45.0]], [[12.5, 7.25], [30.0, 44.0]]])
        made["points"] = tv_tensors.KeyPoints(points, canvas_size=extent)
        made["whole points"] = tv_tensors.KeyPoints(points.long(), canvas_size=extent)
    made["nested"][0][1]["mask"] = tv_tensors.wrap(made["nested"][0][1]["mask"], like=made["masks"])
    return made


def same(mine, theirs, atol=0.0):
    """The same structure, types, formats and canvases, and numbers."""
    assert type(mine) is type(theirs)
    if isinstance(theirs, dict):
        assert list(mine) == list(theirs)
        for key in theirs:
            same(mine[key], theirs[key], atol)
    elif isinstance(theirs, list | tuple):
        assert len(mine) == len(theirs)
        for one, other in zip(mine, theirs, strict=True):
            same(one, other, atol)
    elif isinstance(theirs, torch.Tensor):
        for name in ("format", "canvas_size", "clamping_mode"):
            assert getattr(mine, name, None) == getattr(theirs, name, None)
        torch.testing.assert_close(mine.as_subclass(torch.Tensor), theirs.as_subclass(torch.Tensor), rtol=0, atol=atol)
    else:
        assert mine == theirs


PAIRS = {
    "short side": lambda m: m.Resize(24),
    "stretched": lambda m: m.Resize((97, 31)),
    "long side": lambda m: m.Resize(24, max_size=27),
    "centre": lambda m: m.CenterCrop((30, 41)),
    "centre of more than there is": lambda m: m.CenterCrop((90, 75)),
    "pad": lambda m: m.Pad((1, 2, 3, 4), fill=7),
    "crop by padding": lambda m: m.Pad((-1, 2, 0, -3)),
    "random crop": lambda m: m.RandomCrop((20, 30)),
    "random crop, padded": lambda m: m.RandomCrop(90, padding=30, pad_if_needed=True, fill=3),
    "random crop of all": lambda m: m.RandomCrop(EXTENT),
    "random resized crop": lambda m: m.RandomResizedCrop((24, 31)),
    "left and right": lambda m: m.RandomHorizontalFlip(0.7),
    "upside down": lambda m: m.RandomVerticalFlip(0.7),
    "evaluation": lambda m: m.Compose([m.Resize(32), m.CenterCrop(28)]),
    "training": lambda m: m.Compose([m.RandomResizedCrop(28), m.RandomHorizontalFlip(), m.Pad(2, fill=9)]),
    "all": lambda m: m.Compose(
        [m.RandomCrop(40, padding=3), m.Resize((33, 50)), m.RandomVerticalFlip(), m.Resize(40), m.CenterCrop(34)]
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_targets_go_where_torchvision_puts_them(name):
    theirs, mine = PAIRS[name](v2), PAIRS[name](ours)
    for seed in range(6 if mine.random else 1):
        torch.manual_seed(seed)
        _, expected = theirs(tv_tensors.Image(torch.zeros(3, *EXTENT)), targets())
        torch.manual_seed(seed)
        given = targets()
        same(ours.follow(mine(EXTENT), given), expected)
        same(given, targets())


@pytest.mark.parametrize("quarters", [0, 1, 2, 3, -1, 5])
def test_rotations_are_torchvisions(quarters):
    image_map = ours.Rotate90(quarters)(EXTENT)
    given = {form: boxes(form) for form in FORMATS[:3]} | {"masks": masks()}
    if ROTATED:
        given["corners"] = boxes("XYXYXYXY")
    rotated = {
        key: v2.functional.rotate(value, -90 * quarters, expand=True) if quarters else value
        for key, value in given.items()
    }
    mine = ours.follow(image_map, given)
    assert torch.equal(mine["masks"], rotated.pop("masks"))
    for key, expected in rotated.items():
        # The last box is partly outside: torchvision clamps it, though a flip does not. The one before has no width.
        assert mine[key].canvas_size == expected.canvas_size
        corners, theirs = (sorted_corners(value)[:4] for value in (mine[key], expected))
        torch.testing.assert_close(corners, theirs, rtol=0, atol=1e-4)


def sorted_corners(value):
    """Return the sorted corners of boxes: which one comes first after a rotation is a convention."""
    rotated = value.shape[-1] != 4
    form = "XYXYXYXY" if rotated else "XYXY"
    plain = v2.functional.convert_bounding_box_format(value, new_format=form).as_subclass(torch.Tensor)
    if not rotated:
        return plain
    points = plain.view(-1, 4, 2)
    return torch.stack([one[(1000 * one[:, 0] + one[:, 1]).round(decimals=3).argsort()] for one in points])


@pytest.mark.parametrize("form", FORMATS)
def test_transposing_twice_gives_the_same_boxes(form):
    once = ours.follow(ours.Transpose()(EXTENT), boxes(form))
    assert once.canvas_size == EXTENT[::-1]
    twice = ours.follow(ours.Transpose()(EXTENT[::-1]), once)
    torch.testing.assert_close(twice.as_subclass(torch.Tensor), boxes(form).as_subclass(torch.Tensor))
    both = ours.Compose([ours.Transpose(), ours.Transpose()])(EXTENT)
    torch.testing.assert_close(ours.follow(both, boxes(form)), twice)


@pytest.mark.parametrize("form", ROTATED)
def test_rotated_boxes_are_transposed_by_their_corners(form):
    before, after = (
        v2.functional.convert_bounding_box_format(value, new_format="XYXYXYXY").as_subclass(torch.Tensor)
        for value in (boxes(form), ours.follow(ours.Transpose()(EXTENT), boxes(form)))
    )
    points = before.view(-1, 4, 2).flip(-1)
    torch.testing.assert_close(after.view(-1, 4, 2), points[:, [0, 3, 2, 1]], rtol=0, atol=1e-9)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("sampling", ["gray", "4:2:0"])
def test_a_mask_of_the_pixels_follows_the_pixels(orientation, sampling):
    # Flips, transposes and crops move pixels as a whole: the file's own pixels, as a mask, must become the batch's.
    image = replace(picture(sampling, EXTENT), orientation=orientation)
    steps = ours.Compose(
        [ours.RandomCrop((31, 40), padding=5), ours.RandomRotate90(), ours.RandomVerticalFlip(), ours.CenterCrop(30)]
    )
    torch.manual_seed(orientation)
    batch = jd.collate([image], preprocess=steps, orient=True, dtype=torch.float64)
    pixels = jd.decode_rgb(jd.collate([image], dtype=torch.float64))[0]
    (moved,) = ours.follow(batch, [{"mask": tv_tensors.Mask(pixels)}])
    torch.testing.assert_close(moved["mask"].as_subclass(torch.Tensor), jd.decode_rgb(batch)[0], rtol=0, atol=1e-9)


def test_steps_can_apply_to_targets_only():
    steps = [v2.ClampBoundingBoxes(), v2.SanitizeBoundingBoxes(min_size=3), v2.ConvertBoundingBoxFormat("CXCYWH")]
    image = tv_tensors.Image(torch.zeros(3, *EXTENT))
    given = {"boxes": boxes("XYXY"), "labels": torch.arange(6), "masks": masks(), "image_id": 5}
    _, expected = v2.Compose([v2.CenterCrop(25), v2.Resize(50), *steps])(image, given)
    assert 0 < len(expected["labels"]) < 6
    mine = ours.Compose([ours.CenterCrop(25), ours.Resize(50), *map(ours.OnTargets, steps)])
    same(ours.follow(mine(EXTENT), given), expected)
    assert ours.follow(mine(EXTENT), 3) == 3


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (boxes("XYXY", (61, 46)), "BoundingBoxes of 61×46, does not have its image's size, .*as stored"),
        (masks((5, 5)), "Mask of 5×5"),
        (tv_tensors.Image(torch.zeros(3, *EXTENT)), "Image cannot be a target"),
    ],
)
def test_wrong_targets_are_named(target, message):
    with pytest.raises(InputError, match=message):
        ours.follow(ours.Resize(8)(EXTENT), {"some": [target]})


def test_what_says_nothing_about_targets_does_not_move_them_silently():
    class Reversed(ours.Transform):
        def place(self, so_far, generator=None):
            return so_far.then(rows=ours.BandedMatrix.flip)

    with pytest.raises(InputError, match="without history"):
        ours.follow(Reversed()(EXTENT), masks())
    with pytest.raises(InputError, match="cannot be transformed by pad"):
        ours.follow(ours.Pad(2, padding_mode="edge")(EXTENT), boxes("XYXY"))
    with pytest.raises(InputError, match="1 images and 2 targets"):
        ours.follow(jd.collate([picture("gray", EXTENT)]), [1, 2])


def test_a_detection_pipeline_of_torchvision():
    pipeline = v2.Compose(
        [
            v2.ToImage(),
            v2.RandomCrop(40, padding=(3, 5, 0, 1), fill={tv_tensors.Image: (12, 13, 14), "others": 2}),
            v2.Pad(4, fill={tv_tensors.Image: 9, tv_tensors.Mask: 5, "others": 1}),
            v2.ConvertBoundingBoxFormat("XYXY"),
            v2.RandomHorizontalFlip(),
            v2.Resize((90, 80), antialias=True),
            v2.ToDtype({tv_tensors.Image: torch.float64, tv_tensors.Mask: torch.int64, "others": None}, scale=True),
            v2.Normalize([0.4, 0.5, 0.6], [0.2, 0.3, 0.25]),
            v2.SanitizeBoundingBoxes(min_size=25),
            v2.ToPureTensor(),
        ]
    )
    recipe = ours.from_torchvision(pipeline)
    for seed in range(5):
        given = {"boxes": boxes("CXCYWH"), "labels": torch.arange(6), "masks": masks()}
        image = picture("4:2:0", EXTENT, seed)
        levels = jd.decode_rgb(jd.collate([image], dtype=torch.float64))[0]
        torch.manual_seed(seed)
        pixels, expected = pipeline(tv_tensors.Image(levels / 255), given)
        # On floats that begin as 0…1 the fills are, too: only the targets are compared.
        assert pixels.shape == (3, 90, 80)
        torch.manual_seed(seed)
        batch, (mine,) = jd.Collate(recipe.transform)([(image, given)])
        assert batch.extent == (90, 80)
        same(mine, expected)
        assert mine["masks"].dtype == torch.int64

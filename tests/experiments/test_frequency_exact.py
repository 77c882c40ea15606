"""The experiment end to end on a few made colour files: its numbers, and what it survives."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import jpegdomain as jd
from experiments.frequency_exact import run as frequency_exact
from experiments.frequency_exact.results import enough, table
from experiments.lib.networks import EMBEDDED, load_network
from experiments.lib.selections import COUNTS, selections
from jpegdomain.tables import ZIGZAG

SETTINGS = 1 + 6 + 6 + 1 + 3 * len(COUNTS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes of 24×32 and 40×24 files: stripes one way and the other, in colours."""
    root = tmp_path_factory.mktemp("stripes")
    generator = np.random.default_rng(0)
    for label, axis in (("across", 0), ("along", 1)):
        (root / label).mkdir()
        for number in range(6):
            height, width = ((24, 32), (40, 24))[number % 2]
            line = np.sin(np.arange((height, width)[axis]) * (0.5 + number / 4))
            wave = line[:, None] if axis == 0 else line[None]
            pixels = (
                128 + 70 * wave[..., None] * generator.uniform(0.2, 1, 3) + generator.normal(0, 9, (height, width, 3))
            )
            buffer = io.BytesIO()
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=85)
            (root / label / f"{number}.jpg").write_bytes(buffer.getvalue())
    return root


def run(tmp_path, folder, *arguments):
    output = tmp_path / "result.json"
    given = ["--data", str(folder), "--model", "three_block", "--batch", "5", "--output", str(output), *arguments]
    report = frequency_exact.main(given)
    assert json.loads(output.read_text()) == json.loads(json.dumps(report))
    assert not output.with_suffix(".partial").exists()
    return report


def right(folder, mask=None, crop=None, sent=None):
    """Right answers of the spatial network, one image after the other, in float64: zeros in the coefficients.

    Of the network's input, or of the files themselves where `sent` says which are sent.
    """
    model = load_network("three_block", None, 2, 3).double()
    found = []
    for label, name in enumerate(("across", "along")):
        for path in sorted((folder / name).glob("*.jpg")):
            image = jd.read_jpeg(path)
            if sent is not None:
                parts = [
                    replace(part, coefficients=np.where(kept, part.coefficients, 0).astype(np.int16))
                    for part, kept in zip(image.components, sent.reshape(3, 64), strict=True)
                ]
                image = replace(image, components=tuple(parts))
            pixels = jd.decode_rgb(jd.collate([image], dtype=torch.float64))
            if crop is not None:
                top, left = ((side - crop) // 2 for side in pixels.shape[2:])
                pixels = pixels[:, :, top : top + crop, left : left + crop]
            if mask is not None:
                coefficients = jd.frequency.frequency_channels(pixels) * mask.view(1, -1, 1, 1)
                ycc = jd.decode(jd.Activation(torch.nn.functional.pixel_shuffle(coefficients, 8), pixels.shape[2:]))
                luma, cb, cr = ycc.unbind(1)
                red, blue = luma + 1.402 * cr, luma + 1.772 * cb
                pixels = torch.stack([red, (luma - 0.299 * red - 0.114 * blue) / 0.587, blue], 1) + 128
            mean, std = (torch.tensor(v).view(-1, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
            with torch.no_grad():
                found.append(int(model((pixels / 255 - mean) / std).argmax()) == label)
    return np.array(found)


@pytest.mark.parametrize("crop", [None, 16])
def test_accuracies_are_the_spatial_networks_on_masked_pixels(tmp_path, folder, capsys, crop):
    report = run(tmp_path, folder, *([] if crop is None else ["--crop", str(crop)]))
    result = report["result"]
    assert result["images"] == 12
    whole = right(folder, crop=crop)
    assert result["unmodified"]["top1"] == pytest.approx(whole.mean())
    assert result["unmodified"]["top5"] == 1
    assert sum(map(len, result["rules"].values())) == SETTINGS - 1
    for rule, count in (("square", "6"), ("learned", "24"), ("luma", "64"), ("energy", "8")):
        one = result["rules"][rule][count]
        mask = jd.frequency.ChannelSet.from_dict(one["kept"]).mask(torch.float64).flatten()
        masked = right(folder, mask, crop)
        assert one["top1"] == pytest.approx(masked.mean())
        difference = masked.astype(int) - whole
        assert one["top1_difference"] == pytest.approx(difference.mean())
        assert one["standard_error"] == pytest.approx(difference.std() / 12**0.5)
        assert 0 < one["scan_share"] < 1
        if rule in ("square", "learned"):
            arrived, own = one["truncated"], right(folder, crop=crop, sent=mask.numpy() > 0)
            assert (arrived["images"], arrived["top1"]) == (12, pytest.approx(own.mean()))
            assert arrived["masked_top1"] == one["top1"]
            assert arrived["difference"] == pytest.approx(own.mean() - masked.mean())
            assert arrived["standard_error"] == pytest.approx((own - masked.astype(int)).std() / 12**0.5)
        else:
            assert "truncated" not in one
    printed = capsys.readouterr().out
    assert table(report) in printed
    assert (tmp_path / "result.png").read_bytes().startswith(b"\x89PNG")
    assert report["settings"]["precision"] == "float32"
    assert f" | {crop or 'none'} | float32 | {result['unmodified']['top1']:.3f} | " in table(report)
    assert "| learned set (D) |" in table(report)
    assert "| top-1 on the truncated files |" in table(report)
    # Results from before the truncated files were tested.
    for row in result["rules"].values():
        for one in row.values():
            one.pop("truncated", None)
    assert "| entropy-coded bytes left |" in table(report)
    assert "truncated" not in table(report)


def test_an_interrupted_run_goes_on_and_ends_with_the_same_result(tmp_path, folder, monkeypatch):
    whole = run(tmp_path, folder)["result"]
    counts, calls = frequency_exact._counts, []

    def interrupted(*given):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return counts(*given)

    monkeypatch.setattr(frequency_exact, "_counts", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, folder)
    assert run(tmp_path, folder)["result"] == whole
    # Two sizes of six files, five at a time: four batches.
    assert len(calls) == 2 + 3


def test_the_orders_and_the_numbers():
    variance = torch.arange(192.0)
    found = {one.key: one.kept for one in selections(variance)}
    assert len(found) == SETTINGS
    assert all(len(kept) == int(key.rpartition("-")[2]) for key, kept in found.items())
    assert set(found["energy-8"].indices) == set(range(184, 192))
    assert found["zigzag-8"].components == ((0, 1, 8), (0, 1, 8), (0, 1))
    assert set(found["luma-16"].y) == {int(frequency) for frequency in ZIGZAG[:16]}
    assert (len(found["luma-64"].y), len(found["luma-96"].cb), len(found["luma-96"].cr)) == (64, 16, 16)


def test_enough_counts_down_from_all_channels():
    def row(**differences):
        return {count.strip("_"): {"top1_difference": value} for count, value in differences.items()}

    result = {"rules": {"square": row(_6=-0.005, _12=-0.02, _24=-0.01, _32=0.0), "luma": row(_8=-0.3, _160=-0.2)}}
    assert enough(result) == {"square": "24", "luma": "> 160"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resize", "20"], "add --crop"),
        (["--model", "embedded"], "takes 1 channels; the sets are of colour images"),
        (["--variance", "nowhere"], "nowhere is not a folder"),
        (["--crop", "0"], None),
    ],
    ids=str,
)
def test_wrong_arguments_say_what_to_do(tmp_path, folder, arguments, message):
    with pytest.raises(SystemExit, match=message):
        run(tmp_path, folder, *arguments)


def test_gray_files_are_refused(tmp_path):
    with pytest.raises(SystemExit, match="in colour"):
        run(tmp_path, EMBEDDED / "digits")

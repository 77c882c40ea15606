"""Networks on files of other qualities: the files, by Pillow, and a network whose answers are known by hand."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import jpegdomain as jd
from experiments.frequency_channels.answers import File
from experiments.frequency_channels.saved import Saved
from experiments.frequency_channels.variants import Variant
from experiments.frequency_quality import run as experiment
from experiments.frequency_quality.results import AS_THEY_ARE, summary, table
from experiments.lib.encoded_again import BY
from tests.codec.oracle import jpeg
from tests.experiments.conftest import picture
from tests.experiments.test_frequency_costs import SETTINGS, looking_at


def made(label=0, number=2, **options):
    data = jpeg(picture(label, number), quality=90, **options)
    return File(data, jd.read_jpeg(data), label)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_files_are_encoded_again_with_the_tables_of_the_quality_and_their_own_sampling(subsampling):
    file = made(subsampling=subsampling)
    with Image.open(io.BytesIO(file.data)) as image:
        pixels = image.convert("RGB")
    expected = io.BytesIO()
    pixels.save(expected, "JPEG", quality=35, subsampling=subsampling)
    own = BY["encoded"](file.data, 35)
    with Image.open(io.BytesIO(own)) as one, Image.open(expected) as other:
        assert one.quantization == other.quantization
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    assert jd.read_jpeg(own).sampling == file.image.sampling
    assert len(own) < len(file.data)


def test_requantised_coefficients_are_rounded_quotients():
    file = made(subsampling=2)
    found = jd.read_jpeg(BY["requantised"](file.data, 35))
    with Image.open(io.BytesIO(BY["encoded"](file.data, 35))) as other:
        tables = [other.quantization[number] for number in (0, 1, 1)]
    for own, before, steps in zip(found.components, file.image.components, tables, strict=True):
        # Pillow's tables are row-major, as the coefficients are.
        levels = before.coefficients.astype(float) * before.table.reshape(-1)
        quotients = levels / np.array(steps)
        assert np.abs(own.coefficients - quotients).max() <= 0.5
        assert np.abs(own.coefficients).sum() > 0


def test_gray_files_stay_gray():
    data = jpeg(picture(0, 1)[..., :1], quality=90)
    for by in BY.values():
        assert jd.read_jpeg(by(data, 50)).color == "gray"


def weak_wave(coefficient):
    """A gray 4:4:4 file of quality 100 with one luma coefficient, in levels, in all blocks."""
    image = jd.read_jpeg(jpeg(np.full((32, 32, 3), 128, np.uint8), quality=100, subsampling=0))
    luma = image.components[0]
    values = luma.coefficients.copy()
    values[..., 2] = coefficient
    parts = (replace(luma, coefficients=values), *image.components[1:])
    return jd.write_jpeg(replace(image, components=parts))


@pytest.mark.parametrize("by", BY)
def test_a_wave_below_half_a_step_is_lost(by):
    """Luma's table has 10 at (0, 2), 50 at quality 10: 20 levels are lost there, 60 levels are not."""
    data = [weak_wave(value) for value in (0, 20, 60)]
    files = [File(one, jd.read_jpeg(one), int(number > 0)) for number, one in enumerate(data)]
    # Half the side, so that the middle of the whole file is taken as it is.
    settings = SETTINGS | {"side": 16, "short": 16, "frequency_side": 32, "batch": 3}
    one, other = looking_at(2), looking_at(2, threshold=30.0)
    rgb = Saved(Variant("RGB", one.variant.selection), 0, other.model, other.described)
    part = experiment._tested([one, rgb], files, [10, 100], by, settings)
    assert part["bytes"][AS_THEY_ARE] == sum(map(len, data))
    # Right: (gray, 20, 60), of RGB the gray one and 60 alone.
    assert part["right"][AS_THEY_ARE]["one-0"] == {"right": 3, "gained": 1, "lost": 0}
    assert part["right"]["100"]["one-0"] == {"right": 3, "gained": 1, "lost": 0}
    assert part["right"]["10"]["one-0"] == {"right": 2, "gained": 0, "lost": 0}
    result = summary([part], [("one", 0), ("RGB", 0)])
    own = result["variants"]["one"]
    assert own["10"]["top1"]["mean"] == pytest.approx(2 / 3)
    assert own["100"]["difference"]["mean"] == pytest.approx(1 / 3)
    # Differences 0, 1, 0.
    error = np.std([0, 1, 0]) / 3**0.5
    assert result["each"][0]["qualities"]["100"]["standard_error"] == pytest.approx(error)
    described = {"qualities": [10, 100], "model": "m", "data": "d", "epochs": 1, "by": by, "precision": "bfloat16"}
    report = {"settings": described, "result": result}
    assert table(report).endswith(f"| m | d | 1 | 3 | bfloat16 | {by} |")
    assert "| one | 100.0 | 66.7 | 100.0 |" in table(report)
    cell = f"+33.3 ± {196 * error:.1f}"
    # One seed: its change has no interval.
    assert f"| one | {cell} | -33.3 | +0.0 |" in table(report)


def test_end_to_end(trained, tmp_path, capsys, monkeypatch):
    output = tmp_path / "quality.json"
    given = [str(trained / "t.json"), "--weights", str(trained / "weights"), "--data", str(trained / "data")]
    given += ["--output", str(output), "--threads", "1", "--variants", "RGB", "learned-24"]
    # Killed in the second batch.
    given += ["--batch", "5", "--qualities", "95", "20"]
    own, calls = experiment._tested, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return own(*arguments)

    monkeypatch.setattr(experiment, "_tested", interrupted)
    with pytest.raises(KeyboardInterrupt):
        experiment.main(given)
    report = experiment.main(given)
    assert len(calls) == 3
    assert json.loads(output.read_text()) == json.loads(json.dumps(report))
    assert report["settings"]["qualities"] == [20, 95]
    trainings = json.loads((trained / "t.json").read_text())["result"]["each"]
    expected = {one["variant"]: one["top1"] for one in trainings}
    for line in report["result"]["each"]:
        assert line["qualities"][AS_THEY_ARE]["top1"] == pytest.approx(expected[line["variant"]])
    assert report["result"]["bytes"]["20"] < report["result"]["bytes"]["95"]
    assert table(report) in capsys.readouterr().out
    assert output.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_qualities_are_checked(capsys):
    with pytest.raises(SystemExit):
        experiment.main(["x.json", "--weights", "w", "--data", "d", "--qualities", "0"])
    assert "a quality is a whole number, 1…100" in capsys.readouterr().err

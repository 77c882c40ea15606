"""Bulk prediction by Ray Data: actors read files and run networks."""

import numpy as np
import pytest
import torch

import jpegdomain as jd
from jpegdomain.preprocess import CenterCrop, Compose, Resize

from ..codec.oracle import jpeg, noise
from .nets import net

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'ray[data]'")
pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install pyarrow")
ray_data = pytest.importorskip("ray.data")

PREPROCESS = Compose([Resize(24), CenterCrop(20)])


class Predict:
    """An actor: the network is made once, where it runs."""

    def __init__(self):
        self.model = net(torch.float32)

    def __call__(self, batch):
        pixels = jd.read_pixels([bytes(one) for one in batch["bytes"]], preprocess=PREPROCESS)
        with torch.inference_mode():
            return {"path": batch["path"], "logits": self.model(pixels).numpy()}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_two_actors_give_the_answers_of_one_process(tmp_path):
    (tmp_path / "files").mkdir()
    for number in range(12):
        path = tmp_path / "files" / f"{number}.jpg"
        path.write_bytes(jpeg(noise(30 + number, 41, seed=number), quality=90))
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    try:
        files = ray_data.read_binary_files(str(tmp_path / "files"), include_paths=True)
        files.map_batches(Predict, batch_size=4, concurrency=2).write_parquet(str(tmp_path / "out"))
        rows = ray_data.read_parquet(str(tmp_path / "out")).take_all()
    finally:
        ray.shutdown()
    answers = {row["path"].rpartition("/")[2]: row["logits"] for row in rows}
    assert len(answers) == 12
    model = net(torch.float32)
    for path in sorted((tmp_path / "files").iterdir()):
        with torch.inference_mode():
            expected = model(jd.read_pixels([path], preprocess=PREPROCESS))[0]
        np.testing.assert_allclose(answers[path.name], expected, rtol=1e-4, atol=1e-5)

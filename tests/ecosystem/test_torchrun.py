"""torchrun: two processes train together, each on its part of the files, and end with the same weights."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data.conftest import files

SCRIPT = """
import json, os, sys, torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler
import jpegdomain as jd
from jpegdomain import preprocess as pp

def main():
    folder, out = sys.argv[1:]
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    data = jd.JpegFolder(folder, preprocess=pp.Compose([pp.RandomResizedCrop(16), pp.RandomHorizontalFlip()]))
    seen = {}
    for kind in ("ours", "torch"):
        sampler = DistributedSampler(data, shuffle=True)
        collate = jd.PixelCollate()
        loader = (
            jd.loader(data, 2, sampler=sampler, collate_fn=collate)
            if kind == "ours"
            else DataLoader(data, 2, sampler=sampler, collate_fn=collate, num_workers=1)
        )
        torch.manual_seed(0)
        spatial = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
        network = DistributedDataParallel(spatial)
        optimizer = torch.optim.SGD(network.parameters(), 0.1)
        indices = []
        for epoch in range(2):
            sampler.set_epoch(epoch)
            indices.append(list(sampler))
            count = 0
            for pixels, labels in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(network(pixels), labels).backward()
                optimizer.step()
                count += len(labels)
            assert count == len(indices[-1])
        seen[kind] = indices, [parameter.double().sum().item() for parameter in spatial.parameters()]
    with open(f"{out}/{rank}.json", "w") as file:
        json.dump(seen, file)
    dist.barrier()
    dist.destroy_process_group()

if __name__ == "__main__":
    main()
"""


@pytest.mark.slow
def test_two_processes(tmp_path):
    for number, data in enumerate(files(8)):
        path = tmp_path / "images" / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    subprocess.run([*torchrun, script, tmp_path / "images", tmp_path], check=True, env=environment)
    one, other = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    for kind in ("ours", "torch"):
        for epoch in range(2):
            assert sorted(one[kind][0][epoch] + other[kind][0][epoch]) == list(range(8))
        assert one[kind][1] == other[kind][1]

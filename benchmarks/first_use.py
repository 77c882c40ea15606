"""What the first file costs in a process of its own: where nothing is compiled yet, and where all is in the cache."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.codec_files import recoded

__all__ = ["first_use"]

_SCRIPT = """
import json, sys, time
start = time.perf_counter()
import torch, torchvision
libraries = time.perf_counter()
import jpegdomain as jd
imported = time.perf_counter()
jd.read_jpeg(sys.argv[1])
read = time.perf_counter()
print(json.dumps({"torch": libraries - start, "import": imported - libraries, "read": read - imported}))
"""


def first_use(file: bytes) -> dict[str, float]:
    """Time processes that read one file and end.

    Args:
        file: A JPEG file.

    Returns:
        Seconds: to import torch and torchvision, which every user of this package has; then, with a full
        cache, to import jpegdomain and read the file; and with an empty one, to read it, for a baseline and
        for a progressive file, which compile separately.
    """
    with tempfile.TemporaryDirectory() as folder:
        baseline, other = Path(folder, "baseline.jpg"), Path(folder, "progressive.jpg")
        baseline.write_bytes(recoded(file, progressive=False))
        other.write_bytes(recoded(file, progressive=True))
        cold = _process(baseline, folder)
        cold_progressive = _process(other, folder)
        warm = [_process(path, folder) for path in [baseline, other] * 3]
    first, second = (min(run["import"] + run["read"] for run in warm[at::2]) for at in (0, 1))
    return {
        "import_of_torch": min(run["torch"] for run in warm),
        "warm_import_and_first_file": first,
        "warm_import_and_first_progressive_file": second,
        "cold_first_file": cold["read"],
        "cold_first_progressive_file": cold_progressive["read"],
    }


def _process(path: Path, cache: str) -> dict[str, float]:
    environment = os.environ | {"JPEGDOMAIN_CACHE": cache}
    command = [sys.executable, "-c", _SCRIPT, str(path)]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)

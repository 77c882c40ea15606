"""Look for faulty kernels of torch on this CPU: crashes, writes outside tensors, wrong numbers.

    python -m tests.kernels.stress --isa AVX2 DEFAULT --cases 2000 --output faults.json

Each worker is a separate process, whose memory is guarded (by `guard.c` if there is a C compiler, otherwise by glibc's
MALLOC_CHECK_). A crash is the fault of the current case; the next worker continues after it. A stopped run resumes
where it stopped.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from .cases import OPERATIONS, draw

__all__ = ["ISAS", "faults", "main"]

ISAS = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "DEFAULT")
"""Values of ONEDNN_MAX_CPU_ISA; one that the CPU has not is the best that it has."""


def guarded(folder: Path, isa: str) -> dict[str, str]:
    """Give the environment of a worker.

    Args:
        folder: For the compiled guard.
        isa: One of `ISAS`.

    Returns:
        This process's environment, with what guards memory.
    """
    compiler, library = shutil.which("cc"), "libc_malloc_debug.so.0"
    if compiler is not None:
        library = str(folder / "guard.so")
        source = str(Path(__file__).with_name("guard.c"))
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    more = {"ONEDNN_MAX_CPU_ISA": isa, "MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "165", "OMP_NUM_THREADS": "1"}
    return os.environ | more | {"LD_PRELOAD": library}


def faults(
    isa: str, first: int, last: int, operations: tuple[str, ...] = OPERATIONS
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Run cases.

    Args:
        isa: One of `ISAS`.
        first: Number of the first case.
        last: One more than the number of the last case.
        operations: To draw from.

    Yields:
        The number of each case and None, or what was wrong.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = guarded(Path(folder), isa)
        while first < last:
            command = [sys.executable, "-m", "tests.kernels.worker", str(first), str(last), *operations]
            with subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            ) as worker:
                assert worker.stdout is not None
                assert worker.stderr is not None
                begun = None
                for line in worker.stdout:
                    word, number, *rest = line.split()
                    begun = int(number) if word == "begin" else None
                    if word == "end":
                        off = float(rest[0])
                        yield int(number), None if off <= 1 else {"over": off}
                said = worker.stderr.read()
            if worker.returncode == 0:
                return
            if begun is None:
                raise RuntimeError(f"the worker did not start:\n{said}")
            yield begun, {"status": worker.returncode, "said": said.strip()[-300:]}
            first = begun + 1


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.kernels.stress", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--isa", nargs="+", default=ISAS)
    parser.add_argument("--cases", type=int, default=2000, help="of each instruction set; default 2000, 30 s")
    parser.add_argument("--operations", nargs="+", choices=OPERATIONS, default=OPERATIONS)
    parser.add_argument("--output", type=Path, default=Path("faults.json"))
    options = parser.parse_args()
    operations = tuple(options.operations)
    report = json.loads(options.output.read_text()) if options.output.exists() else {}
    settings = {"torch": torch.__version__, "operations": list(operations)}
    if report.setdefault("settings", settings) != settings:
        raise SystemExit(f"{options.output} is of {report['settings']}: give another --output")
    for isa in options.isa:
        part = report.setdefault(isa, {"done": 0, "faults": []})
        for number, fault in faults(isa, part["done"], options.cases, operations):
            part["done"] = number + 1
            if fault is not None:
                part["faults"].append({"number": number, **fault, **asdict(draw(number, operations))})
                print(isa, part["faults"][-1], flush=True)
            if fault is not None or number % 100 == 99:
                options.output.write_text(json.dumps(report, indent=1))
        options.output.write_text(json.dumps(report, indent=1))
        print(f"{isa}: {len(part['faults'])} faults in {part['done']} cases", flush=True)


if __name__ == "__main__":
    main()

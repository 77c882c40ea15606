"""Two threads beside one: reading coefficients, and the whole input stage from bytes in memory to normalised pixels.

    python -m benchmarks.threads --files "ImageNet=FOLDER" --files "Imagenette=FOLDER" --whole "CIFAR-10=FOLDER"

Resize(256) and CenterCrop(224) bring ``--files`` to 224×224; ``--whole`` files all have one size and are used as they
are. ``--run`` and ``--whole-run`` set the number of files per call. Times are in microseconds per file, with one thread
and several in turn; the ratio says how many times as fast several threads are: the median (smallest…largest) over the
rounds. The serial share is the share of one thread's time outside compiled functions, where it holds the GIL. Ratios
mean little on a machine that does other things at the same time, so the result records the load before and after. On
such a machine, ``chrt -r 1 python -m benchmarks.threads …``, as root, gives the benchmark all cores while it runs.
"""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

import jpegdomain as jd
from benchmarks.files import EMBEDDED, spread
from benchmarks.timing import interleaved, ratio, write
from experiments.lib import arguments
from jpegdomain.compiled import CompiledFunction
from jpegdomain.preprocess import CenterCrop, Compose, Resize

_RESULT = Path("results/threads.json")
_RESIZED = Compose([Resize(256), CenterCrop(224)])


class Stages:
    """A set's files, divided into runs, and the two stages that are timed on each run.

    Args:
        files: The files.
        run: Number of files per call.
        preprocess: Geometry of the pixels; None for files of one size.
    """

    def __init__(self, files: Sequence[bytes], run: int, preprocess: Compose | None) -> None:
        self.runs = [files[at : at + run] for at in range(0, len(files), run)]
        self.preprocess = preprocess

    def read(self, threads: int) -> None:
        """Read bytes to coefficients."""
        for run in self.runs:
            jd.read_jpegs(run, threads=threads)

    def pixels(self, threads: int) -> None:
        """Read bytes to pixels."""
        torch.set_num_threads(threads)
        for run in self.runs:
            jd.read_pixels(run, preprocess=self.preprocess, threads=threads)


def _serial_share(work: Callable[[int], None]) -> float:
    """Return the share of one thread's time outside compiled functions: the least of three measurements."""
    inside = 0.0
    usual = CompiledFunction.__call__

    def timed(function: CompiledFunction, *given: Any) -> Any:
        nonlocal inside
        start = time.thread_time()
        result = usual(function, *given)
        inside += time.thread_time() - start
        return result

    shares = []
    CompiledFunction.__call__ = timed  # type: ignore[method-assign]
    try:
        for _ in range(3):
            inside, start = 0.0, time.thread_time()
            work(1)
            shares.append(1 - inside / (time.thread_time() - start))
    finally:
        CompiledFunction.__call__ = usual  # type: ignore[method-assign]
    return min(shares)


def _compare(
    files: Sequence[bytes], run: int, preprocess: Compose | None, threads: int, repeats: int
) -> dict[str, Any]:
    """Time one thread beside several.

    Returns:
        For each stage: microseconds per file, the ratio, and the serial share.
    """
    stages = Stages(files, run, preprocess)
    result: dict[str, Any] = {"files": len(files), "bytes": sum(map(len, files)), "run": run}
    for name, work in (("read_jpegs", stages.read), ("read_pixels", stages.pixels)):
        seconds = interleaved({str(count): (lambda w=work, n=count: w(n)) for count in (1, threads)}, repeats)
        result[name] = {
            "microseconds": {n: 1e6 * statistics.median(rounds) / len(files) for n, rounds in seconds.items()},
            "speed": ratio(seconds["1"], seconds[str(threads)]),
            "serial_share": _serial_share(work),
        }
    return result


def main(given: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = arguments.parser("benchmarks.threads", __doc__)
    parser.add_argument(
        "--files", action="append", metavar="NAME=FOLDER", help="a set of files to resize; may be given several times"
    )
    parser.add_argument(
        "--whole", action="append", metavar="NAME=FOLDER", help="a set of files of one size, used as they are"
    )
    parser.add_argument(
        "--limit", type=int, default=512, help="files from each set; at least as many as one call takes (default 512)"
    )
    parser.add_argument(
        "--run", nargs="+", type=int, default=[64, 256], help="files per call for --files (default 64 256)"
    )
    parser.add_argument(
        "--whole-run",
        nargs="+",
        type=int,
        default=[64, 1024, 4096],
        help="files per call for --whole (default 64 1024 4096)",
    )
    parser.add_argument("--threads", type=int, default=2, help="threads to compare with one (default 2)")
    parser.add_argument("--repeats", type=int, default=11, help="counted rounds (default 11)")
    parser.add_argument("--output", type=Path, default=_RESULT, help=f"default {_RESULT}")
    options = parser.parse_args(given)
    sets: list[tuple[str, Compose | None, list[int]]] = [(text, _RESIZED, options.run) for text in options.files or []]
    sets += [(text, None, options.whole_run) for text in options.whole or []]
    before, usual = os.getloadavg()[0], torch.get_num_threads()
    result: dict[str, Any] = {}
    try:
        for text, preprocess, runs in sets or [(f"digits={EMBEDDED}", _RESIZED, options.run)]:
            name, _, folder = text.partition("=")
            files = spread(Path(folder), max(options.limit, *runs) if sets else options.limit)
            for run in sorted({min(run, len(files)) for run in runs}):
                row = result[f"{name}, {run} a call"] = _compare(
                    files, run, preprocess, options.threads, options.repeats
                )
                print(f"{name}: {len(files)} files, {run} a call")
                for stage in ("read_jpegs", "read_pixels"):
                    speed = "{median:.2f} ({smallest:.2f}…{largest:.2f})".format(**row[stage]["speed"])
                    times = ", ".join(f"{value:.1f}" for value in row[stage]["microseconds"].values())
                    print(f"  {stage:<12}{times} µs, {speed} times as fast, serial {row[stage]['serial_share']:.0%}")
    finally:
        torch.set_num_threads(usual)
    settings = {name: getattr(options, name) for name in ("limit", "threads", "repeats")}
    settings["load"] = [before, os.getloadavg()[0]]
    write(options.output, "threads", settings, result)


if __name__ == "__main__":
    main()

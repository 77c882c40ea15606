"""From JPEG bytes to logits, or through a training step: decoding to pixels first beside coefficients, stage by stage.

    python -m experiments.throughput
    python -m experiments.throughput --data cifar10-jpeg/test --model three_block
    python -m experiments.throughput --data imagenette-160/val --model resnet18 --limit 500

Without arguments it takes the digits and the network that come with the repository. Ehrlich & Davis (2019), figure 5,
shows the throughput of both networks on three data sets, as bars without numbers. There, decoding the files is timed
inside the spatial network's loop, and the JPEG network uses 6 frequencies. Here, both sides begin with the files' bytes
in memory and decode with the same number of threads; each stage is timed separately, and all stages together; and the
JPEG network is the exact one unless --frequencies says otherwise. The sides alternate batch by batch; an interrupted
run resumes with the round at which it stopped.
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

import jpegdomain as jd
from experiments.lib import arguments
from experiments.lib.environment import decisive, describe, publish
from experiments.lib.journal import Journal
from experiments.throughput.results import figure
from experiments.throughput.setting import Setting
from experiments.throughput.sides import JPEG_SIDES, MODES, SIDES, Geometry, Mode
from experiments.throughput.timing import STAGES, checked, summary, timed_round, total

__all__ = ["main"]


def _geometry(text: str) -> Geometry:
    if text == "none":
        return Geometry()
    resize, _, crop = text.partition(",")
    if not (resize.isdecimal() and crop.isdecimal() and 0 < int(crop) <= int(resize)):
        raise argparse.ArgumentTypeError(f"must be the short side and the crop, as in 256,224, or none; got {text!r}")
    return Geometry(int(resize), int(crop))


def _parser() -> argparse.ArgumentParser:
    parser = arguments.parser("experiments.throughput", __doc__)
    arguments.add_data(parser, default="embedded")
    arguments.add_model(parser)
    parser.add_argument("--batch", type=arguments.positive, default=40, help="images at a time (default 40)")
    parser.add_argument(
        "--plan", choices=JPEG_SIDES, action="append", help="plan of the converted network (default both)"
    )
    parser.add_argument("--mode", choices=MODES, action="append", help="what is timed (default both)")
    parser.add_argument(
        "--frequencies",
        type=int,
        choices=range(1, 16),
        default=15,
        help="frequencies of the converted network (default 15: exact)",
    )
    parser.add_argument(
        "--size",
        type=_geometry,
        help="short side and crop before the network, as in 256,224, or none\n"
        "(default: none if all files have the same size, else 256,224)",
    )
    parser.add_argument("--rounds", type=arguments.positive, default=5, help="counted passes of each side (default 5)")
    arguments.add_machine(parser, None, "results/throughput-DATA-MODEL.json")
    parser.add_argument("--peak", choices=SIDES, help=argparse.SUPPRESS)
    return parser


def _rss_gb() -> float:
    # Linux counts in kilobytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _peak(setting: Setting, side: str, mode: Mode) -> dict[str, float]:
    """Run two batches of one side in this process, and return time and peak memory."""
    # On either side, the first file compiles or loads the decoder.
    jd.read_jpegs(setting.batches[0][0])
    before = _rss_gb()
    _, build = setting.builders(side, mode)[0]
    chain = build()
    for files, labels in setting.batches[:2]:
        chain.run(files, labels.to(setting.device))
    cuda = torch.cuda.max_memory_allocated(setting.device) / 2**30 if setting.device.type == "cuda" else 0.0
    return {"peak_gb": _rss_gb(), "before_gb": before, "device_gb": cuda}


def _peak_apart(given: list[str], side: str, mode: Mode) -> dict[str, float]:
    """Do the same in a fresh process: within one process, the peak never falls again."""
    command = [sys.executable, "-m", "experiments.throughput", *given, "--peak", side, "--mode", mode]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _check(setting: Setting, journal: Journal) -> dict[str, Any]:
    """Compare the logits, batch by batch, in float64."""
    double = setting.model.double()
    plans = {plan: setting.converted(plan, double).to(setting.device) for plan in JPEG_SIDES}
    double.to(setting.device)
    parts = []
    for number, (files, _) in enumerate(tqdm(setting.batches, desc="same logits?", unit="batch", leave=False)):
        name = f"check {number}"
        if name not in journal.results:
            journal.record(name, checked(double, plans, files, setting.geometry, setting.device))
        parts.append(journal.results[name])
    setting.model.float().cpu()
    return total(parts)


def _rounds(setting: Setting, journal: Journal, mode: Mode) -> list[dict[str, Any]]:
    """Time all sides, round by round; rounds in the journal are not repeated."""
    names = [f"{mode} {number}" for number in range(setting.options.rounds)]
    todo = [name for name in names if name not in journal.results]
    if todo:
        fastest = {side: setting.fastest(side, mode) for side in ("spatial", *setting.plans)}
        chains = {side: chain for side, (chain, _) in fastest.items()}
        chosen = {side: way for side, (_, way) in fastest.items()}
        # Warm up with the first batch, and with the last, which may have another size.
        timed_round(chains, [setting.batches[0], setting.batches[-1]], setting.device)
        for name in tqdm(todo, desc=mode, unit="round", leave=False):
            seconds = timed_round(chains, setting.batches, setting.device)
            journal.record(name, {"seconds": seconds, "chosen": chosen})
    return [journal.results[name] for name in names]


def _measure(setting: Setting, journal: Journal, given: list[str]) -> dict[str, Any]:
    images = sum(len(files) for files, _ in setting.batches)
    result: dict[str, Any] = {"images": images, "modes": {}, "chosen": {}, "memory": {}}
    for mode in setting.modes:
        rounds = _rounds(setting, journal, mode)
        result["modes"][mode] = summary([one["seconds"] for one in rounds], images)
        result["chosen"][mode] = rounds[-1]["chosen"]
        result["memory"][mode] = {}
        for side in ("spatial", *setting.plans):
            name = f"memory {mode} {side}"
            if name not in journal.results:
                journal.record(name, _peak_apart(given, side, mode))
            result["memory"][mode][side] = journal.results[name]
    result["check"] = _check(setting, journal)
    return result


def _table(report: dict[str, Any]) -> str:
    settings, result = report["settings"], report["result"]
    lines = [f"{settings['model']} on {result['images']} files of {settings['data']}, batches of {settings['batch']}"]
    for mode, sides in result["modes"].items():
        lines.append(f"  {mode:<12}" + "".join(f"{part:>15}" for part in (*STAGES, "together")) + "   images/s  ratio")
        for side, values in sides.items():
            times = "".join(f"{values['ms_per_image'][part]['median']:>12.3f} ms" for part in (*STAGES, "together"))
            ratio = values["throughput_ratio"]
            lines.append(
                f"  {side:<12}{times}{values['images_per_second']['median']:>11.1f}  {ratio['median']:.2f} "
                f"({ratio['smallest']:.2f}…{ratio['largest']:.2f}), input {values['input_ratio']['median']:.2f}, "
                f"cpu {values['cpu_ratio']['median']:.2f}, peak {result['memory'][mode][side]['peak_gb']:.2f} GB"
            )
    check = result["check"]
    lines.append(f"  same top-1 of both plans on {check['same_top1_of_plans']:.2%} of {check['files']} files")
    for plan, deviation in check["relative_deviation"].items():
        same = check["same_top1"][plan]
        lines.append(f"  {plan}: same top-1 as spatial {same:.2%}, largest Δlogit {deviation:.1e} of the largest logit")
    return "\n".join(lines)


def _run(options: argparse.Namespace, given: list[str]) -> dict[str, Any]:
    setting = Setting(options)
    if options.peak is not None:
        measured = _peak(setting, options.peak, options.mode[-1])
        print(json.dumps(measured))
        return measured
    if options.output is None:
        options.output = Path(f"results/throughput-{setting.name.replace('/', '-')}-{options.model}.json")
    settings = setting.described | {
        "data": setting.name,
        "frequencies": options.frequencies,
        "size": None if setting.geometry == Geometry() else [setting.geometry.resize, setting.geometry.crop],
        "rounds": options.rounds,
        "plans": setting.plans,
        "modes": setting.modes,
    }
    environment = describe(options.device)
    journal = Journal(options.output.with_suffix(".partial"), settings | decisive(environment))
    report = {
        "experiment": "throughput",
        "settings": settings,
        "environment": environment,
        "result": _measure(setting, journal, given),
    }
    publish(report, options.output, _table, figure)
    journal.remove()
    return report


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line."""
    given = sys.argv[1:] if given is None else given
    options = _parser().parse_args(given)
    if options.threads:
        torch.set_num_threads(options.threads)
    # All batches have the same size: let both sides use the fastest convolutions.
    torch.backends.cudnn.benchmark = True
    return _run(options, given)

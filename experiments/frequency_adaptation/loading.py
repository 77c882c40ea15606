"""What a run starts from: a network with its weights, and ImageNet files named by class."""

import argparse
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import nn

from experiments.input_accuracy import labelled_files, same_padding
from experiments.lib.networks import load_network

__all__ = ["find_samples", "load_pretrained"]


def load_pretrained(options: argparse.Namespace) -> tuple[nn.Module, int]:
    """Load the network on RGB.

    Returns:
        The network in eval mode and float32, and how many classes it has.

    Raises:
        SystemExit: If the file does not exist, or is not a state_dict of the model.
    """
    classes = 1000
    try:
        if options.weights != "pretrained":
            saved = torch.load(options.weights, map_location="cpu", weights_only=True)
            # A classifier ends in the bias of its last layer.
            classes = len(list(saved.get("state_dict", saved).values())[-1])
        network = load_network(options.model, options.weights, classes, 3).float()
    except FileNotFoundError as error:
        raise SystemExit(f"--weights: there is no file {error.filename}") from error
    except (RuntimeError, KeyError, IndexError, TypeError, AttributeError, UnpicklingError, EOFError) as error:
        raise SystemExit(f"--weights: {options.weights} is not a state_dict of {options.model}: {error}") from error
    return (same_padding(network) if options.same_padding else network), classes


def find_samples(folder: Path) -> tuple[list[Path], list[int]]:
    """Find ImageNet files, and their classes from their names.

    Raises:
        SystemExit: If there are none, or a name does not end in a class of ImageNet.
    """
    try:
        paths, labels, _ = labelled_files(folder)
    except (OSError, ValueError) as error:
        raise SystemExit(f"--samples: {error}") from error
    if not paths:
        raise SystemExit(f"--samples: {folder} holds no JPEG files")
    return paths, labels

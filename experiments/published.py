"""Figures that others published, to stand beside ours."""

__all__ = ["FIGURE_4C", "TABLE_1"]

TABLE_1 = {
    "mnist": {"title": "MNIST", "spatial": 0.988, "converted": 0.988, "deviation": 2.999e-06},
    "cifar10": {"title": "CIFAR-10", "spatial": 0.725, "converted": 0.725, "deviation": 9e-06},
    "cifar100": {"title": "CIFAR-100", "spatial": 0.385, "converted": 0.385, "deviation": 1e-06},
}
"""Ehrlich & Davis (2019), table 1: means over 100 networks."""

FIGURE_4C = {
    "cifar10": {
        "asm": {1: 0.485, 2: 0.556, 3: 0.615, 4: 0.660, 5: 0.686, 6: 0.694},
        "apx": {1: 0.457, 2: 0.540, 3: 0.606, 4: 0.652, 5: 0.675, 6: 0.699},
    },
}
"""Accuracies of networks trained in the JPEG domain, from an interim revision of the authors' data; the paper prints a
plot without numbers."""

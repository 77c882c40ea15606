"""Published numbers, to compare ours with."""

__all__ = ["FIGURE_4C", "TABLE_1", "XU_TABLE_1", "XU_TABLE_2"]

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

XU_TABLE_1 = {
    "RGB": {"top1": 75.780, "top5": 92.650, "input_size": 1.0},
    "YCbCr": {"top1": 75.234, "top5": 92.544, "input_size": 1.0},
    "DCT-192": {"top1": 77.194, "top5": 93.454, "input_size": 4.0},
    "24D": {"top1": 77.166, "top5": 93.560, "input_size": 0.5},
    "24S": {"top1": 77.196, "top5": 93.504, "input_size": 0.5},
    "24T": {"top1": 77.148, "top5": 93.326, "input_size": 0.5},
    "48S": {"top1": 77.384, "top5": 93.554, "input_size": 1.0},
    "48T": {"top1": 77.338, "top5": 93.614, "input_size": 1.0},
    "64S": {"top1": 77.232, "top5": 93.624, "input_size": 1.3},
    "64T": {"top1": 77.280, "top5": 93.456, "input_size": 1.3},
}
"""Xu et al. (2020), table 1: ResNet-50 on ImageNet, in per cent; input size relative to RGB."""

XU_TABLE_2 = {
    "RGB": {"top1": 71.702, "top5": 90.415, "input_size": 1.0},
    "6S": {"top1": 71.776, "top5": 90.258, "input_size": 0.5},
    "12S": {"top1": 72.156, "top5": 90.634, "input_size": 1.0},
    "24S": {"top1": 72.364, "top5": 90.606, "input_size": 2.0},
    "32S": {"top1": 72.282, "top5": 90.592, "input_size": 2.7},
}
"""The same paper's table 2: MobileNetV2."""

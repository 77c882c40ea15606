"""Functions compiled by Numba once per machine: which there are, how they are compiled, where the code is kept."""

from .kernels import CompiledFunction, KernelPackage, kernel_packages

__all__ = ["CompiledFunction", "KernelPackage", "kernel_packages"]

"""Functions that Numba compiles once per machine: how they are compiled, and where the code is kept."""

from .kernels import CompiledFunction, KernelPackage, kernel_packages

__all__ = ["CompiledFunction", "KernelPackage", "kernel_packages"]

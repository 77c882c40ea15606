"""Functions compiled by Numba once per machine: what there is, how it is compiled, where it is kept."""

from .compiling import compiled_address, compiled_entry, is_ready
from .family import Entry, Family, families

__all__ = ["Entry", "Family", "compiled_address", "compiled_entry", "families", "is_ready"]

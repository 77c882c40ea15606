"""The renderer as functions that Numba compiles: no objects, no allocation, no exceptions.

`images` is what Python calls. For each band of output rows it has `columns` write the needed blocks' samples (`dct`) or
frequencies, `across` combine these horizontally and `down` vertically, mix colours and write. `vectors` are the eight
numbers that all of them compute with, `slots` what stands where.
"""

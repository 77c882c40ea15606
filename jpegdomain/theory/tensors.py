"""The linear maps of Ehrlich & Davis (2019), one function per equation, in the paper's index order.

Indices: h, w pixel row and column; x, y block row and column; m, n row and column inside a block; α, β vertical and
horizontal frequency; γ and k **zigzag** position (k after scaling by the quantisation table). Every function computes
in float64 and returns a new tensor of the requested dtype on the requested device.

A quantisation table is always given as (8, 8), row = vertical frequency, or flat as (64,) in the same row-major order,
entries > 0 (any positive numbers, not only integers); ``None`` stands for a table of ones, the orthonormal scaling that
activations use inside a network.

An extent that is not a multiple of 8 has partial blocks: pixels outside it have no row in B. So applying J and then J̃
is the identity on images, and applying J̃ and then J projects coefficients onto those of images of that extent.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from jpegdomain.geometry import BLOCK
from jpegdomain.tables import ZIGZAG

__all__ = ["B", "D", "H", "H_dct", "J", "J_tilde", "S", "S_tilde", "Z", "dct_matrix", "from_zigzag", "to_zigzag"]

_Device = torch.device | str | None


@lru_cache(maxsize=1)
def _dct_matrix() -> NDArray[np.float64]:
    frequency, sample = np.arange(BLOCK)[:, None], np.arange(BLOCK)[None, :]
    matrix = 0.5 * np.cos((2 * sample + 1) * frequency * np.pi / (2 * BLOCK))
    matrix[0] /= np.sqrt(2)
    matrix.flags.writeable = False
    return matrix


def _contract(subscripts: str, *operands: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.einsum(subscripts, *operands, optimize="optimal")


def _finish(array: NDArray[np.float64], dtype: torch.dtype, device: _Device) -> Tensor:
    return torch.tensor(array, dtype=torch.float64, device="cpu").to(device=device, dtype=dtype)


def _table(table: ArrayLike | Tensor | None) -> NDArray[np.float64]:
    """The table as 64 float64 entries in zigzag order."""
    if table is None:
        return np.ones(BLOCK * BLOCK)
    values = np.asarray(table.detach().cpu() if isinstance(table, Tensor) else table, dtype=np.float64)
    if values.shape not in {(BLOCK, BLOCK), (BLOCK * BLOCK,)}:
        raise ValueError(
            f"a quantisation table must be (8, 8), row = vertical frequency, or (64,) row-major; got {values.shape}"
        )
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise ValueError("a quantisation table must hold positive finite numbers")
    return values.reshape(-1)[ZIGZAG]


def _blocking(height: int, width: int) -> NDArray[np.float64]:
    def axis(size: int) -> NDArray[np.float64]:
        blocks = -(-size // BLOCK)
        return np.eye(BLOCK * blocks)[:size].reshape(size, blocks, BLOCK)

    return np.einsum("hxm,wyn->hwxymn", axis(height), axis(width))


def _dct() -> NDArray[np.float64]:
    return np.einsum("am,bn->mnab", _dct_matrix(), _dct_matrix())


def _zigzag() -> NDArray[np.float64]:
    tensor = np.zeros((BLOCK * BLOCK, BLOCK * BLOCK))
    tensor[ZIGZAG, np.arange(BLOCK * BLOCK)] = 1
    return tensor.reshape(BLOCK, BLOCK, BLOCK * BLOCK)


def dct_matrix(*, dtype: torch.dtype = torch.float64, device: _Device = None) -> Tensor:
    """Build the one-dimensional orthonormal 8-point DCT-II.

    d[α, m] = ½·V(α)·cos((2m+1)απ/16) with V(0) = 1/√2, V = 1 otherwise: the factor of eq. (5) along one axis, and
    of T.81 A.3.3.

    Returns:
        (8, 8) orthogonal, row = frequency, column = sample.
    """
    return _finish(_dct_matrix(), dtype, device)


def B(height: int, width: int, *, dtype: torch.dtype = torch.float64, device: _Device = None) -> Tensor:
    """Build the blocking map B^{hw}_{xymn}, eq. (4): 1 where pixel h, w is at offset m, n of block x, y.

    Returns:
        (height, width, ⌈height/8⌉, ⌈width/8⌉, 8, 8) indexed [h, w, x, y, m, n].
    """
    return _finish(_blocking(height, width), dtype, device)


def D(*, dtype: torch.dtype = torch.float64, device: _Device = None) -> Tensor:
    """Build the two-dimensional DCT D^{mn}_{αβ}, eq. (5): ¼V(α)V(β)cos((2m+1)απ/16)cos((2n+1)βπ/16).

    Returns:
        (8, 8, 8, 8) indexed [m, n, α, β]; orthonormal, so its transpose is the inverse.
    """
    return _finish(_dct(), dtype, device)


def Z(*, dtype: torch.dtype = torch.float64, device: _Device = None) -> Tensor:
    """Build the zigzag map Z^{αβ}_γ, eq. (6): 1 where frequency α, β is at zigzag position γ (T.81 figure A.6).

    Returns:
        (8, 8, 64) indexed [α, β, γ].
    """
    return _finish(_zigzag(), dtype, device)


def S(table: ArrayLike | Tensor | None = None, *, dtype: torch.dtype = torch.float64, device: _Device = None) -> Tensor:
    """Build the quantisation scaling S^γ_k, eq. (7): 1/q_k on the diagonal.

    Returns:
        (64, 64) indexed [γ, k], both in zigzag order.
    """
    return _finish(np.diag(1 / _table(table)), dtype, device)


def S_tilde(
    table: ArrayLike | Tensor | None = None, *, dtype: torch.dtype = torch.float64, device: _Device = None
) -> Tensor:
    """Build the dequantisation scaling S̃^k_γ, eq. (9): q_k on the diagonal.

    Returns:
        (64, 64) indexed [k, γ], both in zigzag order.
    """
    return _finish(np.diag(_table(table)), dtype, device)


def J(
    height: int,
    width: int,
    table: ArrayLike | Tensor | None = None,
    *,
    dtype: torch.dtype = torch.float64,
    device: _Device = None,
) -> Tensor:
    """Build the JPEG transform J^{hw}_{xyk} = B·D·Z·S, eqs. (3) and (8); I'_{xyk} = J^{hw}_{xyk} I_{hw}.

    Returns:
        (height, width, ⌈height/8⌉, ⌈width/8⌉, 64) indexed [h, w, x, y, k], k in zigzag order.
    """
    tensor = _contract("hwxymn,mnab,abk,k->hwxyk", _blocking(height, width), _dct(), _zigzag(), 1 / _table(table))
    return _finish(tensor, dtype, device)


def J_tilde(
    height: int,
    width: int,
    table: ArrayLike | Tensor | None = None,
    *,
    dtype: torch.dtype = torch.float64,
    device: _Device = None,
) -> Tensor:
    """Build the inverse transform J̃^{xyk}_{hw} = B·D·Z·S̃, eq. (10).

    Returns:
        (⌈height/8⌉, ⌈width/8⌉, 64, height, width) indexed [x, y, k, h, w], k in zigzag order.
    """
    tensor = _contract("hwxymn,mnab,abk,k->xykhw", _blocking(height, width), _dct(), _zigzag(), _table(table))
    return _finish(tensor, dtype, device)


def H_dct(*, dtype: torch.dtype = torch.float64, device: _Device = None) -> Tensor:
    """Build the harmonic mixing tensor of DCT blocks, eqs. (15) to (17): H = D^{αβmn}·D^{mn}_{α'β'}, not summed.

    F'_{α'β'} = Σ F^{αβ} H^{αβmn}_{α'β'} G_{mn} is the block F with its pixels multiplied by the mask G.

    Returns:
        (8, 8, 8, 8, 8, 8) indexed [α, β, m, n, α', β'].
    """
    return _finish(_contract("mnab,mncd->abmncd", _dct(), _dct()), dtype, device)


def H(table: ArrayLike | Tensor | None = None, *, dtype: torch.dtype = torch.float64, device: _Device = None) -> Tensor:
    """Build the harmonic mixing tensor of JPEG blocks, eq. (20).

    H^{kmn}_{k'} = S̃·Z·D^{αβmn}·D^{mn}_{α'β'}·Z·S: `H_dct` between dequantisation and quantisation.

    Returns:
        (64, 8, 8, 64) indexed [k, m, n, k'], both k in zigzag order.
    """
    steps = _table(table)
    tensor = _contract("k,abk,mnab,mncd,cdl,l->kmnl", steps, _zigzag(), _dct(), _dct(), _zigzag(), 1 / steps)
    return _finish(tensor, dtype, device)


def to_zigzag(coefficients: Tensor) -> Tensor:
    """Rearrange the in-place layout (…, 8X, 8Y) into the paper's (…, X, Y, 64), in zigzag order."""
    blocks = coefficients.unflatten(-1, (-1, BLOCK)).unflatten(-3, (-1, BLOCK)).transpose(-3, -2)
    order = torch.from_numpy(ZIGZAG.copy()).to(coefficients.device)
    return blocks.flatten(-2).index_select(-1, order)


def from_zigzag(coefficients: Tensor) -> Tensor:
    """Undo `to_zigzag`: (…, X, Y, 64) → (…, 8X, 8Y)."""
    order = torch.from_numpy(np.argsort(ZIGZAG)).to(coefficients.device)
    blocks = coefficients.index_select(-1, order).unflatten(-1, (BLOCK, BLOCK))
    return blocks.transpose(-3, -2).flatten(-4, -3).flatten(-2)

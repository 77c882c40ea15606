"""B, D, Z, S, S̃, J, J̃ and H, each against loops over the paper's equation, and the identities that the paper uses."""

import math

import numpy as np
import pytest
import torch

from jpegdomain import tensors
from tests import oracle
from tests.oracle import FIGURE_A6, TABLE

EXTENTS = [(8, 8), (16, 24), (7, 5), (9, 17), (1, 1)]
BUILDERS = {
    "dct_matrix": tensors.dct_matrix,
    "B": lambda **options: tensors.B(9, 8, **options),
    "D": tensors.D,
    "Z": tensors.Z,
    "S": lambda **options: tensors.S(TABLE, **options),
    "S_tilde": lambda **options: tensors.S_tilde(TABLE, **options),
    "J": lambda **options: tensors.J(9, 8, TABLE, **options),
    "J_tilde": lambda **options: tensors.J_tilde(9, 8, TABLE, **options),
    "H_dct": tensors.H_dct,
    "H": lambda **options: tensors.H(TABLE, **options),
}
SCALED = {
    "S": tensors.S,
    "S_tilde": tensors.S_tilde,
    "J": lambda table: tensors.J(8, 8, table),
    "J_tilde": lambda table: tensors.J_tilde(8, 8, table),
    "H": tensors.H,
}


def close(actual, expected):
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=0, atol=1e-12 * max(1, np.abs(expected).max()))


def random(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape)


def test_dct_matrix_is_one_axis_of_eq_5():
    matrix = tensors.dct_matrix()
    expected = [
        [(math.sqrt(0.5) if a == 0 else 1) / 2 * math.cos((2 * m + 1) * a * math.pi / 16) for m in range(8)]
        for a in range(8)
    ]
    close(matrix, np.array(expected))
    close(matrix @ matrix.T, np.eye(8))


@pytest.mark.parametrize("extent", EXTENTS)
def test_blocking_is_eq_4(extent):
    blocking = tensors.B(*extent)
    expected = np.zeros((*extent, math.ceil(extent[0] / 8), math.ceil(extent[1] / 8), 8, 8))
    for h, w in np.ndindex(*extent):
        expected[h, w, h // 8, w // 8, h % 8, w % 8] = 1
    assert blocking.shape == expected.shape
    np.testing.assert_array_equal(blocking, expected)


def test_dct_is_eq_5_and_its_transpose_inverts():
    close(tensors.D(), oracle.D)
    close(torch.einsum("mnab,uvab->mnuv", tensors.D(), tensors.D()).reshape(64, 64), np.eye(64))


def test_zigzag_is_eq_6_by_figure_a6():
    expected = np.zeros((8, 8, 64))
    for a, b in np.ndindex(8, 8):
        expected[a, b, FIGURE_A6[a, b]] = 1
    np.testing.assert_array_equal(tensors.Z(), expected)


def test_scalings_are_eqs_7_and_9():
    steps = np.array([TABLE[oracle.cell(k)] for k in range(64)])
    close(tensors.S(TABLE), np.diag(1 / steps))
    close(tensors.S_tilde(TABLE), np.diag(steps))
    np.testing.assert_array_equal(tensors.S(), np.eye(64))
    np.testing.assert_array_equal(tensors.S_tilde(), np.eye(64))


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("table", [None, TABLE], ids=["ones", "table"])
def test_transform_and_inverse_are_eqs_8_and_10(extent, table):
    given = np.ones((8, 8)) if table is None else table
    close(tensors.J(*extent, table), oracle.transform(*extent, given))
    close(tensors.J_tilde(*extent, table), oracle.inverse(*extent, given))


def test_transform_is_the_product_of_its_parts():
    product = torch.einsum("hwxymn,mnab,abg,gk->hwxyk", tensors.B(9, 17), tensors.D(), tensors.Z(), tensors.S(TABLE))
    close(tensors.J(9, 17, TABLE), product.numpy())


def test_dc_is_the_mean_at_a_step_of_8_only_eq_22():
    """Section 4.3's shortcut, and the general form from which it follows."""
    block, table = random(8, 8), TABLE.copy()
    for step in (8.0, 16.0, 3.7):
        table[0, 0] = step
        dc = torch.einsum("hw,hwk->k", torch.from_numpy(block), tensors.J(8, 8, table)[:, :, 0, 0])[0]
        assert dc.item() * step / 8 == pytest.approx(block.mean(), rel=1e-12)


@pytest.mark.parametrize("extent", EXTENTS)
def test_inverse_after_transform_is_the_identity_on_images(extent):
    size = math.prod(extent)
    forward = tensors.J(*extent, TABLE).reshape(size, -1)
    back = tensors.J_tilde(*extent, TABLE).reshape(-1, size)
    close(forward @ back, np.eye(size))


@pytest.mark.parametrize("extent", EXTENTS)
def test_transform_after_inverse_projects_onto_images_of_the_extent(extent):
    size = math.prod(extent)
    projector = tensors.J_tilde(*extent, TABLE).reshape(-1, size) @ tensors.J(*extent, TABLE).reshape(size, -1)
    assert projector.shape[0] % 64 == 0
    close(projector @ projector, projector.numpy())
    close(projector.trace(), np.array(float(size)))
    # Whole blocks lose nothing.
    if all(side % 8 == 0 for side in extent):
        close(projector, np.eye(size))


def test_mixing_is_eqs_17_and_20():
    close(tensors.H_dct(), np.einsum("mnab,mncd->abmncd", oracle.D, oracle.D))
    close(tensors.H(TABLE), oracle.mixing(TABLE))
    close(tensors.H(), oracle.mixing(np.ones((8, 8))))


def test_dct_mixing_multiplies_pixels_eq_16():
    block, mask = random(8, 8), random(8, 8, 1)[..., 0]
    expected = np.einsum("mn,mnab->ab", block * mask, oracle.D)
    coefficients = torch.from_numpy(np.einsum("mn,mnab->ab", block, oracle.D))
    close(torch.einsum("ab,abmncd,mn->cd", coefficients, tensors.H_dct(), torch.from_numpy(mask)), expected)


def test_mixing_multiplies_the_pixels_of_a_quantised_block():
    block, mask = random(8, 8), (random(8, 8, 1)[..., 0] > 0).astype(float)
    forward = oracle.transform(8, 8, TABLE)[:, :, 0, 0]
    coefficients = torch.from_numpy(np.einsum("hw,hwk->k", block, forward))
    expected = np.einsum("hw,hwk->k", block * mask, forward)
    close(torch.einsum("k,kmnl,mn->l", coefficients, tensors.H(TABLE), torch.from_numpy(mask)), expected)


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_builders_give_the_dtype_asked_for_rounded_once(name, dtype):
    built = BUILDERS[name](dtype=dtype)
    assert built.dtype == dtype
    assert built.device.type == "cpu"
    assert torch.equal(built, BUILDERS[name]().to(dtype))
    assert BUILDERS[name]().dtype == torch.float64


@pytest.mark.parametrize("name", BUILDERS)
def test_builders_hand_out_fresh_tensors(name):
    first = BUILDERS[name]()
    kept = first.clone()
    first.fill_(7)
    assert torch.equal(BUILDERS[name](), kept)


@pytest.mark.parametrize("name", SCALED)
def test_wrong_tables_are_refused(name):
    negative, empty = TABLE.copy(), TABLE.copy()
    negative[2, 3], empty[0, 0] = -1, 0
    for table in (negative, empty, np.full((8, 8), np.nan), np.full((8, 8), np.inf)):
        with pytest.raises(ValueError, match="positive finite numbers"):
            SCALED[name](table)
    for table in (TABLE.reshape(64)[:63], TABLE.reshape(64, 1), TABLE[:7], 3.0):
        with pytest.raises(ValueError, match=r"a quantisation table must be \(8, 8\)"):
            SCALED[name](table)


@pytest.mark.parametrize("name", SCALED)
def test_tables_may_be_tensors_or_lists_or_flat(name):
    expected = SCALED[name](TABLE)
    assert torch.equal(SCALED[name](TABLE.reshape(64)), expected)
    assert torch.equal(SCALED[name](torch.from_numpy(TABLE).requires_grad_()), expected)
    assert torch.equal(SCALED[name](TABLE.tolist()), expected)


def test_to_and_from_zigzag():
    in_place = torch.arange(2 * 3 * 16 * 24).view(2, 3, 16, 24)
    ordered = tensors.to_zigzag(in_place)
    assert ordered.shape == (2, 3, 2, 3, 64)
    for x, y, k in [(0, 0, 0), (1, 2, 2), (0, 1, 8), (1, 0, 27), (1, 2, 60)]:
        a, b = oracle.cell(k)
        assert torch.equal(ordered[:, :, x, y, k], in_place[:, :, 8 * x + a, 8 * y + b])
    assert torch.equal(tensors.from_zigzag(ordered), in_place)

"""Products of small matrices: against NumPy in float64, at and around the edges of a tile."""

import numpy as np
import pytest

from seqrec_lib.network.fast import product_kernels
from seqrec_lib.network.fast.product_kernels import LANES, ROWS, padded, product

SIZES = [1, 2, 3, 4, 5, 8, 13]  # whole tiles have 4 rows, and what is left has one


def matrices(m, depth, n, turned, seed=0):
    """a (M, K), turned or not, b (K, N) and an out whose numbers are not 0."""
    draw = np.random.default_rng(seed).standard_normal
    a, b, out = (draw(s).astype(np.float32) for s in ((m, depth), (depth, n), (m, n)))
    return np.ascontiguousarray(a.T) if turned else a, b, out


@pytest.mark.parametrize("vectors", range(1, 9))  # 1 to 4 side by side, and all that they add up to
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("add", [False, True])
def test_a_product_is_numpys(vectors, turned, add):
    for m in SIZES:
        for depth in (1, 2, 50, 201):
            a, b, out = matrices(m, depth, vectors * LANES, turned)
            before = out.astype(np.float64) if add else 0.0
            expected = (a.T if turned else a).astype(np.float64) @ b.astype(np.float64) + before
            product(a, turned, b, out, add)
            np.testing.assert_allclose(out, expected, rtol=0, atol=1e-6 * (10 + depth))


def test_more_columns_of_the_left_matrix_than_the_product_asks_for_are_not_looked_at():
    a, b, out = matrices(6, 5, LANES, False)
    wide = np.full((6, 9), np.nan, np.float32)
    wide[:, :5] = a
    product(wide, False, b, out, False)
    np.testing.assert_allclose(out, a @ b, rtol=0, atol=1e-5)
    tall = np.full((5, 9), np.nan, np.float32)
    tall[:, :6] = a.T
    product(tall, True, b, out, False)
    np.testing.assert_allclose(out, a @ b, rtol=0, atol=1e-5)


def test_nothing_is_written_beside_the_product():
    room = np.full((12, LANES), 7.0, np.float32)
    a, b, _ = matrices(ROWS + 1, 3, LANES, False)
    product(a, False, b, room[2 : 3 + ROWS], False)
    assert (room[:2] == 7).all()
    assert (room[3 + ROWS :] == 7).all()


def test_room_begins_at_a_line_of_the_cache():
    for rows in range(1, 9):
        place = product_kernels.room(rows, 7)
        assert place.shape == (rows, 7)
        assert place.ctypes.data % (4 * LANES) == 0
        assert not place.any()


def test_widths_are_rounded_up_to_whole_vectors():
    assert [padded(n) for n in (1, LANES, LANES + 1)] == [LANES, LANES, 2 * LANES]


@pytest.mark.parametrize("width", [1, LANES - 1, LANES, LANES + 1, 3 * LANES + 2])
def test_copies_take_their_columns_and_leave_the_others_alone(width):
    x = np.random.default_rng(0).standard_normal((9, width + 3)).astype(np.float32)
    out = np.full((4, padded(width) + 1), 7, np.float32)
    product_kernels.copy_rows(x, 2, 3, width, np.float32(3), out)
    np.testing.assert_array_equal(out[:, :width], 3 * x[2:6, 3:])
    assert (out[:, width:] == 7).all()
    expected = x.copy()
    expected[5:, 1 : 1 + width] = 2 * out[:, :width]
    product_kernels.copy_back(out, 5, 1, width, np.float32(2), x)
    np.testing.assert_array_equal(x, expected)


def test_a_turned_copy_fills_what_is_beyond_with_zeros():
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    out = np.full((2, 5), np.nan, np.float32)
    product_kernels.copy_turned(x, 1, 3, 2, np.float32(1), out)
    assert out.tolist() == [[6, 10, 0, 0, 0], [7, 11, 0, 0, 0]]

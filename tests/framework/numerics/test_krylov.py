"""Leading eigenvalues agree with the dense ones where these are known, and what has not converged is said."""

import numpy as np
import pytest
import torch

from pushforward.numerics.krylov import leading
from pushforward.problem import RunFailed, UserError


def of(matrix, **options):
    dense = torch.from_numpy(np.ascontiguousarray(matrix, dtype=float))
    return leading(lambda rows: rows @ dense.T, len(dense), **options)


def exact(matrix, count, which="modulus"):
    values = np.linalg.eigvals(matrix)
    key = np.abs(values) if which == "modulus" else values.real
    return values[np.argsort(-key, kind="stable")][:count]


def distance(found, known):
    """The largest distance from either set to the other."""
    table = np.abs(np.asarray(found)[:, None] - np.asarray(known)[None])
    return max(table.min(0).max(), table.min(1).max())


def random(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, n)) / np.sqrt(n)


def normal_matrix(n, seed=0):
    """Known eigenvalues: 2 x 2 rotations scaled by .9^k, turned by a random orthogonal matrix."""
    rotation = np.linalg.qr(random(n, seed))[0]
    blocks = np.zeros((n, n))
    values = []
    for k in range(n // 2):
        scale, angle = 0.9**k, 1.0 + k
        c, s = scale * np.cos(angle), scale * np.sin(angle)
        blocks[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = [[c, -s], [s, c]]
        values += [complex(c, s), complex(c, -s)]
    return rotation @ blocks @ rotation.T, np.array(values)


@pytest.mark.parametrize("which", ["modulus", "real"])
@pytest.mark.parametrize("block", [1, 2, 3])
def test_a_random_nonnormal_matrix_has_the_eigenvalues_of_lapack(which, block):
    matrix = random(300)
    found = of(matrix, which=which, block=block)
    assert all(found.converged)
    assert distance(found.values, exact(matrix, len(found.values), which)) < 1e-7


@pytest.mark.parametrize("wanted", [1, 3, 8])
def test_a_normal_matrix_has_the_spectrum_it_was_made_of_and_no_pair_is_split(wanted):
    matrix, values = normal_matrix(240)
    found = of(matrix, wanted=wanted)
    count = wanted + wanted % 2
    assert len(found.values) == count
    assert all(found.converged)
    assert distance(found.values, values[:count]) < 1e-8  # of a normal matrix the residual bounds the error
    assert found.values[0].imag > 0 and found.values[1] == found.values[0].conjugate()


def test_residuals_are_those_of_the_vectors_given():
    matrix, _ = normal_matrix(200)
    found = of(matrix, vectors=True)
    u = found.vectors.numpy()
    residuals = np.linalg.norm(matrix @ u.T - np.array(found.values) * u.T, axis=0)
    assert np.linalg.norm(u, axis=1) == pytest.approx(1, abs=1e-12)
    assert residuals == pytest.approx(found.residuals, abs=1e-13)
    assert max(residuals) < 1e-8


def test_residuals_stay_true_over_many_restarts():
    matrix = random(400, seed=3)
    found = of(matrix, subspace=24, vectors=True, limit=3000)
    u = found.vectors.numpy()
    residuals = np.linalg.norm(matrix @ u.T - np.array(found.values) * u.T, axis=0)
    assert found.products > 10 * 24
    assert residuals == pytest.approx(found.residuals, abs=1e-12)
    assert distance(found.values, exact(matrix, len(found.values))) < 1e-6


def test_a_companion_matrix_has_the_roots_of_its_polynomial():
    roots = np.r_[2.0, -1.8, 1.5, 0.2 * np.exp(2j * np.pi * np.arange(120) / 120)]
    matrix = np.diag(np.ones(122), -1)
    matrix[0] = -np.real(np.poly(roots))[1:]
    found = of(matrix, wanted=3)
    assert all(found.converged)
    assert distance(found.values, roots[:3]) < 1e-6


def test_a_skew_matrix_has_pairs_on_the_imaginary_axis():
    weights = 1.0 / (1 + np.arange(80))
    matrix = np.zeros((160, 160))
    matrix[np.arange(0, 160, 2), np.arange(1, 160, 2)] = weights
    matrix -= matrix.T
    found = of(matrix, wanted=5)
    assert len(found.values) == 6
    assert distance(found.values, np.concatenate([1j * weights[:3], -1j * weights[:3]])) < 1e-8
    assert max(abs(value.real) for value in found.values) < 1e-10


def test_clustered_moduli_are_all_found():
    cluster = 1 + 1e-4 * np.arange(8)
    rest = np.linspace(0, 0.7, 192)
    rotation = np.linalg.qr(random(200))[0]
    found = of(rotation @ np.diag(np.r_[cluster, rest]) @ rotation.T)
    assert all(found.converged)
    assert distance(found.values, cluster) < 1e-8


def test_a_repeated_eigenvalue_is_found_as_often_as_the_block_is_wide():
    values = np.r_[3.0, 3.0, 3.0, np.linspace(0, 2, 197)]
    found = of(np.diag(values), wanted=3, block=3)
    assert found.values == pytest.approx([3, 3, 3], abs=1e-8)


@pytest.mark.parametrize("n", [30, 500])
@pytest.mark.parametrize("scale", [0.0, 1.0, -2.0])
def test_multiples_of_the_identity_are_exact_at_any_size(n, scale):
    found = of(scale * np.eye(n))
    assert found.values == pytest.approx([scale] * 8, abs=1e-14)
    assert found.residuals == pytest.approx([0] * 8, abs=1e-13)
    assert all(found.converged)


def test_a_matrix_of_low_rank_has_its_eigenvalues_and_then_zeros():
    matrix = np.zeros((300, 300))
    matrix[:3, :3] = [[2, 1, 0], [0, 1, 0], [0, 0, -3]]
    found = of(matrix)
    assert found.values[:3] == pytest.approx([-3, 2, 1], abs=1e-10)
    assert np.abs(found.values[3:]).max() < 1e-10
    assert all(found.converged)


@pytest.mark.parametrize("wanted", [4, 12, 40])
def test_a_small_matrix_gives_all_it_has(wanted):
    matrix = random(12, seed=1)
    found = of(matrix, wanted=wanted)
    known = np.linalg.eigvals(matrix)
    assert wanted <= len(found.values) <= wanted + 1 if wanted < 12 else len(found.values) == 12
    assert distance(found.values, exact(matrix, len(found.values))) < 1e-12
    assert set(found.values) <= set(known.tolist())


def test_a_defective_matrix_is_off_by_no_more_than_the_root_of_its_residual():
    matrix = np.diag(np.full(200, 0.1))
    matrix[:3, :3] = [[2, 1, 0], [0, 2, 1], [0, 0, 2]]
    rotation = np.linalg.qr(random(200))[0]
    found = of(rotation @ matrix @ rotation.T, wanted=3)
    assert all(found.converged)
    assert distance(found.values, [2.0]) < (3 * max(*found.residuals, 1e-15)) ** (1 / 3)


def test_what_has_not_converged_is_said_with_its_residual():
    shift = np.roll(np.eye(400), 1, axis=0)  # all moduli are 1: nothing leads
    found = of(shift, limit=60)
    assert not any(found.converged)
    assert min(found.residuals) > 1e-3
    assert found.products <= 61


def test_the_same_seed_gives_the_same_numbers_and_another_the_same_answer():
    matrix = random(250)
    first, again, other = of(matrix), of(matrix), of(matrix, seed=7)
    assert first == again
    assert first.values != other.values
    assert distance(first.values, other.values) < 1e-7


def test_no_global_random_state_is_used():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    of(random(200))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_product_that_is_not_finite_is_refused():
    with pytest.raises(RunFailed, match="not finite"):
        leading(lambda rows: rows * torch.nan, 200)


@pytest.mark.parametrize("wrong", [{"wanted": 0}, {"block": 0}, {"tolerance": 0.0}, {"which": "imaginary"}])
def test_numbers_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(UserError, match="eigenvalues"):
        of(np.eye(4), **wrong)

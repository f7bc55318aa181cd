"""Spins as fields: their log Z by other roads, and the field integrated over its spins and over the plane."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from pushforward import Draw, UserError
from pushforward_targets.spins import RBM, Ising, SpinField


def test_the_ising_model_has_the_log_z_of_its_transfer_matrix() -> None:
    """Z = tr T^4, where T[a, b] joins two rows of spins: another sum, of 16 by 16 matrices."""
    temperature, field = 2.2, 0.3
    rows = list(itertools.product((-1, 1), repeat=4))
    transfer = torch.zeros(16, 16, dtype=torch.float64)
    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            along = sum(a[k] * a[(k + 1) % 4] for k in range(4)) + field * sum(a)
            transfer[i, j] = math.exp((along + sum(x * y for x, y in zip(a, b, strict=True))) / temperature)
    expected = math.log(float(torch.linalg.matrix_power(transfer, 4).trace()))
    assert Ising(4, temperature, field).log_z == pytest.approx(expected, rel=1e-12)


def test_free_spins_in_a_field_have_independent_factors() -> None:
    assert Ising(3, 1e9, 0.0).log_z == pytest.approx(9 * math.log(2), abs=1e-6)


def test_a_boltzmann_machine_has_the_log_z_of_its_visible_units() -> None:
    target = RBM(6, 4, scale=1.5, seed=3)
    a, b = target.biases[:6], target.biases[6:]
    free = [
        a @ v + torch.log1p((b + v @ target.weights).exp()).sum()
        for v in torch.cartesian_prod(*[torch.arange(2.0)] * 6).double()
    ]
    assert target.log_z == pytest.approx(float(torch.stack(free).logsumexp(0)), rel=1e-12)


@pytest.mark.parametrize("target", [Ising(3), RBM(5, 3)], ids=["ising", "rbm"])
def test_the_density_is_the_sum_over_spins_of_gaussians(target: SpinField) -> None:
    n = target.shape[0]
    spins = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=n)), dtype=torch.float64)
    x = torch.randn(7, n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights = 0.5 * (spins @ target.couplings * spins).sum(1) + spins @ target.fields
    weights = weights - weights.logsumexp(0) + target.log_z
    gaussians = -0.5 * ((x[:, None] - spins @ target.root).square().sum(2) + n * math.log(2 * math.pi))
    torch.testing.assert_close(target.log_density(x), (gaussians + weights).logsumexp(1))


def test_two_spins_are_integrated_over_the_plane() -> None:
    target = SpinField(torch.tensor([[0.0, 0.7], [0.7, 0.0]]), torch.tensor([0.2, -0.4]), offset=1.0)
    line = torch.linspace(-12, 12, 1201, dtype=torch.float64)
    total = target.log_density(torch.cartesian_prod(line, line)).exp().sum() * (line[1] - line[0]) ** 2
    assert math.log(float(total)) == pytest.approx(target.log_z, abs=1e-10)


def test_fields_of_samples_have_the_magnetisation_of_the_spins() -> None:
    target, n = Ising(3, 2.0, 0.2), 40_000
    x = target.sample(n, Draw(0, ("x",), n, dtype=torch.float64)).x
    spins = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=9)), dtype=torch.float64)
    share = (0.5 * (spins @ target.couplings * spins).sum(1) + spins @ target.fields).softmax(0)
    seen = (x @ target.root + target.fields).tanh().mean(1)  # the mean spin given x
    expected = float(share @ spins.mean(1))
    assert abs(float(seen.mean()) - expected) < 4 * float(seen.std()) / math.sqrt(n)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: Ising(5), "side is 5: expected 3 or 4"),
        (lambda: Ising(temperature=0), "temperature is 0"),
        (lambda: RBM(10, 7), "visible \\+ hidden is 17: expected at most 16"),
        (lambda: RBM(hidden=0), "hidden is 0: expected at least 1"),
        (lambda: RBM(scale=0), "scale is 0"),
    ],
)
def test_what_cannot_be_summed_is_refused(build, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        build()

"""A log-Gaussian Cox process: prior, counts and their constant, whitened or not, simulated or from a file."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from scipy import integrate
from torch.distributions import MultivariateNormal, Poisson

from pushforward import UserError
from pushforward_targets.cox_process import MEAN, VARIANCE, CoxProcess


def test_prior_and_counts_make_the_density_up_to_the_factorials() -> None:
    target = CoxProcess(4)
    x = MEAN + torch.randn(5, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    centres = torch.cartesian_prod(*[(torch.arange(4, dtype=torch.float64) + 0.5) / 4] * 2)
    covariance = VARIANCE * (-33 * torch.cdist(centres, centres)).exp()
    prior = MultivariateNormal(torch.full((16,), MEAN, dtype=torch.float64), covariance).log_prob(x)
    y = target.counts
    seen = Poisson(x.exp() / 16).log_prob(y) + torch.lgamma(y + 1) + y * math.log(16)  # y (f - log n) is y f here
    torch.testing.assert_close(target.log_density(x), prior + seen.sum(1))


def test_one_cell_has_the_log_z_of_quadrature(tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("x,y\n" + "0.1,0.7\n" * 30)
    target = CoxProcess(1, points=tmp_path / "points.csv")
    assert target.counts.tolist() == [30]

    def log_density(f: float) -> float:
        prior = -0.5 * ((f - MEAN) ** 2 / VARIANCE + math.log(2 * math.pi * VARIANCE))
        return prior + 30 * f - math.exp(f)

    top = log_density(3.4)
    z = integrate.quad(lambda f: math.exp(log_density(f) - top), 1.0, 6.0, points=[3.4])[0]
    line = torch.linspace(1, 6, 4001, dtype=torch.float64)
    for whitened in (False, True):
        target = CoxProcess(1, whitened, points=tmp_path / "points.csv")
        place = (line - MEAN) / math.sqrt(VARIANCE) if whitened else line
        found = torch.trapezoid((target.log_density(place[:, None]) - top).exp(), place)
        assert float(found) == pytest.approx(z, rel=1e-7)


def test_whitening_moves_the_density_by_its_jacobian() -> None:
    plain, white = CoxProcess(5), CoxProcess(5, whitened=True)
    z = torch.randn(4, 25, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    field = MEAN + z @ white._root.T
    log_det = torch.linalg.slogdet(white._root).logabsdet
    torch.testing.assert_close(white.log_density(z), plain.log_density(field) + log_det)


def test_simulated_counts_are_as_many_as_expected_and_a_function_of_the_seed() -> None:
    totals = [float(CoxProcess(20, seed=seed).counts.sum()) for seed in range(12)]
    assert totals[0] == float(CoxProcess(20).counts.sum()) and len(set(totals)) > 6
    # E N = 126; the field varies the total by about a sixth of it, so the mean of twelve by 126 / 6 / sqrt(12) = 6
    assert abs(sum(totals) / 12 - 126) < 25


def test_places_are_counted_in_the_cell_that_holds_them(tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("x,y\n0,0\n0.2,0.9\n1,1\n0.6,0.3\n0.7,0.1\n")
    assert CoxProcess(2, points=tmp_path / "points.csv").counts.tolist() == [1, 1, 2, 1]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("x,y\n3.0,0.5\n", r"\(3.0, 0.5\) lies outside of the unit square"), ("x\n0.5\n", "has 1 columns: expected two")],
)
def test_a_file_of_other_places_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text(text)
    with pytest.raises(UserError, match=sentence):
        CoxProcess(points=tmp_path / "points.csv")


def test_no_cell_is_refused() -> None:
    with pytest.raises(UserError, match="side is 0: expected at least 1"):
        CoxProcess(0)

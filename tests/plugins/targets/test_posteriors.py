"""Posteriors of regressions: prior and likelihood are both there, and the evidence is what it should be."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from pushforward import Draw, Target, UserError
from pushforward_targets.posteriors import BreastCancer, Diabetes, LogisticPosterior, standardised


def importance(target: Target, n: int, seed: int = 0) -> tuple[float, float]:
    """log Z and its error from a Student law of five degrees of freedom at the mode, of its curvature."""
    w = torch.zeros(1, *target.shape, dtype=torch.float64)
    for _ in range(30):  # Newton steps to the mode
        slope = target.score(w)[0]
        curvature = -torch.func.jacrev(lambda v: target.score(v[None])[0])(w[0])
        w = w + torch.linalg.solve(curvature, slope)[None]
    factor = torch.linalg.cholesky(torch.linalg.inv(curvature))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        noise = torch.randn(n, *target.shape, dtype=torch.float64)
        wide = (5 / torch.distributions.Chi2(torch.tensor(5.0).double()).sample((n, 1))).sqrt()
    x = w + (noise * wide) @ factor.T
    d = target.shape[0]
    constant = math.lgamma((5 + d) / 2) - math.lgamma(2.5) - d / 2 * math.log(5 * math.pi)
    constant -= float(factor.diagonal().log().sum())
    student = constant - (5 + d) / 2 * torch.log1p((noise * wide).square().sum(1) / 5)
    weights = target.log_density(x) - student
    relative = (weights - weights.max()).exp()
    return float(weights.max() + relative.mean().log()), float(relative.std() / relative.mean()) / math.sqrt(n)


def test_the_evidence_of_breast_cancer_is_the_reference() -> None:
    """Without the prior, as some published code has it, the estimate is off by many units."""
    log_z, error = importance(BreastCancer(), 10_000)
    reference, of_reference = BreastCancer.log_z_reference
    assert error < 0.05
    assert abs(log_z - reference) < 4 * math.hypot(error, of_reference)


def test_a_logistic_posterior_is_prior_times_likelihood() -> None:
    features, classes = torch.tensor([[1.0, 5.0], [3.0, 5.0], [2.0, 5.0]]), torch.tensor([1, 0, 1])
    target = LogisticPosterior(features, classes)
    w = torch.tensor([[0.3, -0.7, 2.0]], dtype=torch.float64)
    z = math.sqrt(1.5)  # the first column standardised is (-z, z, 0); the second is constant and becomes 0
    logits = [0.3 + 0.7 * z, 0.3 - 0.7 * z, 0.3]
    likelihood = sum(-math.log1p(math.exp(-(2 * y - 1) * a)) for a, y in zip(logits, (1, 0, 1), strict=True))
    prior = -0.5 * (0.09 + 0.49 + 4.0) - 1.5 * math.log(2 * math.pi)
    assert float(target.log_density(w)) == pytest.approx(likelihood + prior)


def test_the_evidence_of_diabetes_is_that_of_the_marginal_law_of_the_response() -> None:
    target = Diabetes()
    assert target.log_z == pytest.approx(-499.991984, abs=1e-6)
    design, y = target._design, target._response
    marginal = MultivariateNormal(torch.zeros_like(y), 0.5 * torch.eye(len(y)).double() + design @ design.T)
    assert target.log_z == pytest.approx(float(marginal.log_prob(y)), abs=1e-8)


def test_prior_times_likelihood_over_evidence_is_the_posterior_that_is_sampled() -> None:
    target, n = Diabetes(), 20_000
    x = target.sample(n, Draw(0, ("x",), n, dtype=torch.float64)).x
    design, y = target._design, target._response
    w = x[:5]
    residual = y - w @ design.T
    direct = -0.5 * (residual.square() / 0.5 + math.log(2 * math.pi * 0.5)).sum(1)
    direct = direct - 0.5 * (w.square() + math.log(2 * math.pi)).sum(1)
    torch.testing.assert_close(target.log_density(w), direct)
    precision = torch.eye(11, dtype=torch.float64) + design.T @ design / 0.5
    law = MultivariateNormal(torch.linalg.solve(precision, design.T @ y / 0.5), precision_matrix=precision)
    torch.testing.assert_close(target.log_density(x) - target.log_z, law.log_prob(x))
    white = (x - law.mean) @ torch.linalg.cholesky(precision)
    assert float(white.mean(0).abs().max()) < 4.5 / math.sqrt(n)  # the largest of eleven
    assert float((torch.cov(white.T) - torch.eye(11)).abs().max()) < 5 * math.sqrt(2 / n)


def test_a_constant_column_becomes_zero() -> None:
    found = standardised(torch.tensor([[0.1, 1.0], [0.1, 3.0], [0.1, 2.0]]))
    assert found[:, 0].abs().max() < 1e-12
    assert float(found[:, 1].std(correction=0)) == pytest.approx(1)


def test_a_noise_of_no_variance_is_refused() -> None:
    with pytest.raises(UserError, match="noise_variance is 0"):
        Diabetes(0)

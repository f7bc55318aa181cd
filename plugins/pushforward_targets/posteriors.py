"""Bayesian regression: posteriors of weights given a table, whose log Z is the evidence of the model."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from pushforward import Draw, Target
from pushforward_targets import density_metadata
from pushforward_targets.endless import Endless


class LogisticPosterior(Target):
    r"""Abstract: weights of a logistic regression under a standard normal prior, given a table of two classes.

    .. math:: e^{-U(w)} = \mathcal{N}(w; 0, I) \prod_i \sigma\bigl((2 y_i - 1)\, w^\top f_i\bigr), \qquad
        f_i = (1, \text{standardised features})

    Every row is used. A feature is centred and divided by its standard deviation over all rows (by 1 where that is 0).
    The prior is normalised, so that Z is the evidence p(y).

    Args:
        features: as in the table, (rows, D - 1).
        classes: y, 0 or 1, (rows,).
    """

    def __init__(self, features: Tensor, classes: Tensor) -> None:
        self._design = with_intercept(features)
        self._signed = self._design * (2 * classes.double() - 1)[:, None]
        self.shape = (self._design.shape[1],)

    def log_density(self, x: Tensor) -> Tensor:
        """-U(w), (n,)."""
        return logsigmoid(x @ self._signed.to(x).T).sum(1) + _standard_normal(x)

    def score(self, x: Tensor) -> Tensor:
        """-grad U(w), (n, D)."""
        signed = self._signed.to(x)
        return torch.sigmoid(-(x @ signed.T)) @ signed - x


class LinearPosterior(Endless):
    r"""Abstract: weights of a linear regression under a standard normal prior; the evidence is in closed form.

    .. math:: e^{-U(w)} = \mathcal{N}(w; 0, I)\, \mathcal{N}(y; F w, v I), \qquad
        Z = \mathcal{N}(y; 0, v I + F F^\top)

    The posterior is a Gaussian of precision :math:`I + F^\top F / v`, so it can be sampled exactly.

    Args:
        features: as in the table, (rows, D - 1); standardised, with a 1 in front of them.
        response: y as in the table, (rows,); standardised.
        noise_variance: v.
    """

    def __init__(self, features: Tensor, response: Tensor, noise_variance: float) -> None:
        self._design, self._noise = with_intercept(features), noise_variance
        self._response = standardised(response[:, None])[:, 0]
        rows, dimension = self._design.shape
        self.shape = (dimension,)
        self._gram = self._design.T @ self._design / noise_variance
        self._pull = self._design.T @ self._response / noise_variance  # F'y / v
        self._factor = torch.linalg.cholesky(torch.eye(dimension, dtype=torch.float64) + self._gram)
        self._mean = torch.cholesky_solve(self._pull[:, None], self._factor)[:, 0]
        self._constant = -0.5 * (rows * math.log(2 * math.pi * noise_variance) + self._squares())
        log_det = 2 * float(self._factor.diagonal().log().sum())  # of I + F'F / v
        self.log_z = self._constant - 0.5 * log_det + 0.5 * float(self._pull @ self._mean)
        self.modes = self._mean.float()[None]
        self.mode_scale = 1 / math.sqrt(float(torch.linalg.eigvalsh(self._gram)[0]) + 1)

    def _squares(self) -> float:
        return float(self._response.square().sum()) / self._noise

    def _points(self, draw: Draw) -> Tensor:
        noise = draw.normal("noise", *self.shape)
        spread = torch.linalg.solve_triangular(self._factor.T, noise.double().T, upper=True).T
        return (self._mean.to(spread) + spread).to(noise)

    def log_density(self, x: Tensor) -> Tensor:
        """-U(w), (n,)."""
        fit = x @ self._pull.to(x) - 0.5 * (x @ self._gram.to(x) * x).sum(1)
        return fit + self._constant + _standard_normal(x)

    def score(self, x: Tensor) -> Tensor:
        """-grad U(w), (n, D)."""
        return self._pull.to(x) - x @ self._gram.to(x) - x


class BreastCancer(LogisticPosterior):
    r"""Logistic regression of 569 tumours on thirty measurements: a posterior in 31 dimensions.

    .. math:: e^{-U(w)} = \mathcal{N}(w; 0, I) \prod_i \sigma\bigl((2 y_i - 1)\, w^\top f_i\bigr), \qquad
        f_i = (1, \text{standardised features})

    For estimators, on real data that need no download. log Z is not known; importance sampling from a fitted Student
    law gives -55.226 with a standard error of .007 (`log_z_reference`). Some published numbers are of a density
    without its prior, and not comparable.

    Reference: Wolberg, Street, Mangasarian, "Breast Cancer Wisconsin (Diagnostic)", 1995, as in scikit-learn.
    """

    log_z_reference = (-55.226, 0.007)

    def __init__(self) -> None:
        from sklearn.datasets import load_breast_cancer

        features, classes = load_breast_cancer(return_X_y=True)
        super().__init__(torch.from_numpy(features), torch.from_numpy(classes))


class Diabetes(LinearPosterior):
    r"""Linear regression of 442 patients' progression on ten measurements: a posterior in 11 dimensions.

    .. math:: e^{-U(w)} = \mathcal{N}(w; 0, I)\, \mathcal{N}(y; F w, v I)

    For estimators, on real data that need no download, with an exact answer: log Z = -499.991984 at v = 1/2. Response
    and features are standardised, with a 1 in front of the features.

    Reference: Efron, Hastie, Johnstone, Tibshirani, "Least Angle Regression", 2004, as in scikit-learn.

    Args:
        noise_variance: v, in units of the response's variance.

    Raises:
        UserError: if the noise variance is not above 0.
    """

    def __init__(self, noise_variance: float = 0.5) -> None:
        from sklearn.datasets import load_diabetes

        density_metadata.diabetes(noise_variance)
        self.noise_variance = noise_variance
        features, response = load_diabetes(return_X_y=True)
        super().__init__(torch.from_numpy(features), torch.from_numpy(response), noise_variance)


def standardised(features: Tensor) -> Tensor:
    """Every column centred and divided by its standard deviation over all rows, by 1 where that is 0, in float64."""
    values = features.double()
    spread = values.std(0, correction=0)
    constant = (values == values[0]).all(0)
    return (values - values.mean(0)) / torch.where(constant, torch.ones_like(spread), spread)


def with_intercept(features: Tensor) -> Tensor:
    """Standardised features behind a column of ones."""
    return torch.cat([torch.ones(len(features), 1, dtype=torch.float64), standardised(features)], 1)


def _standard_normal(x: Tensor) -> Tensor:
    return -0.5 * (x.square().sum(1) + x.shape[1] * math.log(2 * math.pi))

"""Moment-matching GANs of stationary Gaussian processes: what the critic decides about equilibria and rates."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn
from torch.func import jacrev

from pushforward import Costs, Draw, UserError
from pushforward_lab.filters import (
    autocovariance,
    empirical_autocovariance,
    equivalent_filters,
    solvable,
    spectral_factor,
)
from pushforward_lab.laboratory import LaboratoryGame, Numbers, start_at
from pushforward_lab.spiral import by_name, largest_step_alternating, largest_step_simultaneous, roots

TRUTH = (1.0, 0.5, 0.2)


class MomentGAN(LaboratoryGame):
    r"""A filter of white noise learns a stationary Gaussian process from its second moments.

    .. math:: V = \sum_l w_l\, (\hat r_l - r_l(\theta)) - \tfrac\kappa2 \|\alpha\|^2, \qquad
        r_l(\theta) = \sum_j \theta_j \theta_{j+l}

    The critic climbs V by its numbers alpha, the generator descends it by its filter theta. The weights of the lags
    are alpha itself in the family `lags`; in `squared-filters` the critic is the power of the process behind the
    filter alpha, so that w_0 = r_0(alpha) and w_l = 2 r_l(alpha).

    A game whose equilibrium may not exist. Filters that differ by sign, reversal or root flips are one law. With
    `lags`, the equilibrium is the filter with the moments of the data and the critic at 0; there is none without a
    ridge where the empirical spectral density is negative somewhere: the critic then runs away. The eigenvalues solve
    l^2 + kappa l + s^2 = 0 for the singular values s of dr/dtheta; some s is 0, and convergence algebraic, for a
    filter that shares a root with its own reversal, such as any symmetric one. With `squared-filters` and a free
    generator, no critic but 0 takes part in an equilibrium: a larger filter always costs the generator less. With
    `unit_norm`, the critic of lag 0 leaves all generators equal.

    Reference: after the abstract of Shixiang Zhang, "Nash equilibrium of moment-matching GANs for stationary Gaussian
    processes", 2022, arXiv:2203.07136.

    Args:
        truth: the filter of the data, its numbers theta_0 to theta_q; None means 1, 0.5, 0.2.
        family: what the critic is: `lags` weighs signed lags, `squared-filters` can only give positive power.
        lags: the critic's largest lag, at least q; None means q.
        kappa: the ridge on the critic.
        samples: realisations in the data set; None means the exact moments.
        length: the length d of a realisation, around a circle.
        unit_norm: divide the generator's filter and the truth by their lengths.
        seed: which data set is drawn.
        step: the step for which `answers` predicts the radius of simultaneous descent; None leaves it out.
        start: where play begins: the critic's lags + 1 numbers, then the generator's q + 1; None draws all at random.

    Raises:
        UserError: if the truth is 0 or not finite, lags, samples or length are too small, kappa is negative, or
            `start` has another number of numbers.
    """

    dampers = ("kappa",)

    def __init__(
        self,
        truth: list[float] | None = None,
        family: Literal["lags", "squared-filters"] = "lags",
        lags: int | None = None,
        kappa: NonNegativeFloat = 1.0,
        samples: int | None = None,
        length: int = 64,
        unit_norm: bool = False,
        seed: int = 0,
        step: float | None = None,
        start: list[float] | None = None,
    ) -> None:
        super().__init__()
        self.truth, self.family, self.lags, self.kappa = truth, family, lags, kappa
        self.samples, self.length, self.unit_norm, self.seed = samples, length, unit_norm, seed
        self.step, self.start = step, start
        self._check()
        numbers = start_at(start, self.largest_lag + self.filter_order + 2, "start")
        self.critic = Numbers(numbers[: self.largest_lag + 1])
        self.generator = Numbers(numbers[self.largest_lag + 1 :])
        self.register_buffer("moments", self._moments(), persistent=False)
        self.moments: Tensor  # of the data at lags 0 to `lags`

    @property
    def filter_order(self) -> int:
        """The largest lag q of the filter."""
        return len(self.truth or TRUTH) - 1

    @property
    def largest_lag(self) -> int:
        """The critic's largest lag."""
        return self.filter_order if self.lags is None else self.lags

    @property
    def players(self) -> dict[str, nn.Module]:
        """The critic moves first."""
        return {"critic": self.critic, "generator": self.generator}

    def true_filter(self) -> Tensor:
        """The filter of the data, (q + 1,)."""
        return self._scaled(torch.tensor(self.truth or TRUTH, dtype=torch.float64))

    def weights(self, alpha: Tensor) -> Tensor:
        """What the critic makes of each lag, (lags + 1,)."""
        if self.family == "lags":
            return alpha
        own = autocovariance(alpha, self.largest_lag)
        return torch.cat([own[:1], 2 * own[1:]])

    def value(self, alpha: Tensor, theta: Tensor) -> Tensor:
        """V, one number, of a critic and a generator."""
        gap = self.moments - autocovariance(self._scaled(theta), self.largest_lag)
        return (self.weights(alpha) * gap).sum() - self.kappa / 2 * alpha.square().sum()

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """V and its negative."""
        value = self.value(self.critic.value, self.generator.value)
        return {name: {"value": value if name == "generator" else -value} for name in names}

    def moment_error(self) -> Tensor:
        """The distance of the generator's moments from those of the data."""
        return (self.moments - autocovariance(self._scaled(self.generator.value), self.largest_lag)).norm()

    def solution(self) -> Tensor | None:
        """A filter with the moments of the data, (q + 1,); None where there is none."""
        if self.samples is None:
            return self.true_filter()
        moments = self.moments.detach().cpu()
        if self.unit_norm or not solvable(moments, self.filter_order):
            return None
        return spectral_factor(moments[: self.filter_order + 1])

    def equilibrium(self) -> dict[str, Tensor] | None:
        """The nearest filter with the moments of the data, modulo sign, reversal and root flips, and its critic.

        The critic is at 0; with `unit_norm`, squared filters and no ridge, at the nearest multiple of lag 0. None
        where no filter has the moments.
        """
        solution = self.solution()
        if solution is None:
            return None
        alpha, theta = (player.value.detach().cpu() for player in (self.critic, self.generator))
        filters = equivalent_filters(solution)
        if self.unit_norm:  # every length of a filter is one generator
            filters = filters * (filters @ theta).clamp(min=0)[:, None]
        nearest = filters[(filters - theta).norm(dim=1).argmin()]
        critic = torch.zeros_like(alpha)
        if self.family == "squared-filters" and self.unit_norm and self.kappa == 0:
            critic[0] = alpha[0]
        return {"critic.value": critic, "generator.value": nearest}

    def sensitivities(self) -> list[float]:
        """The singular values of dr/dtheta at the equilibrium, largest first; none where no filter has the moments."""
        solution = self.solution()
        if solution is None:
            return []
        slope = jacrev(lambda theta: autocovariance(self._scaled(theta), self.largest_lag))(solution)
        return torch.linalg.svdvals(slope).tolist()

    def eigenvalues(self) -> list[complex]:
        """Of the flow at the equilibrium of the family `lags`: a pair a singular value, -kappa for more lags."""
        found = [value for s in self.sensitivities() for value in roots(self.kappa, s)]
        return found + [complex(-self.kappa)] * (self.largest_lag - self.filter_order if found else 0)

    def radius(self, step: float) -> float:
        """The predicted spectral radius of a round of simultaneous descent at that step."""
        return max(abs(1 + step * value) for value in self.eigenvalues())

    def answers(self) -> dict[str, float]:
        """Whether a filter has the moments; singular values, eigenvalues, largest stable steps and radius at `step`.

        Rates are those of the family `lags`; a radius above 1 diverges. Where play is at present, `moment-error` is the
        distance of the generator's moments from those of the data, and `critic-size` the length of alpha.
        """
        values = self.sensitivities()
        found = {
            "solvable": float(bool(values)),
            "moment-error": float(self.moment_error().detach()),
            "critic-size": float(self.critic.value.detach().norm()),
        }
        if self.family != "lags" or not values:
            return found
        found |= {f"singular-value-{i}": s for i, s in enumerate(values, start=1)}
        found |= by_name(self.eigenvalues())
        found["largest-step-simultaneous"] = min(largest_step_simultaneous(self.kappa, s) for s in values)
        found["largest-step-alternating"] = min(largest_step_alternating(self.kappa, s) for s in values)
        return found if self.step is None else {**found, "radius-simultaneous": self.radius(self.step)}

    def _scaled(self, theta: Tensor) -> Tensor:
        return theta / theta.norm() if self.unit_norm else theta

    def _moments(self) -> Tensor:
        if self.samples is None:
            return autocovariance(self.true_filter(), self.largest_lag)
        white = Draw(self.seed, ("data set",), self.samples, dtype=torch.float64).normal("white", self.length)
        return empirical_autocovariance(self.true_filter(), self.largest_lag, white)

    def _check(self) -> None:
        truth = self.truth or TRUTH
        if not all(math.isfinite(number) for number in truth) or not any(truth):
            raise UserError(f"truth is {list(truth)}: expected finite numbers, not all of them 0")
        if self.largest_lag < self.filter_order:
            raise UserError(
                f"lags is {self.lags}: a filter of {self.filter_order + 1} numbers needs at least {self.filter_order}"
            )
        if self.length <= 2 * self.largest_lag:
            raise UserError(
                f"length is {self.length}: {self.largest_lag} lags need at least {2 * self.largest_lag + 1}"
            )
        if self.samples is not None and self.samples < 1:
            raise UserError(f"samples is {self.samples}: expected at least 1, or null for the exact moments")
        if not (math.isfinite(self.kappa) and self.kappa >= 0):
            raise UserError(f"kappa is {self.kappa}: expected a finite number of at least 0")
        if self.step is not None and not self.step > 0:
            raise UserError(f"step is {self.step}: expected a positive number")

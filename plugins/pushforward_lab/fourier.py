"""A game replaced by its first Fourier modes: one mode only circles, and the next ones add the damping."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward import UserError
from pushforward.numerics.integrators import step
from pushforward_lab.exponential import ExponentialGAN, check_arguments, laguerre, log_loss, rates
from pushforward_lab.torus import TorusGame

CONVERGED = 1e-12  # the speed of the flow below which Newton's method has found a zero
HORIZON, STEPS = 150.0, 150  # of the orbits that are compared, by Runge and Kutta: their errors are nearly the same


class FourierGAN(TorusGame):
    r"""The GAN of an exponential law with its value cut down to the first N Fourier modes.

    .. math:: F_N(\theta, \omega) = \sum_{|k|, |l| \le N} c_{kl}\, e^{i (k \theta + l \omega)}

    To see where the slow spiral comes from: with N = 1 the equilibrium is a centre and every orbit is closed; with
    N = 2 it spirals at nearly the rates of the full game, and the remaining modes change little. The coefficients are
    those of the value sampled on a grid.

    Reference: Gonzalez-Prieto, Mozo, Talavera, Gomez-Canaval, "Dynamics of Fourier Modes in Torus Generative
    Adversarial Networks", 2022, arXiv:2209.01842.

    Args:
        modes: the number N of modes that are kept, in each angle.
        mean: the mean of the data, as in `exponential-gan`.
        amplitude: how far the generator's mean can go from 1.
        slope: the largest slope of the critic's logit.
        centre: where the critic's logit is 0.
        grid: points of the grid around each angle.
        start: where play begins, theta and then omega, in radians; None draws both at random.

    Raises:
        UserError: if there is no mode, the grid is too coarse for them, an argument of the full game is out of range,
            or `start` has not two numbers.
    """

    def __init__(
        self,
        modes: int = 2,
        mean: float = 1.2,
        amplitude: float = 0.9,
        slope: float = 0.25,
        centre: float = 1.0,
        grid: int = 64,
        start: list[float] | None = None,
    ) -> None:
        super().__init__(start)
        check_arguments(mean, amplitude, slope, centre)
        if modes < 1:
            raise UserError(f"modes is {modes}: expected at least 1")
        if grid <= 2 * modes:
            raise UserError(f"grid is {grid}: {modes} modes need at least {2 * modes + 1} points")
        self.mean, self.amplitude, self.slope, self.centre = mean, amplitude, slope, centre
        self.modes, self.grid = modes, grid
        self._first = [float(player.value.detach()) for player in (self.discriminator, self.generator)]
        self._known = (mean, amplitude, slope, centre), self._transformed()

    def coefficients(self) -> Tensor:
        """The kept c_kl, (2N + 1, 2N + 1), from -N to N: of the constructor's arguments, or of those set since."""
        arguments = (self.mean, self.amplitude, self.slope, self.centre)
        if any(isinstance(number, Tensor) for number in arguments) or arguments != self._known[0]:
            return self._transformed()
        return self._known[1]

    def value(self, theta: Tensor, omega: Tensor) -> Tensor:
        """The trigonometric sum of the kept modes."""
        return trigonometric_sum(self.coefficients(), theta, omega)

    def full(self) -> ExponentialGAN:
        """The game that is cut down."""
        return ExponentialGAN(self.mean, self.amplitude, self.slope, self.centre, start=self._first)

    def equilibria(self) -> Tensor:
        """The zeros of the field to which Newton's method goes from the equilibria of the full game, where it does."""
        found = [self._newton(point) for point in self.full().equilibria()]
        return torch.stack(found)[[bool(point.isfinite().all()) for point in found]]

    def answers(self) -> dict[str, float]:
        """Eigenvalues at the equilibrium and where it is, and how far the full game is.

        `field-error` is the largest error of the field on the grid over the field's largest norm; `orbit-deviation` is
        the largest distance up to t = 150 between the orbits of both games from the start of play.
        """
        local: dict[str, float] = {}
        for theta, omega in self.equilibria()[:1]:
            local = rates(torch.linalg.eigvals(self.linearised(theta, omega)).tolist())
            local |= {"theta": float(theta), "omega": float(omega)}
        return {
            **local,
            "field-error": self.field_error(),
            "orbit-deviation": self.orbit_deviation(),
        }

    def field_error(self) -> float:
        """The largest error of the field on the grid, relative to the largest norm of the full one."""
        angles = torch.meshgrid(self._angles(), self._angles(), indexing="ij")
        ours, theirs = torch.stack(self.flow(*angles)), torch.stack(self.full().flow(*angles))
        return float((ours - theirs).norm(dim=0).max() / theirs.norm(dim=0).max())

    def orbit_deviation(self, horizon: float = HORIZON) -> float:
        """The largest distance between the orbits of both games up to that time, from the start of play."""
        full, h = self.full(), HORIZON / STEPS
        begin = tuple(torch.tensor(angle, dtype=torch.float64) for angle in self._first)
        ours, theirs, furthest = begin, begin, 0.0
        for _ in range(round(horizon / h)):
            ours = step(lambda _, at: self.flow(*at), 0.0, ours, h)
            theirs = step(lambda _, at: full.flow(*at), 0.0, theirs, h)
            furthest = max(furthest, math.hypot(*(float(a - b) for a, b in zip(ours, theirs, strict=True))))
        return furthest

    def _transformed(self) -> Tensor:
        theta, omega = torch.meshgrid(self._angles(), self._angles(), indexing="ij")
        z, weights = laguerre()
        values = log_loss(theta, omega, self.mean, self.amplitude, self.slope, self.centre, (z, z), weights)
        keep = torch.arange(-self.modes, self.modes + 1) % self.grid
        return torch.fft.fft2(values, norm="forward")[keep][:, keep]

    def _angles(self) -> Tensor:
        return torch.arange(self.grid, dtype=torch.float64) * (2 * math.pi / self.grid)

    def _newton(self, point: Tensor, iterations: int = 20) -> Tensor:
        for _ in range(iterations):
            velocity = torch.stack(self.flow(point[0], point[1]))
            if bool(velocity.norm() < CONVERGED / 100):
                break
            point = point - torch.linalg.solve_ex(self.linearised(point[0], point[1]), velocity).result
        rest = torch.stack(self.flow(point[0], point[1])).norm()
        return torch.where(rest < CONVERGED, point, torch.nan)


def trigonometric_sum(coefficients: Tensor, theta: Tensor, omega: Tensor) -> Tensor:
    """The real function with these Fourier coefficients from -N to N in each angle, in the shape of the angles."""
    modes = coefficients.shape[-1] // 2
    k = torch.arange(-modes, modes + 1, dtype=theta.dtype, device=theta.device)
    c = coefficients.to(theta.device)
    left, right = k * theta[..., None], k * omega[..., None]
    real = left.cos() @ c.real - left.sin() @ c.imag
    imaginary = left.cos() @ c.imag + left.sin() @ c.real
    return (real * right.cos() - imaginary * right.sin()).sum(-1)

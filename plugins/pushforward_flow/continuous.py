"""The continuous flow: data are noise that a velocity has carried for a unit of time."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pushforward import Draw, Flow, RunFailed, UserError, VelocityField
from pushforward.numerics.adaptive import dormand_prince
from pushforward.numerics.divergence import exact_divergence, hutchinson_divergence, row_signs, salt_of
from pushforward.numerics.integrators import integrate

State = tuple[Tensor, ...]


class ContinuousFlow(Flow):
    r"""An ordinary differential equation from noise, at time 0, to data, at time 1.

    .. math:: \dot x = b(t, x), \qquad \tfrac{d}{dt} \log |\det \partial x / \partial z| = \nabla \cdot b(t, x)

    For maps that are no stack of layers, and for velocities that were learned otherwise, as by `flow-matching`. Under
    maximum likelihood (`model: flow`) every turn solves the equation, so that it is far slower than a discrete flow.
    With `dormand-prince` every row has steps of its own, so its density does not depend on its batch; derivatives of
    any order are those of the steps that were taken.

    A row that begins at NaN or infinity ends at NaN and moves no other row. A row that was finite and is carried off
    to infinity stops the run, with the time at which it left.

    Reference: Grathwohl, Chen, Bettencourt, Sutskever, Duvenaud, "FFJORD: Free-form Continuous Dynamics for Scalable
    Reversible Generative Models", 2018, arXiv:1810.01367.

    Args:
        shape: the shape of one datum, (D,); it follows from the data.
        velocity: the field b; a bare network sees time and place, and the class where it is `conditional`.
        solver: `dormand-prince` to a tolerance, or `rk4`, `midpoint`, `euler` in equal steps.
        steps: how many equal steps.
        tolerance: of `dormand-prince`, relative and absolute, a step.
        divergence: `exact`, in closed form where the field has one, else with D backward passes; or `hutchinson`, one
            pass with a probe of random signs for each row that stays for the whole solve: unbiased for the
            log-determinant, of variance :math:`2 \sum_{i \ne j} S_{ij}^2` for the symmetric part S of a constant
            Jacobian. The probe of a row is another one whenever a weight of the velocity is.
        evaluations: how often the velocity may be asked in one solve.

    Attributes:
        asked: how often it was, for each row of the last solve.

    Raises:
        UserError: if a number is out of range; RunFailed if a solve takes too many evaluations or is not finite.
    """

    inverse_kind = "iterative"

    def __init__(
        self,
        shape: tuple[int, ...],
        velocity: VelocityField,
        solver: Literal["dormand-prince", "rk4", "midpoint", "euler"] = "dormand-prince",
        steps: int = 20,
        tolerance: float = 1e-5,
        divergence: Literal["exact", "hutchinson"] = "exact",
        evaluations: int = 10_000,
    ) -> None:
        super().__init__()
        if steps < 1 or not tolerance > 0 or evaluations < 7:
            raise UserError(
                f"continuous-flow: steps is {steps}, tolerance {tolerance}, evaluations {evaluations}: expected at"
                " least 1, above 0, and at least 7"
            )
        self.shape, self.velocity, self.solver, self.steps = tuple(shape), velocity, solver, steps
        self.tolerance, self.divergence, self.evaluations = tolerance, divergence, evaluations
        self.conditional = velocity.conditional
        self.asked = torch.zeros(0, dtype=torch.int64)

    def push(self, z: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Forward in time."""
        return self._moved(z, condition, 0.0, 1.0)

    def pull(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Backward in time."""
        return self._moved(x, condition, 1.0, 0.0)

    def sample(self, n: int, condition: Tensor | None = None, draw: Draw | None = None) -> Tensor:
        """n samples, for which no divergence is asked; without a draw, from fresh randomness."""
        draw = draw if draw is not None else self.fresh(n)
        return self.carry(self.sample_base(draw), 0.0, 1.0, self._condition_of_rows(torch.Size([n]), condition))

    def carry(self, x: Tensor, start: float, stop: float, condition: Tensor | None = None) -> Tensor:
        """Where the velocity carries x, (n, D), from one time to another, without its log-determinant."""

        def rates(t: Tensor | float, state: State) -> State:
            return (self.velocity.at(t, state[0], condition),)

        return self._solved(rates, (x,), start, stop)[0]

    def _moved(self, x: Tensor, condition: Tensor | None, start: float, stop: float) -> tuple[Tensor, Tensor]:
        keep = torch.is_grad_enabled()
        probe = row_signs(x, salt_of(self.velocity)) if self.divergence == "hutchinson" else None

        def rates(t: Tensor | float, state: State) -> State:
            velocity = self.velocity.at(t, state[0], condition)
            found = self._divergence(t, state[0], condition, probe)
            return velocity, found if keep and torch.is_grad_enabled() else found.detach()

        x, log_det = self._solved(rates, (x, x.new_zeros(x.shape[0])), start, stop)
        return x, log_det

    def _divergence(self, t: Tensor | float, x: Tensor, condition: Tensor | None, probe: Tensor | None) -> Tensor:
        if probe is not None:
            return hutchinson_divergence(lambda y: self.velocity.at(t, y, condition), x, probe)
        if type(self.velocity).divergence is VelocityField.divergence:
            return exact_divergence(lambda y: self.velocity.at(t, y, condition), x)
        return self.velocity.divergence(t, x, condition) if self.conditional else self.velocity.divergence(t, x)

    def _solved(self, rates: object, state: State, start: float, stop: float) -> State:
        assert callable(rates)
        if not len(state[0]):
            return state
        if self.solver == "dormand-prince":
            solved = dormand_prince(rates, state, start, stop, self.tolerance, self.evaluations)
            self.asked = solved.evaluations
            return solved.state
        each = {"rk4": 4, "midpoint": 2, "euler": 1}[self.solver] * self.steps
        if each > self.evaluations:
            raise UserError(f"continuous-flow: {self.steps} steps of {self.solver} take {each} evaluations: allow more")
        self.asked = torch.full((len(state[0]),), each)
        end = integrate(rates, state, start, stop, self.steps, self.solver)
        self._refuse_lost(state[0], end)
        return end

    def _refuse_lost(self, began: Tensor, end: State) -> None:
        lost = began.isfinite().all(1) & ~(end[0].isfinite().all(1) & end[-1].reshape(len(began), -1).isfinite().all(1))
        if bool(lost.any()):
            raise RunFailed(
                f"continuous-flow: {int(lost.sum())} of {len(began)} rows, the first of them {int(lost.nonzero()[0])},"
                f" were carried off to infinity in {self.steps} steps of {self.solver}: take more steps, or a smoother"
                " velocity"
            )

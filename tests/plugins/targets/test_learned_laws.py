"""Trained models as targets: the flow of another recipe with log Z = 0, an energy alone and on its base."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from pushforward import Draw, Energy, UserError, build, open_run
from pushforward.folder import cache_folder
from pushforward.testing.stand_ins import Affine
from pushforward_targets.learned_laws import EnergyLaw, FlowLaw

FLOW = """
about: A flow of moons.
target: moons
model: {use: flow, flow: {use: realnvp, transforms: 2, hidden: [8]}}
budget: {rounds: 2, batch: 16}
measure: [log-density]
"""
NEIS = """
about: NEIS on that flow.
target: {use: flow-law, flow: {use: trained, recipe: flow.yaml}}
model: {use: neis, velocity: {use: gradient-field, width: 4}, steps: 4}
budget: {rounds: 2, batch: 16}
measure: [{use: log-z, evaluations: 2000}]
"""


class Bowl(Energy):
    """Half the squared distance from a centre, times a stiffness."""

    def __init__(self, stiffness: float = 3.0) -> None:
        super().__init__()
        self.centre, self.stiffness = torch.nn.Parameter(torch.tensor([1.0, -1.0])), stiffness

    def forward(self, x: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        return 0.5 * self.stiffness * (x - self.centre).square().sum(1)


def affine() -> Affine:
    flow = Affine((2,))
    with torch.no_grad():
        flow.shift.copy_(torch.tensor([0.5, 0.0])), flow.log_scale.copy_(torch.tensor([0.3, -0.2]))
    return flow


def test_the_law_of_a_flow_is_its_density_and_its_samples_in_float64() -> None:
    flow = affine()
    target, n = FlowLaw(flow), 1000
    x = target.sample(n, Draw(0, ("x",), n)).x
    assert x.dtype == torch.float32 and target.shape == (2,) and target.log_z == 0
    torch.testing.assert_close(target.log_density(x), flow.log_density(x).detach())
    exact = target.log_density(x.double())
    expected = (-0.5 * (((x.double() - flow.shift) / flow.log_scale.exp()).square() + math.log(2 * math.pi))).sum(
        1
    ) - 0.1
    torch.testing.assert_close(exact, expected.detach())
    assert flow.shift.dtype == torch.float32 and flow.shift.requires_grad  # the flow that was given stays as it is


def test_an_energy_alone_and_on_a_base_are_gaussians_of_known_mass() -> None:
    line = torch.linspace(-9, 9, 901, dtype=torch.float64)
    grid, cell = torch.cartesian_prod(line, line), (18 / 900) ** 2
    alone = EnergyLaw(Bowl(), dimension=2)
    assert float(alone.log_density(grid).exp().sum()) * cell == pytest.approx(2 * math.pi / 3, rel=1e-6)
    on_base = EnergyLaw(Bowl(), affine())
    mass = 1.0
    for mean, log_scale, centre in ((0.5, 0.3, 1.0), (0.0, -0.2, -1.0)):
        variance = math.exp(2 * log_scale) + 1 / 3  # of centre - x where exp(-E) is a Gaussian of variance 1/3
        mass *= math.sqrt(1 / 3 / variance) * math.exp(-0.5 * (centre - mean) ** 2 / variance)
    assert float(on_base.log_density(grid).exp().sum()) * cell == pytest.approx(mass, rel=1e-6)
    assert on_base.shape == (2,) and on_base.log_z is None


def test_what_has_no_shape_or_wants_a_class_is_refused() -> None:
    with pytest.raises(UserError, match="Bowl does not say its shape: give dimension"):
        EnergyLaw(Bowl())
    with pytest.raises(UserError, match=r"dimension is 3, and the base is of shape \(2,\)"):
        EnergyLaw(Bowl(), affine(), dimension=3)
    wanting = affine()
    wanting.conditional = True
    with pytest.raises(UserError, match="this flow wants a class"):
        FlowLaw(wanting)
    with pytest.raises(UserError, match="the base wants a class"):
        EnergyLaw(Bowl(), wanting)


def test_a_recipe_estimates_log_z_of_the_flow_of_another_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path / "cache"))
    (tmp_path / "flow.yaml").write_text(FLOW)
    (tmp_path / "neis.yaml").write_text(NEIS)
    built = build("neis.yaml")
    estimate = built.play.game.estimate(built.target, 2000, Draw(0, ("estimate",), 1))
    assert estimate.n > 0 and built.target.log_z == 0
    trained = open_run(next((cache_folder() / "trained").glob("*/flow-1"))).built.play.game.flow
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(built.target.log_density(x), trained.log_density(x).detach())

"""An estimate may only start where its target lives."""

import math

import pytest
import torch

from pushforward import Draw, UserError
from pushforward_flow.spline import NSF
from pushforward_neis.annealed import AnnealedImportanceSampling
from pushforward_neis.bases import UniformBox, UniformTorus
from pushforward_neis.bridge import bridge
from pushforward_neis.flow_importance import FlowImportanceSampling
from pushforward_neis.importance import ImportanceSampling
from pushforward_neis.orbits import FlowOrbits
from pushforward_neis.poisson import PoissonField
from pushforward_neis.starts import log_share_of_base
from pushforward_targets.compact import NeumannSquare, TorusBumps
from pushforward_targets.gaussian import Gaussian

ANGLES = TorusBumps()


@pytest.mark.parametrize(
    ("estimator", "target"),
    [
        (ImportanceSampling(), ANGLES),
        (AnnealedImportanceSampling(), ANGLES),
        (FlowImportanceSampling(UniformBox((2,))), ANGLES),
        (FlowImportanceSampling(UniformBox((2,))), Gaussian()),
        (FlowImportanceSampling(UniformTorus((2,))), Gaussian()),
        (FlowOrbits(NSF((2,), domain="torus")), ANGLES),
    ],
)
def test_a_law_that_does_not_live_where_the_target_does_is_refused(estimator, target):
    with pytest.raises(UserError, match="lives on the"):
        estimator.estimate(target, 20_000, Draw(0, (), 1))


def test_the_uniform_law_of_angles_finds_log_z_on_the_torus_and_normal_noise_on_a_box():
    found = FlowImportanceSampling(UniformTorus((2,))).estimate(ANGLES, 50_000, Draw(0, (), 1))
    assert abs(found.log_z - ANGLES.log_z) < 4 * found.standard_error
    found = ImportanceSampling().estimate(NeumannSquare(), 50_000, Draw(0, (), 1))
    assert abs(found.log_z) < 4 * found.standard_error


def test_a_poisson_field_has_the_boundary_of_its_target():
    with pytest.raises(UserError, match="expected periodic for a torus"):
        PoissonField(ANGLES)
    with pytest.raises(UserError, match="neumann for a box"):
        PoissonField(NeumannSquare(), boundary="periodic")


@pytest.mark.parametrize("level", [-2000.0, 0.0, 2000.0])
def test_the_error_of_a_bridge_does_not_depend_on_the_size_of_z(level):
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(5, 200, generator=generator, dtype=torch.float64)
    log_z, error, _ = bridge(normal * 0.3 + level, normal[0] * 0.3 + level)
    at_zero = bridge(normal * 0.3, normal[0] * 0.3)
    assert math.isclose(log_z - level, at_zero[0], abs_tol=1e-9) and math.isclose(error, at_zero[1], rel_tol=1e-6)


def test_walkers_that_luck_helped_one_and_all_still_have_a_share():
    share, log_z = log_share_of_base(torch.zeros(10), 1.0)
    assert bool(share.isfinite().all()) and math.isfinite(float(log_z))

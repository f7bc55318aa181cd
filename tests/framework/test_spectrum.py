"""The spectrum of a game's field: closed forms of the Dirac-GAN, its class, and that looking changes nothing."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from pushforward import Draw, Game
from pushforward.linear import Linear
from pushforward.problem import RunFailed
from pushforward.spectrum import Spectrum, field_spectrum, linearised, operator_spectrum

TURN = Draw(0, (0, 0), 64)


class Numbers(nn.Module):
    def __init__(self, size, dtype=torch.float64):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(size, dtype=dtype))


class Vectors(Game):
    """A generator theta and a discriminator psi, vectors; each test says their costs."""

    def __init__(self, costs, theta=1, psi=1, dtype=torch.float64):
        super().__init__()
        self.theta, self.psi, self.formula = Numbers(theta, dtype), Numbers(psi, dtype), costs

    @property
    def players(self):
        return {"generator": self.theta, "discriminator": self.psi}

    def costs(self, names, draw):
        generator, discriminator = self.formula(self.theta.value, self.psi.value)
        both = {"generator": generator, "discriminator": discriminator}
        return {name: {"cost": both[name]} for name in names}


def dirac(gamma=0.0, noise=0.0, kind="minimax"):
    """Mescheder et al.: D(x) = psi x in fakeness, data at 0; noise enters as its exact second-order term."""

    def costs(theta, psi):
        u = (theta * psi).sum()
        value = u if kind == "wasserstein" else -softplus(-u)
        generator = softplus(u) if kind == "non-saturating" else value
        quiet = 0.5 * (gamma + 0.5 * noise**2) * psi.square().sum()
        return generator, -value + quiet

    return Vectors(costs)


def close(found, known, tolerance=1e-12):
    assert len(found) == len(known)
    left = list(known)
    for value in found:
        nearest = min(left, key=lambda other: abs(other - value))
        assert abs(nearest - value) < tolerance, (found, known)
        left.remove(nearest)


def roots(centre, square):
    """centre +- sqrt(square)."""
    turn = complex(square) ** 0.5
    return [centre + turn, centre - turn]


@pytest.mark.parametrize(("kind", "a"), [("minimax", 0.5), ("non-saturating", 0.5), ("wasserstein", 1.0)])
def test_the_unregularised_dirac_gan_is_a_centre(kind, a):
    found = field_spectrum(dirac(kind=kind), TURN)
    close(found.eigenvalues, [a * 1j, -a * 1j])
    assert found.kind == "centre"
    assert found.exact and found.converged and found.double and found.dimension == 2


@pytest.mark.parametrize(("gamma", "kind"), [(0.1, "spiral"), (0.3, "spiral"), (1.0, "node"), (2.0, "node")])
def test_r1_turns_the_centre_into_a_spiral_and_from_gamma_one_into_a_node(gamma, kind):
    found = field_spectrum(dirac(gamma=gamma), TURN)
    close(found.eigenvalues, roots(-gamma / 2, gamma**2 / 4 - 0.25), 1e-7)  # the double root at 1 costs half the digits
    assert found.kind == kind
    assert found.leading.real == pytest.approx(max(v.real for v in roots(-gamma / 2, gamma**2 / 4 - 0.25)), abs=1e-7)


@pytest.mark.parametrize(("sigma", "real", "imaginary"), [(0.7, -0.1225, 0.48476), (1.0, -0.25, 0.43301)])
def test_instance_noise_has_the_eigenvalues_of_r1_with_half_its_variance(sigma, real, imaginary):
    found = field_spectrum(dirac(noise=sigma), TURN)
    close(found.eigenvalues, [complex(real, imaginary), complex(real, -imaginary)], 1e-5)


def test_instance_noise_of_two_is_a_node():
    found = field_spectrum(dirac(noise=2.0), TURN)
    close(found.eigenvalues, [-0.13397, -1.86603], 1e-5)
    assert found.kind == "node"


def test_a_negative_gamma_makes_a_source_and_a_bad_generator_a_saddle():
    assert field_spectrum(dirac(gamma=-0.3), TURN).kind == "source"
    saddle = Vectors(lambda theta, psi: (-theta.square().sum(), psi.square().sum()))
    found = field_spectrum(saddle, TURN)
    close(found.eigenvalues, [2, -2])
    assert found.kind == "saddle"
    assert found.leading == 2


def test_a_linear_critic_in_several_dimensions_has_a_pair_for_each_singular_value_and_flat_directions():
    gamma, a = 0.7, 0.5
    w = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[0]
    singular = torch.tensor([2.0, 1.0, 0.4], dtype=torch.float64)
    w = w[:, :3] * singular

    def costs(theta, psi):
        value = -softplus(-(psi @ w @ theta))
        return value, -value + 0.5 * gamma * (w.T @ psi).square().sum()

    found = field_spectrum(Vectors(costs, theta=3, psi=4), TURN)
    known = [0j]
    for s in singular.tolist():
        known += roots(-gamma * s**2 / 2, gamma**2 * s**4 / 4 - a**2 * s**2)
    close(found.eigenvalues, known)
    assert found.flat == 1
    assert found.kind == "spiral"
    assert abs(found.leading) > 0.1


def test_where_nothing_moves_the_point_is_flat():
    found = field_spectrum(Vectors(lambda t, p: (t.pow(4).sum(), p.pow(4).sum())), TURN)
    assert found.eigenvalues == [0, 0]
    assert found.flat == 2
    assert found.kind == "flat"


def test_above_the_dense_limit_the_krylov_eigenvalues_are_those_of_the_matrix():
    n, gamma, a = 150, 1.0, 0.5
    scales = torch.linspace(0.2, 3.0, n, dtype=torch.float64)

    def costs(theta, psi):
        value = -softplus(-(psi * scales * theta).sum())
        return value, -value + 0.5 * gamma * (scales * psi).square().sum()

    game = Vectors(costs, theta=n, psi=n)
    large, dense = (
        field_spectrum(game, TURN, dense_below=10, which="modulus"),
        field_spectrum(game, TURN, dense_below=400),
    )
    known = [v for s in scales.tolist() for v in roots(-gamma * s**2 / 2, gamma**2 * s**4 / 4 - a**2 * s**2)]
    close(dense.eigenvalues, known, 1e-6)
    assert dense.exact and not large.exact
    assert large.converged
    for value in large.eigenvalues:
        assert min(abs(value - other) for other in known) < 1e-7
    assert abs(large.eigenvalues[-1]) == pytest.approx(max(map(abs, known)), abs=1e-7)
    assert large.kind == "undecided"  # the stiffest alone say nothing of stability


def test_both_ends_of_a_large_spectrum_are_joined_without_doubles():
    scales = torch.cat([torch.tensor([-2.0, -1.0]), torch.linspace(1, 9, 298)]).double()
    game = Vectors(lambda t, p: (0.5 * (scales * t * t).sum(), p.square().sum()), theta=300)
    found = field_spectrum(game, TURN, wanted=2, limit=2000)
    assert found.converged
    assert found.kind == "saddle"
    assert [v.real for v in found.eigenvalues[:2]] == pytest.approx([2, 1], abs=1e-6)
    assert found.eigenvalues[-1].real == pytest.approx(-9, abs=1e-6)
    assert len(found.eigenvalues) == 4


def test_a_search_that_does_not_converge_is_undecided():
    scales = torch.linspace(1, 1.001, 500, dtype=torch.float64)
    game = Vectors(lambda t, p: (0.5 * (scales * t * t).sum(), p.square().sum()), theta=500)
    found = field_spectrum(game, TURN, limit=20)
    assert not found.converged
    assert max(found.residuals) > 1e-8
    assert found.kind == "undecided"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0.5, 0.2], "contracting"),
        ([0.5 + 0.2j, 0.5 - 0.2j], "contracting with rotation"),
        ([1.0, 0.5], "contracting"),
        ([1.0, 1.0], "flat"),
        ([1j, -1j], "neutral"),
        ([-1.0, 0.5], "neutral"),
        ([-1.1, 0.5], "expanding"),
    ],
)
def test_a_round_is_judged_by_moduli_against_one(values, kind):
    found = Spectrum(values, [0.0] * len(values), True, 2, True, "round")
    assert found.kind == kind


def test_a_round_known_by_its_products_has_the_closed_form_of_simultaneous_descent():
    h = 0.1
    step = torch.tensor([[1.0, -h], [h, 1.0]], dtype=torch.float64)
    found = operator_spectrum(lambda rows: rows @ step.T, 2, "round")
    close(found.eigenvalues, [1 + h * 1j, 1 - h * 1j])
    assert abs(found.leading) == pytest.approx(math.sqrt(1 + h**2), abs=1e-14)
    assert found.kind == "expanding"


class Networks(Game):
    """A small GAN in float32 with batch normalisation, dropout and the draw's noise: all that could be disturbed."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.generator = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2))
        self.discriminator = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Dropout(0.3), nn.Linear(4, 1))

    @property
    def players(self):
        return {"discriminator": self.discriminator, "generator": self.generator}

    def costs(self, names, draw):
        fake = self.generator(draw.normal("latent", 2))
        real, false = self.discriminator(draw.normal("data", 2)), self.discriminator(fake)
        both = {
            "discriminator": {"real": softplus(-real).mean(), "fake": softplus(false).mean()},
            "generator": {"fake": softplus(-false).mean()},
        }
        return {name: both[name] for name in names}


def test_looking_changes_no_weights_gradients_buffers_or_random_state():
    game = Networks()
    for parameter in game.parameters():
        parameter.grad = torch.ones_like(parameter)
    before = {key: value.clone() for key, value in game.state_dict().items()}
    torch.manual_seed(1)
    random = torch.get_rng_state()
    first = field_spectrum(game, TURN)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[key]) for key, value in game.state_dict().items())
    assert all(torch.equal(p.grad, torch.ones_like(p)) and p.requires_grad for p in game.parameters())
    assert all(p.dtype == torch.float32 for p in game.parameters())
    torch.manual_seed(2)
    assert field_spectrum(game, TURN) == first


def test_a_float32_game_is_linearised_in_float64_on_the_same_noise():
    game = Networks().eval()
    linear, double = linearised(game, TURN)
    assert double
    assert {value.dtype for value in linear.outputs.values()} == {torch.float64}
    costs = game(["generator"], TURN)["generator"]["fake"]
    wanted = dict(game.generator.named_parameters())
    single = torch.autograd.grad(costs, list(wanted.values()))
    for key, gradient in zip(wanted, single, strict=True):
        assert torch.allclose(linear.outputs[f"generator.{key}"].float(), gradient, atol=1e-6)


def test_a_game_that_keeps_float32_constants_is_linearised_in_its_own_type_and_says_so():
    constant = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    game = Vectors(lambda t, p: (t @ (constant @ t), p @ (constant @ p)), theta=2, psi=2, dtype=torch.float32)
    found = field_spectrum(game, TURN)
    assert not found.double
    close(found.eigenvalues, [-2, -2, -4, -4], 1e-6)
    assert found.kind == "node"


def test_at_another_point_the_spectrum_is_that_of_the_other_point():
    game = Vectors(lambda t, p: (t.pow(4).sum(), p.pow(2).sum()))
    found = field_spectrum(game, TURN, at={"theta.value": torch.full((1,), 2.0, dtype=torch.float64)})
    close(found.eigenvalues, [-48, -2])


def test_a_parameter_that_is_not_finite_is_named():
    game = dirac()
    with torch.no_grad():
        game.psi.value.fill_(math.nan)
    with pytest.raises(RunFailed, match=r"psi\.value is not finite"):
        field_spectrum(game, TURN)


def test_a_gradient_that_is_not_finite_is_named():
    game = Vectors(lambda t, p: (t.abs().sqrt().sum(), p.square().sum()))
    with pytest.raises(RunFailed, match=r"theta\.value is not finite"):
        field_spectrum(game, TURN)


def test_a_cost_that_does_not_depend_on_its_player_is_named():
    with pytest.raises(RunFailed, match="'discriminator' does not depend"):
        field_spectrum(Vectors(lambda t, p: ((t * p).sum(), t.square().sum())), TURN)


def test_products_with_a_jacobian_are_those_of_the_matrix_and_unconnected_pieces_are_zero():
    x = {"a": torch.randn(3, 2, dtype=torch.float64), "b": torch.randn(4, dtype=torch.float64)}
    x = {key: value.requires_grad_() for key, value in x.items()}

    def f(a, b):
        return a.square().sum(1)[:, None] * b.sin()[None, :2], b**3, torch.ones(2, dtype=torch.float64)

    linear = Linear(x, dict(zip("pqr", f(*x.values()), strict=True)), create_graph=True)
    u = {key: torch.randn_like(value) for key, value in x.items()}
    known = torch.func.jvp(f, tuple(v.detach() for v in x.values()), tuple(u.values()))[1]
    for found, expected in zip(linear.times(u).values(), known, strict=True):
        assert torch.allclose(found, expected, atol=1e-14)
    w = {"p": torch.randn(3, 2, dtype=torch.float64), "q": torch.randn(4, dtype=torch.float64)}
    inner = sum((linear.times(u)[key] * w[key]).sum() for key in w)
    other = sum((linear.transposed(w)[key] * u[key]).sum() for key in u)
    assert torch.allclose(inner, other, atol=1e-12)
    assert torch.equal(linear.times({"a": u["a"]})["q"], torch.zeros(4, dtype=torch.float64))
    assert linear.dense().shape == (12, 10)


def test_products_stay_differentiable_in_the_inputs_where_asked():
    b = torch.randn(4, dtype=torch.float64).requires_grad_()
    linear = Linear({"b": b}, {"y": b**3}, create_graph=True)
    (found,) = torch.autograd.grad(linear.times({"b": torch.ones_like(b)})["y"].sum(), b)
    assert torch.allclose(found, 6 * b)


def test_many_vectors_at_once_are_the_same_vectors_one_by_one():
    linear, _ = linearised(Networks(), TURN)
    rows = torch.randn(5, linear.size, dtype=torch.float64)
    alone = torch.cat([linear.block(row[None]) for row in rows])
    assert torch.allclose(linear.block(rows), alone, atol=1e-12)

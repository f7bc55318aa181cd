"""A GEBM on laws with closed forms: its constant, its density, the law of its chains, and what it learns."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from torch import Tensor, nn

from pushforward import Draw, Energy, Flow, Generator, Latent, Objective, Sampler, UserError
from pushforward.field import Field
from pushforward_gan.interpolated import ZeroCentred
from pushforward_gan.objectives import Hinge, NonSaturating
from pushforward_gan.remembered_penalties import LeCam
from pushforward_gebm.game import GEBM
from pushforward_gebm.kale import KALE, DonskerVaradhan
from pushforward_gebm.penalties import SquaredEnergies
from pushforward_gebm.samplers import HMC, MALA, KineticLangevin

DOUBLE = torch.float64
W, MU = [[1.2, 0.3], [-0.4, 0.8]], [0.5, -1.0]


class Affine(Flow):
    """x = W z + mu."""

    def __init__(self, matrix: list[list[float]], shift: list[float]) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.tensor(matrix, dtype=torch.float64))
        self.shift = nn.Parameter(torch.tensor(shift, dtype=torch.float64))
        self.shape = (len(shift),)

    def push(self, z: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return z @ self.matrix.T + self.shift, torch.linalg.slogdet(self.matrix).logabsdet.expand(len(z))

    def pull(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        z = torch.linalg.solve(self.matrix, (x - self.shift).T).T
        return z, -torch.linalg.slogdet(self.matrix).logabsdet.expand(len(x))


class Linear(Energy):
    """E = -a.x."""

    def __init__(self, a: list[float]) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a, dtype=torch.float64))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return -(x @ self.a)


class Quadratic(Energy):
    """E = x.Qx / 2."""

    def __init__(self, q: list[list[float]]) -> None:
        super().__init__()
        self.q = nn.Parameter(torch.tensor(q, dtype=torch.float64))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return 0.5 * ((x @ self.q) * x).sum(1)


class Pushed(Generator):
    """x = 2 z + 1, without a density."""

    def __init__(self, law: str) -> None:
        super().__init__()
        self.latent, self.scale = Latent(2, law), nn.Parameter(torch.tensor(2.0, dtype=DOUBLE))

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.scale * z + 1


def draw(n: int, *key: object) -> Draw:
    return Draw(0, key, n, dtype=DOUBLE)


def turn(n: int, mean: float = 0.0, *key: object) -> Draw:
    return draw(n, *key).with_data(draw(n, "data", *key).normal("x", 2) + mean)


def test_the_log_partition_of_a_linear_energy_on_the_standard_normal_law_is_known() -> None:
    game = GEBM(Affine([[1, 0], [0, 1]], [0, 0]), Linear([0.6, -0.8]))
    found = game.log_partition()
    assert abs(found.log_z - 0.5) < 4 * found.standard_error < 0.02
    assert found.n == found.evaluations == 100_000 and not found.warning


def test_the_log_partition_of_a_linear_energy_on_an_affine_base_is_known() -> None:
    base, a = Affine(W, MU), torch.tensor([0.5, -0.4], dtype=DOUBLE)
    found = GEBM(base, Linear(a.tolist())).log_partition()
    expected = 0.5 * (base.matrix.T @ a).square().sum() + a @ base.shift
    assert abs(found.log_z - expected.item()) < 4 * found.standard_error < 0.02


def test_the_log_partition_is_kept_until_a_weight_changes_in_whatever_way() -> None:
    game = GEBM(Affine(W, MU), Linear([0.5, 0.5]), partition_samples=1000)
    first = game.log_partition()
    assert game.log_partition() is first
    with torch.no_grad():
        game.energy.a.mul_(2)
    second = game.log_partition()
    assert second.log_z != first.log_z
    kept = game.energy.a.data
    game.energy.a.data = kept / 2  # as averaged weights are put in place: torch counts no change
    assert game.log_partition().log_z == first.log_z
    game.base.shift.data = game.base.shift.data + 1
    assert abs(game.log_partition().log_z - first.log_z - 1) < 1e-9  # a constant of a.(1, 1) = 1


def test_a_log_partition_that_cannot_be_trusted_says_so() -> None:
    game = GEBM(Affine([[1, 0], [0, 1]], [0, 0]), Linear([8.0, 0.0]), partition_samples=1000)
    with pytest.warns(UserWarning, match="k-hat"):
        game.log_density(torch.zeros(1, 2, dtype=DOUBLE))


def test_the_density_is_that_of_the_tilted_normal_law() -> None:
    # G = N(mu, WW'), E = -a.x: the model is N(mu + WW'a, WW').
    base, a = Affine(W, MU), torch.tensor([0.5, -0.4], dtype=DOUBLE)
    game = GEBM(base, Linear(a.tolist()))
    covariance = base.matrix.detach() @ base.matrix.detach().T
    truth = torch.distributions.MultivariateNormal(base.shift.detach() + covariance @ a, covariance)
    x = draw(50).normal("x", 2)
    error = game.log_density(x) - truth.log_prob(x)
    assert error.std() < 1e-12  # only the constant is estimated
    assert abs(error.mean().item()) < 4 * game.log_partition().standard_error


def test_chains_with_a_linear_energy_have_the_law_of_the_shifted_noise() -> None:
    n, base, a = 20_000, Affine(W, MU), torch.tensor([1.0, 0.7], dtype=DOUBLE)
    game = GEBM(base, Linear(a.tolist()), chain_steps=40, sampler=MALA(0.7))
    z, facts = game.chains(draw(n))
    # Noise of law N(W'a, I): means within four standard errors, entries of the covariance likewise.
    assert (z.mean(0) - base.matrix.T @ a).abs().max() < 4 / math.sqrt(n)
    assert (torch.cov(z.T) - torch.eye(2)).abs().max() < 4 * math.sqrt(2 / n)
    assert 0.8 < facts["acceptance"] < 1 and facts["non_finite"] == 0


def test_chains_with_a_quadratic_energy_have_the_summed_precision() -> None:
    n, base = 20_000, Affine(W, [0, 0])
    q = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=DOUBLE)
    game = GEBM(base, Quadratic(q.tolist()), chain_steps=40, sampler=MALA(0.4))
    z, _ = game.chains(draw(n))
    w = base.matrix.detach()
    covariance = torch.linalg.inv(torch.eye(2, dtype=DOUBLE) + w.T @ q @ w)
    assert (torch.cov(z.T) - covariance).abs().max() < 4 * math.sqrt(2 / n) * covariance.diagonal().max()
    x = game.sample(n, draw(n))
    pushed = w @ covariance @ w.T
    assert (torch.cov(x.T) - pushed).abs().max() < 4 * math.sqrt(2 / n) * pushed.diagonal().max()


def test_candidates_alone_come_near_the_law_and_chains_close_the_gap() -> None:
    n, a = 20_000, 1.5
    far = [GEBM(Affine([[1, 0], [0, 1]], [0, 0]), Linear([a, 0.0]), candidates=k, chain_steps=0) for k in (1, 4, 32)]
    gaps = [abs(game.sample(n, draw(n))[:, 0].mean().item() - a) for game in far]
    assert abs(gaps[0] - a) < 4 / math.sqrt(n)  # one candidate is the base itself
    assert gaps[0] > gaps[1] > gaps[2] > 0.02
    near = GEBM(Affine([[1, 0], [0, 1]], [0, 0]), Linear([a, 0.0]), candidates=4, chain_steps=40, sampler=MALA(0.7))
    assert abs(near.sample(n, draw(n))[:, 0].mean().item() - a) < 4 / math.sqrt(n)


@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_a_generator_without_density_is_sampled_just_as_well(law: str) -> None:
    n, game = 20_000, GEBM(Pushed(law), Linear([0.5, 0.0]), chain_steps=60, sampler=MALA(0.5))
    x = game.sample(n, draw(n))
    # E = -x/2 with x = 2z + 1 tilts p(z) by exp(z): N(1, 1), or coth(1) - 1 as mean of a uniform law.
    mean = 1.0 if law == "normal" else 1 / math.tanh(1) - 1
    assert abs((x[:, 0].mean().item() - 1) / 2 - mean) < 4 / math.sqrt(n)
    assert law == "normal" or ((x >= -1).all() and (x <= 3).all())
    with pytest.raises(UserError, match="a density where its base is a flow: this one's is Pushed"):
        game.log_density(x)


def test_a_sample_is_a_function_of_its_own_row_of_the_draw() -> None:
    game, whole = GEBM(Affine(W, MU), Linear([0.5, -0.4]), chain_steps=3), draw(6)
    pieces = [game.sample(part.n, part) for part in whole.parts(2)]
    assert torch.allclose(game.sample(6, whole), torch.cat(pieces), atol=1e-12)


def test_an_energy_learns_the_log_ratio_of_two_normal_laws() -> None:
    # P = N(1, I), G = N(0, I): the best energy is -(x_1 + x_2), its log-partition 1, and KALE is 1.
    game = GEBM(Affine([[1, 0], [0, 1]], [0, 0]), Linear([0.0, 0.0]))
    field, optimizer = Field(game), torch.optim.Adam(game.players["energy"].parameters(), lr=0.02)
    kale = []
    for i in range(400):
        for group in optimizer.param_groups:
            group["lr"] = 0.04 * (1 - i / 400)
        field.deal([turn(2000, 1.0, i)])
        direction = field()
        for key, gradient in direction.gradients.items():
            field.live[key].grad = gradient
        optimizer.step()
        kale.append(-direction.terms["energy"]["objective"].item())
    assert (game.energy.a - 1).abs().max() < 0.05
    assert abs(game.log_partition_guess.value.item() - 1) < 0.1
    assert abs(sum(kale[-50:]) / 50 - 1) < 0.05


def test_a_base_that_does_not_play_keeps_its_weights_and_its_mode() -> None:
    game = GEBM(Affine(W, MU), Linear([0.1, 0.1]))
    game.train()
    assert not game.base.training and game.energy.training
    assert list(game.players) == ["energy"] and game.averaged == ("energy",)
    assert set(Field(game).live) == {"energy.a", "log_partition_guess.value"}
    assert not game.base.matrix.requires_grad


def test_a_trained_base_moves_last_and_towards_the_data() -> None:
    game = GEBM(Affine([[1, 0], [0, 1]], [0, 0]), Linear([1.0, 0.0]), DonskerVaradhan(), train_base=True)
    field = Field(game)
    assert list(game.players) == ["energy", "base"] and game.averaged == ("energy", "base")
    field.deal([turn(500, 1.0)] * 3)
    joint, base = field(), field(["base"])
    assert joint.gradients["base.shift"].tolist() == pytest.approx([-1.0, 0.0])  # minus a, whatever the samples
    assert torch.equal(joint.gradients["base.shift"], base.gradients["base.shift"])
    assert not set(base.gradients) & set(field(["energy"]).gradients)


def test_penalties_see_the_energy_as_a_critic_between_data_and_base() -> None:
    game = GEBM(Affine(W, MU), Linear([3.0, 4.0]), penalties=[ZeroCentred(0.2), SquaredEnergies(0.5)])
    field, dealt = Field(game), turn(10)
    field.deal([dealt])
    terms = field().terms["energy"]
    assert terms["zerocentred"].item() == pytest.approx(0.1 * 25)  # the slope is (3, 4) everywhere
    real, fake = game.energy(dealt.x), game.energy(game.from_base(dealt))
    assert torch.allclose(terms["squaredenergies"], 0.5 * (real.square().mean() + fake.square().mean()))


def test_a_penalty_that_remembers_is_told_of_the_energys_moves_alone() -> None:
    game = GEBM(Affine(W, MU), Linear([1.0, 0.0]), penalties=[LeCam()], train_base=True)
    seen = {"~logit-real": torch.tensor(1.0), "~logit-fake": torch.tensor(-1.0)}
    game.remember("base", turn(2), {})
    assert game.penalties[0].real == 0
    game.remember("energy", turn(2), seen)
    assert game.penalties[0].real > 0 > game.penalties[0].fake


def test_a_batch_in_parts_has_the_gradient_of_the_whole_under_kale() -> None:
    game = GEBM(Affine(W, MU), Linear([0.3, -0.2]), train_base=True)
    whole, halves = Field(game), Field(game, accumulate=2)
    for field in (whole, halves):
        field.deal([turn(10)])
    a, b = whole().gradients, halves().gradients
    assert all(torch.allclose(a[key], b[key]) for key in a)


@pytest.mark.parametrize("sampler", [MALA(0.6), HMC(0.5, 4), KineticLangevin(0.8)], ids=["mala", "hmc", "kinetic"])
@pytest.mark.parametrize("beta", [0.0, 1.0, 2.5])
def test_the_inverse_temperature_scales_the_shift_of_the_noise(beta: float, sampler: Sampler) -> None:
    # E = -a.x on x = W z + mu: noise is N(beta W'a, I); a quadratic energy adds beta W'QW to the precision.
    n, base, a = 4000, Affine(W, MU), torch.tensor([0.6, 0.4], dtype=DOUBLE)
    z, _ = GEBM(base, Linear(a.tolist()), beta=beta, sampler=sampler, chain_steps=30).chains(draw(n))
    assert (z.mean(0) - beta * base.matrix.T @ a).abs().max() < 4 / math.sqrt(n)
    q = torch.tensor([[1.0, 0.3], [0.3, 0.5]], dtype=DOUBLE)
    middle = Affine(W, [0, 0])
    z, _ = GEBM(middle, Quadratic(q.tolist()), beta=beta, sampler=sampler, chain_steps=30).chains(draw(n))
    covariance = torch.linalg.inv(torch.eye(2, dtype=DOUBLE) + beta * middle.matrix.T @ q @ middle.matrix)
    assert (torch.cov(z.T) - covariance).abs().max() < 4 * math.sqrt(2 / n) * covariance.diagonal().max()


def test_the_density_is_that_of_the_law_itself_whatever_the_temperature_of_samples() -> None:
    x, base = draw(5).normal("x", 2), Affine(W, MU)
    densities = [GEBM(base, Linear([0.5, 0.1]), beta=b, partition_samples=500).log_density(x) for b in (1.0, 100.0)]
    assert torch.equal(*densities)


def test_images_of_noise_are_moved_as_rows() -> None:
    class Picture(Affine):
        def __init__(self) -> None:
            super().__init__([[1, 0], [0, 1]], [0, 0])
            self.shape = (1, 1, 2)

        def to_data(self, z: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
            return z, z.new_zeros(len(z))

    class Tilted(Linear):
        def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
            return super().forward(x.flatten(1))

    game = GEBM(Picture(), Tilted([1.0, 0.0]), sampler=HMC(0.5, 4), chain_steps=20)
    x = game.sample(3000, draw(3000))
    assert x.shape == (3000, 1, 1, 2) and abs(x[:, 0, 0, 0].mean().item() - 1) < 4 / math.sqrt(3000)


def test_an_objective_whose_best_critic_is_no_log_ratio_is_refused() -> None:
    with pytest.raises(UserError, match="best critic of Hinge is no log-ratio"):
        GEBM(Affine(W, MU), Linear([1.0, 0.0]), objective=Hinge())


@pytest.mark.parametrize("objective", [KALE(), DonskerVaradhan(), NonSaturating()], ids=["kale", "dv", "logistic"])
def test_every_objective_finds_the_log_ratio(objective: Objective) -> None:
    # P = N(1, I), G = N(0, I), E = -a.x: the best is a = (1, 1), and c = 1 where the objective sees it.
    game = GEBM(Affine([[1, 0], [0, 1]], [0, 0]), Linear([0.0, 0.0]), objective=objective)
    field, optimizer = Field(game), torch.optim.Adam(game.players["energy"].parameters(), lr=0.04)
    for i in range(250):
        optimizer.param_groups[0]["lr"] = 0.04 * (1 - i / 250)
        field.deal([turn(1000, 1.0, i)])
        for key, gradient in field().gradients.items():
            field.live[key].grad = gradient
        optimizer.step()
    assert (game.energy.a - 1).abs().max() < 0.1
    if not isinstance(objective, DonskerVaradhan):
        assert abs(game.log_partition_guess.value.item() - 1) < 0.15


def test_a_row_that_is_no_number_leaves_the_others_alone() -> None:
    game, x = GEBM(Affine(W, MU), Linear([0.5, 0.5]), partition_samples=500), draw(4).normal("x", 2)
    whole = game.log_density(x)
    x[1] = math.nan
    found = game.log_density(x)
    assert found[1].isnan() and torch.equal(found[[0, 2, 3]], whole[[0, 2, 3]])


@pytest.mark.parametrize(
    ("name", "value"), [("beta", -1.0), ("candidates", 0), ("chain_steps", -1), ("partition_samples", 1)]
)
def test_numbers_out_of_range_are_refused_in_a_sentence(name: str, value: float) -> None:
    with pytest.raises(UserError, match=f"{name} is {value}: expected at least"):
        GEBM(Affine(W, MU), Linear([1.0, 0.0]), **{name: value})


def test_classes_are_refused() -> None:
    base = Affine(W, MU)
    with pytest.raises(UserError, match="knows no classes"):
        GEBM(base, Linear([1.0, 0.0])).sample(2, draw(2), torch.zeros(2, dtype=torch.int64))
    base.conditional = True
    with pytest.raises(UserError, match="the base wants classes"):
        GEBM(base, Linear([1.0, 0.0]))


def test_a_model_that_was_sampled_has_no_gradients_left_behind() -> None:
    game = GEBM(Affine(W, MU), Linear([1.0, 0.0]), train_base=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        game.sample(5, draw(5))
    assert all(p.grad is None for p in game.parameters())

"""The two-player game: what it computes, what it refuses, and the Dirac-GAN inside it."""

import pytest
import torch
from torch import nn

from pushforward import Discriminator, Draw, Generator, Latent, UserError
from pushforward.adapters import NetworkDiscriminator, NetworkGenerator
from pushforward.field import Field
from pushforward_gan.game import GAN
from pushforward_gan.networks import MLP
from pushforward_gan.objectives import Minimax, RelativisticPaired, Wasserstein
from pushforward_gan.penalties import R1, R2


class Point(Generator):
    """All samples at theta."""

    def __init__(self, theta):
        super().__init__()
        self.latent = Latent(1)
        self.theta = nn.Parameter(torch.tensor([theta], dtype=torch.float64))

    def forward(self, z, condition=None):
        return self.theta.expand(z.shape[0], 1)


class Slope(Discriminator):
    """D(x) = psi x."""

    def __init__(self, psi):
        super().__init__()
        self.psi = nn.Parameter(torch.tensor([psi], dtype=torch.float64))

    def forward(self, x, condition=None):
        return (x * self.psi).squeeze(1)


def draw_at_zero(n=4):
    return Draw(0, (0, 0), n, dtype=torch.float64).with_data(torch.zeros(n, 1, dtype=torch.float64))


def dirac(theta, psi, objective, penalties=()):
    field = Field(GAN(Point(theta), Slope(psi), objective, list(penalties)))
    field.deal([draw_at_zero()])
    direction = field()
    return float(direction.gradients["generator.theta"]), float(direction.gradients["discriminator.psi"])


@pytest.mark.parametrize(("theta", "psi"), [(0.7, -0.4), (1.3, 0.9)])
def test_the_dirac_gan_has_the_field_of_its_closed_form(theta, psi):
    sigma = lambda t: float(torch.sigmoid(torch.tensor(t, dtype=torch.float64)))  # noqa: E731
    gamma = 0.3
    g, d = dirac(theta, psi, Minimax(), [R1(gamma)])
    assert g == pytest.approx(-psi * sigma(psi * theta))
    assert d == pytest.approx(theta * sigma(psi * theta) + gamma * psi)
    assert dirac(theta, psi, Wasserstein()) == pytest.approx((-psi, theta))


def test_two_penalties_add_in_one_gradient():
    _, alone = dirac(0.0, 0.5, Wasserstein(), [R1(0.3)])
    _, both = dirac(0.0, 0.5, Wasserstein(), [R1(0.3), R2(0.2)])
    assert (alone, both) == pytest.approx((0.15, 0.25))


def test_the_discriminators_cost_keeps_no_graph_to_the_generator(small_gan):
    game = small_gan()
    draw = Draw(0, (0, 0), 5, dtype=torch.float64)
    costs = game.costs(["discriminator"], draw.with_data(draw.normal("data", 2)))
    assert set(costs) == {"discriminator"}
    found = torch.autograd.grad(
        sum(costs["discriminator"].values()), list(game.generator.parameters()), allow_unused=True
    )
    assert all(g is None for g in found)


def test_real_data_are_not_scored_for_a_generator_that_does_not_need_them(small_gan):
    game = small_gan()
    seen = []
    game.discriminator.register_forward_hook(lambda module, inputs, out: seen.append(inputs[0].shape[0]))
    draw = Draw(0, (0, 0), 5, dtype=torch.float64)
    game.costs(["generator"], draw.with_data(draw.normal("data", 2)))
    assert seen == [5]
    paired = small_gan(RelativisticPaired(), [])
    paired.discriminator.register_forward_hook(lambda module, inputs, out: seen.append(inputs[0].shape[0]))
    paired.costs(["generator"], draw.with_data(draw.normal("data", 2)))
    assert seen == [5, 10]


def test_a_critic_whose_output_would_broadcast_is_refused():
    class Wrong(Slope):
        def forward(self, x, condition=None):
            return x.sum()

    field = Field(GAN(Point(1.0), Wrong(1.0), Wasserstein()))
    field.deal([draw_at_zero()])
    with pytest.raises(ValueError, match=r"a critic gave logits of shape \(\) for 8 samples"):
        field(["discriminator"])


def test_a_generator_of_the_wrong_shape_is_named_with_both_shapes():
    with pytest.raises(UserError, match=r"a generator gave shape \(4, 3\): expected \(4, 2\)"):
        NetworkGenerator(lambda i, o: nn.Linear(16, 3), (2,)).sample(4)
    with pytest.raises(UserError, match="at least one number of noise"):
        NetworkGenerator(MLP, (2,), latent=0)


def test_patch_logits_are_averaged_over_locations():
    class Patches(Slope):
        def forward(self, x, condition=None):
            return (x * self.psi).view(-1, 1, 1).expand(-1, 2, 3)

    field = Field(GAN(Point(0.5), Patches(0.2), Wasserstein()))
    field.deal([draw_at_zero()])
    assert float(field(["generator"]).gradients["generator.theta"]) == pytest.approx(-0.2)


def test_a_penalty_on_slopes_refuses_a_critic_that_couples_samples():
    normed = lambda i, o: nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))  # noqa: E731
    critic = NetworkDiscriminator(normed, (2,))
    with pytest.raises(UserError, match="batch normalisation"):
        GAN(NetworkGenerator(MLP, (2,)), critic, penalties=[R1()])
    GAN(NetworkGenerator(MLP, (2,)), critic)


def test_a_conditional_gan_sees_its_labels():
    game = GAN(
        NetworkGenerator(MLP, (2,), classes=3, conditional=True),
        NetworkDiscriminator(MLP, (2,), classes=3, conditional=True),
    )
    draw = Draw(0, (0,), 6)
    labels = torch.arange(6) % 3
    costs = game.costs(["generator", "discriminator"], draw.with_data(draw.normal("data", 2), labels))
    assert set(costs) == {"generator", "discriminator"}
    one, two = (game.sample(6, draw, torch.full((6,), c)) for c in (0, 1))
    assert not torch.equal(one, two)
    with pytest.raises(UserError, match="no labels"):
        NetworkGenerator(MLP, (2,), conditional=True)


@pytest.mark.parametrize(("inputs", "outputs"), [((3,), ()), ((1, 8, 8), ()), ((5,), (1, 8, 8)), ((2,), (2,))])
def test_an_mlp_maps_shapes_to_shapes(inputs, outputs):
    net = MLP(inputs, outputs, width=7, depth=2)
    assert net(torch.randn(4, *inputs)).shape == (4, *outputs)
    assert net(torch.randn(0, *inputs)).shape == (0, *outputs)

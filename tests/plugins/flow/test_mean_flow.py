"""A mean velocity satisfies its identity, is learned by any smooth network, and makes the classes it is asked for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pushforward import Draw, Latent, UserError
from pushforward_flow.mean_flow import MeanFlow
from pushforward_flow.mean_velocity import MeanVelocity, NetworkMeanVelocity


class Known(MeanVelocity):
    """The mean velocity of x' = a x: (e^{a (r - t)} - 1) / (r - t) x, known in closed form."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.shape, self.latent = (1,), Latent(1)
        self.rate = nn.Parameter(torch.tensor(rate, dtype=torch.float64))

    def velocity(self, x: Tensor, t: Tensor, r: Tensor, condition: Tensor | None = None) -> Tensor:
        gap = (r - t)[:, None]
        return torch.where(gap == 0, self.rate, torch.expm1(self.rate * gap) / torch.where(gap == 0, 1.0, gap)) * x


def smooth(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> nn.Module:
    return nn.Sequential(nn.Linear(*inputs, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, *outputs))


def trained(game: MeanFlow, rounds: int, data: Tensor, labels: Tensor | None = None) -> MeanFlow:
    optimizer = torch.optim.Adam(game.parameters(), lr=3e-3)
    for i in range(rounds):
        draw = Draw(0, (i,), len(data)).with_data(data, labels)
        cost = game.costs(("generator",), draw)["generator"]["mean-velocity"]
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
    return game


def test_the_mean_velocity_of_a_linear_equation_satisfies_the_identity_that_is_trained() -> None:
    # u = b + (r - t) du/dt along the flow, where b is the velocity itself
    known, x = Known(-0.7), torch.linspace(-2, 2, 6, dtype=torch.float64)[:, None]
    t, r = torch.full((6,), 0.2, dtype=torch.float64), torch.full((6,), 0.9, dtype=torch.float64)
    u, rate = torch.func.jvp(lambda x, t: known.velocity(x, t, r), (x, t), (-0.7 * x, torch.ones_like(t)))
    assert (u - (-0.7 * x + 0.7 * rate)).abs().max() < 1e-12


def test_one_step_of_the_mean_velocity_is_the_whole_solution() -> None:
    known, z = Known(-0.7), torch.linspace(-2, 2, 6, dtype=torch.float64)[:, None]
    assert (known(z) - z * torch.tensor(-0.7, dtype=torch.float64).exp()).abs().max() < 1e-12


def test_a_mean_flow_learns_one_point_and_samples_it_in_one_step() -> None:
    # one datum only: b is (m - x) / (1 - t), and u(z, 0, 1) = m - z whatever z is
    torch.manual_seed(0)
    game = trained(MeanFlow(NetworkMeanVelocity(smooth, (1,))), 500, torch.full((64, 1), 1.5))
    with torch.no_grad():
        x = game.sample(2000, Draw(1, ("sample",), 2000))
    assert abs(float(x.mean()) - 1.5) < 0.05 and float(x.std()) < 0.1


def test_a_conditional_mean_flow_makes_the_class_that_is_asked_for() -> None:
    torch.manual_seed(0)
    labels = torch.arange(64) % 2
    game = MeanFlow(NetworkMeanVelocity(smooth, (1,), classes=2, conditional=True))
    game = trained(game, 500, 3.0 * labels[:, None].float(), labels)
    with torch.no_grad():
        asked = game.sample(500, Draw(1, ("sample",), 500), torch.ones(500, dtype=torch.int64))
        in_turn = game.sample(500, Draw(1, ("sample",), 500))
    assert abs(float(asked.mean()) - 3) < 0.15 and float(asked.std()) < 0.3
    assert abs(float(in_turn[::2].mean())) < 0.15 and abs(float(in_turn[1::2].mean()) - 3) < 0.15
    with pytest.raises(UserError, match="the data have no labels"):
        game.costs(("generator",), Draw(0, (), 4).with_data(torch.zeros(4, 1)))


def test_a_network_without_forward_mode_derivatives_is_named() -> None:
    class Backward(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):  # type: ignore[no-untyped-def]
            return x.clone()

        @staticmethod
        def backward(ctx, g):  # type: ignore[no-untyped-def]
            return g

    class Only(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return Backward.apply(x)[:, :1]

    game = MeanFlow(NetworkMeanVelocity(lambda inputs, outputs: Only(), (1,)))
    with pytest.raises(UserError, match="mean-flow: the network allows no forward-mode derivative"):
        game.costs(("generator",), Draw(0, (), 4).with_data(torch.zeros(4, 1)))


def test_numbers_out_of_range_and_classes_that_are_not_there_are_refused() -> None:
    with pytest.raises(UserError, match="matching is 1.5"):
        MeanFlow(NetworkMeanVelocity(smooth, (2,)), matching=1.5)
    with pytest.raises(UserError, match="no labels to condition on"):
        NetworkMeanVelocity(smooth, (2,), conditional=True)
    with pytest.raises(UserError, match="not conditional: leave the class out"):
        MeanFlow(NetworkMeanVelocity(smooth, (2,))).sample(2, Draw(0, (), 2), torch.zeros(2, dtype=torch.int64))

"""Maximum likelihood ends where it must: at the entropy of the data, and no lower."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pushforward import Draw, RunFailed, UserError
from pushforward.testing.flows import moved_away
from pushforward_flow.autoregressive import MAF
from pushforward_flow.game import FlowGame
from pushforward_flow.spline import NSF


def whitened(n: int, d: int) -> Tensor:
    """Gaussian data whose own mean is 0 and covariance is 1, exactly."""
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = x - x.mean(0)
    return torch.linalg.solve_triangular(torch.linalg.cholesky(x.T @ x / n), x.T, upper=False).T


def turn(x: Tensor) -> Draw:
    return Draw(0, (0,), len(x), dtype=x.dtype).with_data(x)


def cost(game: FlowGame, x: Tensor) -> Tensor:
    return game.costs(("flow",), turn(x))["flow"]["negative-log-likelihood"]


def learned(x: Tensor, steps: int = 60) -> FlowGame:
    torch.manual_seed(0)
    game = FlowGame(MAF(tuple(x.shape[1:]), transforms=1, hidden=[])).double()
    optimizer = torch.optim.LBFGS(game.parameters(), max_iter=steps, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = cost(game, x)
        loss.backward()
        return loss

    optimizer.step(closure)
    return game


@pytest.mark.parametrize("d", [1, 2, 4])
def test_gaussian_data_are_learned_down_to_their_entropy_and_no_lower(d: int) -> None:
    # Of n rows a model with k spare parameters explains k / 2n nats too many: here the slopes of the log-scales.
    x, spare = whitened(20_000, d), d * (d - 1) / 2
    floor = d / 2 * math.log(2 * math.pi * math.e)
    found = cost(learned(x), x).item()
    assert floor - 10 * (spare + 1) / 20_000 < found < floor + 1e-4


def test_scaled_and_rotated_gaussian_data_cost_the_log_determinant_more() -> None:
    mix = torch.tensor([[2.0, 0.0], [1.5, 0.3]], dtype=torch.float64)
    x = whitened(20_000, 2) @ mix.T + torch.tensor([3.0, -1.0], dtype=torch.float64)
    floor = math.log(2 * math.pi * math.e) + math.log(0.6)
    assert abs(cost(learned(x, 200), x).item() - floor) < 1e-3


def test_the_cost_is_minus_the_mean_log_density_of_the_turn() -> None:
    game, x = FlowGame(MAF((2,))).double(), whitened(50, 2)
    assert torch.equal(cost(game, x), -game.log_density(x).mean())
    assert game.costs((), turn(x)) == {}


def test_samples_are_a_function_of_the_draw() -> None:
    game = FlowGame(MAF((2,)))
    assert torch.equal(game.sample(5, Draw(0, (1,), 5)), game.sample(5, Draw(0, (1,), 5)))
    assert not torch.equal(game.sample(5, Draw(0, (1,), 5)), game.sample(5, Draw(0, (2,), 5)))


def test_the_flow_plays_alone_is_averaged_and_is_held() -> None:
    game = FlowGame(MAF((2,)))
    assert game.players == {"flow": game.flow}
    assert game.averaged == ("flow",)
    assert game.held("flow") is game.flow


def test_a_class_is_refused_by_a_flow_that_knows_none() -> None:
    game, labels = FlowGame(MAF((2,))), torch.zeros(3, dtype=torch.int64)
    with pytest.raises(UserError, match="MAF is not conditional"):
        game.sample(3, Draw(0, (), 3), labels)
    with pytest.raises(UserError, match="MAF is not conditional"):
        game.log_density(torch.zeros(3, 2), labels)


def test_without_a_class_a_conditional_flow_is_the_equal_mixture_of_its_classes() -> None:
    torch.manual_seed(0)
    game = FlowGame(moved_away(MAF((2,), classes=3, conditional=True)))
    x = whitened(20, 2)
    each = torch.stack([game.log_density(x, torch.full((20,), k)) for k in range(3)]).exp()
    assert (game.log_density(x).exp() - each.mean(0)).abs().max() < 1e-12
    draw = Draw(0, (1,), 6, dtype=torch.float64)
    assert torch.equal(game.sample(6, draw), game.sample(6, draw, torch.tensor([0, 1, 2, 0, 1, 2])))


def test_data_outside_of_a_compact_domain_stop_the_run_with_a_sentence() -> None:
    game = FlowGame(NSF((2,), domain="box"))
    with pytest.raises(RunFailed, match=r"2 of 3 rows of data lie outside \[0, 1\]"):
        cost(game, torch.tensor([[0.5, 0.5], [0.5, 1.5], [-0.1, 0.2]]))


def test_a_compiled_flow_has_the_costs_and_gradients_of_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f: plain(f, backend="aot_eager"))  # as inductor, without its minutes
    x = whitened(50, 2)
    costs, slopes = [], []
    for compile in (False, True):
        torch.manual_seed(0)
        game = FlowGame(NSF((2,), transforms=2), compile=compile)
        game.flow = moved_away(game.flow)
        costs.append(cost(game, x))
        slopes.append(torch.autograd.grad(costs[-1], list(game.parameters())))
    assert abs(costs[0] - costs[1]) < 1e-12
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(*slopes, strict=True))


def test_what_does_not_compile_says_so() -> None:
    flow = MAF((2,))
    flow.compiles = False
    with pytest.raises(UserError, match="MAF does not compile to one graph"):
        FlowGame(flow, compile=True)

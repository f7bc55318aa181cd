"""A flow of images: squeezing, mixing and splitting lose nothing, and normalising layers begin as a batch says."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pushforward import Draw, UserError
from pushforward.testing import check_component
from pushforward.testing.flows import jacobians, moved_away
from pushforward_flow.actnorm import ActNorm
from pushforward_flow.game import FlowGame
from pushforward_flow.glow import Glow, squeezed, unsqueezed
from pushforward_flow.logit import Logit
from pushforward_targets.digits import Digits


def images(n: int, *shape: int) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_its_density_of_four_pixels_has_mass_one() -> None:
    check_component("flow", "glow", examples={"shape": (1, 2, 2), "scales": 1, "steps": 2, "width": 8})


def test_bent_by_splines_its_density_of_four_pixels_has_mass_one() -> None:
    check_component("flow", "glow", examples={"shape": (1, 2, 2), "scales": 1, "steps": 2, "width": 8, "bins": 4})


def test_behind_a_logit_it_knows_its_jacobian_and_comes_back() -> None:
    torch.manual_seed(0)
    flow = moved_away(Glow((1, 4, 4), scales=2, steps=2, width=8, bins=4, levels=256)).double()
    x = images(20, 1, 4, 4).clamp(-1, 1)  # a third of the pixels at the two ends
    z, log_det = flow.to_base(x)
    assert (log_det - torch.linalg.slogdet(jacobians(flow.to_base, x)).logabsdet).abs().max() < 1e-9
    back, against = flow.to_data(z)
    assert (back - x).abs().max() < 1e-9 and (log_det + against).abs().max() < 1e-9


def test_a_logit_spreads_out_the_ends_of_its_range_and_goes_on_as_straight_as_it_arrives() -> None:
    layer, x = Logit(1.25), torch.linspace(-2, 2, 401, dtype=torch.float64)[:, None]
    z, log_det = layer.to_base(x)
    share = 1e-3 + (1 - 2e-3) * (x / 1.25 + 1) / 2
    inside = x[:, 0].abs() <= 1.25
    assert torch.allclose(z[inside], 0.5 * share[inside].logit(), rtol=1e-9)
    end = layer.to_base(torch.full((1, 1), 1.25, dtype=torch.float64))
    assert torch.allclose(z[-1] - end[0], 0.75 * end[1].exp(), rtol=1e-9)
    back, against = layer.to_data(z)
    assert (back - x).abs().max() < 1e-12 and (log_det + against).abs().max() < 1e-9
    assert torch.allclose(log_det, jacobians(lambda row, _: layer.to_base(row[None]), x)[:, 0, 0].log(), rtol=1e-9)


def test_splines_begin_between_permutations_so_that_peaks_stay_on_their_pixels() -> None:
    torch.manual_seed(0)
    flow, x = Glow((1, 4, 4), scales=1, steps=3, width=4, bins=4), images(2, 1, 4, 4)
    jacobian = jacobians(flow.double().to_base, x)
    assert torch.allclose(jacobian.abs().sort(-1).values[..., :-1], torch.zeros(()).double())
    assert torch.allclose(jacobian.abs().amax(-1), torch.ones(()).double())


def test_squeezing_puts_every_square_into_channels_and_back() -> None:
    x = images(3, 2, 4, 6)
    assert torch.equal(squeezed(x), torch.nn.functional.pixel_unshuffle(x, 2))
    assert torch.equal(unsqueezed(squeezed(x)), x)
    assert squeezed(x[:0]).shape == (0, 8, 2, 3)


def test_two_scales_of_colour_know_their_jacobian() -> None:
    torch.manual_seed(0)
    flow = moved_away(Glow((3, 4, 4), scales=2, steps=2, width=8))
    x = images(2, 3, 4, 4)
    expected = torch.linalg.slogdet(jacobians(flow.to_base, x)).logabsdet
    assert (flow.to_base(x)[1] - expected).abs().max() < 1e-9


def test_noise_of_the_last_scale_moves_every_pixel_and_what_left_before_its_own_square() -> None:
    flow = moved_away(Glow((1, 4, 4), scales=2, steps=1, width=8))
    jacobian = jacobians(flow.to_data, images(1, 1, 4, 4))[0] != 0
    assert jacobian[:, 8:].all()
    assert (jacobian[:, :8].sum(0) == 4).all()


@torch.no_grad()
def test_a_normalising_layer_begins_with_the_moments_of_a_batch_channel_by_channel() -> None:
    layer, x = ActNorm((3, 4, 4)).double(), 5 + 2 * images(50, 3, 4, 4)
    layer.beginning = True
    z, log_det = layer.to_base(x)
    assert z.mean((0, 2, 3)).abs().max() < 1e-12 and (z.var((0, 2, 3), correction=0) - 1).abs().max() < 1e-12
    deviation = x.var((0, 2, 3), correction=0).sqrt()
    assert (log_det + 16 * deviation.log().sum()).abs().max() < 1e-9


@torch.no_grad()
def test_a_constant_channel_is_shifted_and_not_scaled() -> None:
    layer, x = ActNorm((2,)).double(), torch.stack([torch.full((9,), 3.0), images(9)], 1).double()
    layer.beginning = True
    z, log_det = layer.to_base(x)
    assert z[:, 0].abs().max() < 1e-12 and bool(log_det.isfinite().all())


def test_costs_write_nothing_and_the_first_turn_is_remembered_once() -> None:
    target = Digits()
    torch.manual_seed(0)
    game = FlowGame(Glow(target.shape, 2, 1, 8), target, dequantise=True)
    draw = Draw(0, (0,), 64)
    draw = draw.with_data(*target.batch(draw))
    before = {key: value.clone() for key, value in game.state_dict().items()}
    game.costs(("flow",), draw)
    assert all(torch.equal(value, before[key]) for key, value in game.state_dict().items())
    game.remember("flow", draw, {})
    norms = [part for part in game.flow.modules() if isinstance(part, ActNorm)]
    assert all(part.begun for part in norms)
    first = target.dequantised(draw.x, draw)
    again, _ = norms[0].to_base(squeezed(first))
    assert again.mean((0, 2, 3)).abs().max() < 1e-5 and (again.std((0, 2, 3)) - 1).abs().max() < 1e-2
    kept = norms[0].mean.clone()
    target.dequantised = None  # type: ignore[assignment]  # nobody asks for it: nothing is read after the first turn
    game.remember("flow", draw.with_data(draw.x + 1), {})
    assert torch.equal(kept, norms[0].mean)


def test_dequantised_data_stay_in_their_cells_and_follow_the_draw() -> None:
    target = Digits()
    draw = Draw(0, (0,), 200)
    x = target.batch(draw).x
    noisy = target.dequantised(x, draw)
    assert (noisy - x).abs().max() <= target.cell / 2 == 1 / 16
    assert torch.equal(noisy, target.dequantised(x, draw))
    assert torch.equal(noisy[100:], target.dequantised(x[100:], draw.parts(2)[1]))
    spread = float((noisy - x).std())
    assert abs(spread - target.cell / math.sqrt(12)) < 4 * spread / math.sqrt(x.numel())  # a uniform law's, 4 errors


def test_images_that_cannot_be_halved_and_data_without_levels_are_refused() -> None:
    with pytest.raises(UserError, match=r"data of shape \(1, 6, 6\): expected .* multiples of 4 for 2 scales"):
        Glow((1, 6, 6), 2)
    with pytest.raises(UserError, match=r"data of shape \(2,\)"):
        Glow((2,))
    with pytest.raises(UserError, match="steps 0"):
        Glow((1, 4, 4), steps=0)
    with pytest.raises(UserError, match="dequantise is for data that are rounded"):
        FlowGame(Glow((1, 4, 4)), None, dequantise=True)


@torch.no_grad()
@pytest.mark.parametrize(("mean", "deviation"), [(0.3, 0.0), (0.7, 0.0), (1000.0, 0.1)])
def test_float32_knows_a_constant_channel_and_a_narrow_one_far_from_zero(mean: float, deviation: float) -> None:
    layer, noise = ActNorm((1,)), images(4096)[:, None]
    layer.beginning = True
    layer.to_base((mean + deviation * noise).float())
    assert abs(float(layer.deviation) - (deviation or 1.0)) < 1e-2

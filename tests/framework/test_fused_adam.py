"""The lean step of Adam is torch's own to the bit, whatever happens between two steps."""

import copy

import pytest
import torch
from torch import nn

from pushforward.fused_adam import FusedAdam


def pair(dtype=torch.float32):
    """Two copies of three parameters, one under each optimizer."""
    draw = torch.Generator().manual_seed(0)
    values = [torch.randn(shape, generator=draw, dtype=dtype) for shape in ((3, 4), (4,), (2, 2, 3, 3))]
    ours, torchs = ([nn.Parameter(v.clone()) for v in values] for _ in range(2))
    numbers = {"lr": 1e-2, "betas": (0.5, 0.9), "weight_decay": 0.1}
    return ours, FusedAdam(ours, **numbers), torchs, torch.optim.Adam(torchs, fused=True, **numbers)


def one_step(k, ours, lean, torchs, plain, without=()):
    draw = torch.Generator().manual_seed(1 + k)
    for i, (a, b) in enumerate(zip(ours, torchs, strict=True)):
        gradient = torch.randn(a.shape, generator=draw, dtype=a.dtype)
        a.grad, b.grad = (None, None) if i in without else (gradient.clone(), gradient.clone())
    lean.step(), plain.step()
    assert all(torch.equal(a, b) for a, b in zip(ours, torchs, strict=True))
    for a, b in zip(ours, torchs, strict=True):
        kept, own = plain.state[b], lean.state[a]
        assert kept.keys() == own.keys() and all(torch.equal(kept[key], own[key]) for key in kept)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_steps_and_moments_are_torchs_also_when_numbers_move_and_gradients_are_missing(dtype):
    ours, lean, torchs, plain = pair(dtype)
    for k in range(8):
        for optimizer in (lean, plain):
            optimizer.param_groups[0].update(lr=1e-2 / (1 + k), betas=(0.0, 0.9 + 0.01 * k))
        one_step(k, ours, lean, torchs, plain, without={0: (1,), 4: (0, 2)}.get(k, ()))


def test_moments_that_are_loaded_are_the_ones_that_go_on():
    ours, lean, torchs, plain = pair()
    for k in range(3):
        one_step(k, ours, lean, torchs, plain)
    saved = copy.deepcopy(plain.state_dict())
    for k in range(3, 6):
        one_step(k, ours, lean, torchs, plain)
    lean.load_state_dict(copy.deepcopy(saved)), plain.load_state_dict(copy.deepcopy(saved))
    assert int(lean.state[ours[0]]["step"]) == 3
    for k in range(6, 9):
        one_step(k, ours, lean, torchs, plain)


def test_a_copy_of_the_optimizer_goes_on_from_where_it_is():
    weights = torch.nn.Parameter(torch.ones(3))
    optimizer = FusedAdam([weights], lr=0.1)
    for _ in range(2):
        weights.grad = torch.ones(3)
        optimizer.step()
    other = copy.deepcopy(optimizer)
    (copied,) = other.param_groups[0]["params"]
    for parameter, owner in ((weights, optimizer), (copied, other)):
        parameter.grad = torch.full((3,), 2.0)
        owner.step()
    assert torch.equal(weights, copied)

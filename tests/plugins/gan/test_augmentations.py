"""Augmentations: nothing at a chance of zero, the same for every part of a turn, and steered by the critic's signs."""

import pytest
import torch

from pushforward import Draw, UserError
from pushforward_gan.adaptive import Adaptive
from pushforward_gan.augmentations import DiffAugment, Flip, InstanceNoise

POLICIES = [["colour"], ["shift"], ["cutout"], ["colour", "shift", "cutout"]]


def images(n=6, size=8, dtype=torch.float64):
    draw = Draw(3, (0, 0), n, dtype=dtype)
    return draw.normal("images", 2, size, size), draw


@pytest.mark.parametrize(
    "change", [*(DiffAugment(p, 0.0) for p in POLICIES), Flip(0.0), Adaptive(), InstanceNoise(0.0)]
)
def test_at_a_chance_of_zero_it_is_the_identity_bit_for_bit(change):
    x, draw = images()
    assert torch.equal(change(x, draw), x)


@pytest.mark.parametrize("change", [*(DiffAugment(p, 0.5) for p in POLICIES), Flip(), InstanceNoise()])
def test_parts_of_a_turn_are_changed_as_the_whole(change):
    x, draw = images()
    parts = draw.parts(2)
    halves = [change(x[slice(*part.rows)], part) for part in parts]
    assert torch.equal(torch.cat(halves), change(x, draw))
    assert not torch.equal(change(x, draw), x)


@pytest.mark.parametrize("policy", POLICIES)
def test_gradients_pass_through(policy):
    x, draw = images(2, 4)
    assert torch.autograd.gradcheck(lambda x: DiffAugment(policy)(x, draw), x.requires_grad_())


def test_a_shift_moves_every_pixel_by_the_same_way_and_brings_zeros_in():
    x, draw = images(50)
    moved = DiffAugment(["shift"])(x + 10, draw)
    for before, after in zip(x + 10, moved, strict=True):
        ways = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if _is_shifted(before, after, i, j)]
        assert len(ways) == 1


def _is_shifted(before, after, i, j):
    padded = torch.nn.functional.pad(before, (1, 1, 1, 1))
    return torch.equal(padded[:, 1 + i : 9 + i, 1 + j : 9 + j], after)


def test_a_cutout_of_half_the_size_is_zero_and_the_rest_is_left():
    x, draw = images(200)
    cut = DiffAugment(["cutout"])(x, draw)
    gone = (cut == 0).all(1).flatten(1).sum(1)
    assert gone.max() == 16 and gone.min() >= 4  # at a corner a quarter of it is inside
    assert torch.equal(cut[cut != 0], x[cut != 0])


def test_noise_has_the_spread_that_was_asked_for():
    draw = Draw(0, (0,), 20_000)
    x = torch.zeros(20_000, 3)
    assert float(InstanceNoise(0.3)(x, draw).std()) == pytest.approx(0.3, rel=0.01)


@pytest.mark.parametrize("change", [DiffAugment(), Flip(), Adaptive()])
def test_vectors_are_refused_where_images_are_needed(change):
    with pytest.raises(UserError, match=r"changes images \(C, H, W\): the samples have shape \(3,\)"):
        change(torch.zeros(4, 3), Draw(0, (0,), 4))


@pytest.mark.parametrize(("sign", "after"), [(1.0, 1.0), (0.2, 0.0)])
def test_the_chance_rises_from_0_to_1_in_500_000_images(sign, after):
    change = Adaptive([Flip()])
    x, draw = torch.zeros(500, 1, 2, 2), Draw(0, (0,), 500)
    for k in range(1000):
        if sign == 1.0 and k == 500:
            assert float(change.p) == pytest.approx(0.5)
        change(x, draw)
        change.remember({"~sign-real": torch.tensor(sign)})
    assert float(change.p) == pytest.approx(after)


def test_what_has_no_chance_to_adapt_is_refused():
    with pytest.raises(UserError, match="InstanceNoise is not applied by chance"):
        Adaptive([InstanceNoise()])

"""What objectives and penalties keep: single finite numbers, gradients that reach whom they should, one convention."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pushforward.adapters import NetworkGenerator
from pushforward.game import OBSERVED
from pushforward.randomness import Draw
from pushforward.roles.adversarial import Penalty
from pushforward.testing.stand_ins import tiny_network
from pushforward.testing.subject import Subject, require

LARGE = 1e4
N = 8


def gives_single_numbers(subject: Subject) -> None:
    """Both costs are single numbers, for batches of different sizes unless it says `pairs`"""
    objective = subject.make()
    real, fake = _logits(N), _logits(N if objective.pairs else N - 3, 1)
    for name, value in _costs(objective, real, fake).items():
        require(isinstance(value, Tensor) and value.ndim == 0, f"the {name}'s has shape {tuple(value.shape)}")


def is_finite_at_large_logits(subject: Subject) -> None:
    """Costs and gradients are finite at logits of 1e4, wherever the cost does not grow exponentially"""
    objective = subject.make()
    for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        modest = _costs(objective, *(torch.full((N,), s * 80.0, dtype=torch.float64) for s in (a, b)))
        real, fake = (torch.full((N,), s * LARGE, requires_grad=True) for s in (a, b))
        for name, value in _costs(objective, real, fake).items():
            if not float(modest[name].abs()) < 1e9:  # as large as exp(80): at 1e4 it is beyond any float
                continue
            where = f"the {name}'s at real {a * LARGE:g} and fake {b * LARGE:g}"
            require(value.isfinite(), f"{where} is {float(value.detach())}")
            found = torch.autograd.grad(value, [real, fake], allow_unused=True, retain_graph=True)
            require(all(g is None or g.isfinite().all() for g in found), f"the gradient of {where} is not finite")


def pulls_the_right_way(subject: Subject) -> None:
    """High logits mean real: the discriminator wants them so, and the generator wants its own to be high"""
    objective = subject.make()
    real, fake = (torch.zeros(N, requires_grad=True) for _ in range(2))
    costs = _costs(objective, real, fake)
    up, down = torch.autograd.grad(costs["discriminator"], [real, fake], allow_unused=True)
    require(up is not None or down is not None, "the discriminator's cost has no gradient in any logit")
    require(up is None or up.sum() <= 0, "at equal logits the discriminator wants real data to score lower")
    require(down is None or down.sum() >= 0, "at equal logits the discriminator wants generated data to score higher")
    (own,) = torch.autograd.grad(costs["generator"], [fake], allow_unused=True)
    require(own is not None, "the generator's cost has no gradient in the logits of generated data")
    require(own.sum() <= 0, "at equal logits the generator wants its data to score lower")


def asks_for_real_data_as_it_says(subject: Subject) -> None:
    """The generator's cost reads real logits only if it says `generator_needs_real`"""
    objective = subject.make()
    if objective.generator_needs_real:
        return
    without = objective.generator(_logits(N))
    require(without.ndim == 0, f"without real logits it has shape {tuple(without.shape)}")
    given = objective.generator(_logits(N), _logits(N, 1))
    require(torch.equal(without, given), "it depends on real logits")


def is_nothing_for_a_constant(subject: Subject) -> None:
    """A penalty is zero for a constant critic: give one that wants another slope examples in which it wants none"""
    penalty, (real, fake, draw) = subject.make(), _batch()
    level = 3.0 if penalty.per_sample else 0.0  # one that is not about slopes may ask for a level
    value = penalty(lambda x: x.flatten(1).sum(1) * 0 + level, real, fake, draw)
    require(value.ndim == 0, f"it has shape {tuple(value.shape)}: expected one number")
    require(abs(float(value.detach())) <= 1e-12, f"it is {float(value.detach()):.6g}")


def reaches_the_critic(subject: Subject) -> None:
    """A penalty is one finite number, in proportion to its weight, whose gradient reaches the critic"""
    penalty, critic, (real, fake, draw) = subject.make(), _critic(), _batch()
    value = penalty(critic, real, fake, draw)
    require(value.ndim == 0 and value.isfinite(), f"it is {value}")
    found = torch.autograd.grad(value, list(critic.parameters()), allow_unused=True)
    require(any(g is not None and bool(g.any()) for g in found), "no gradient reaches the critic's parameters")
    before = float(penalty(critic, real, fake, draw).detach())
    penalty.weight = 2 * penalty.weight
    after = float(penalty(critic, real, fake, draw).detach())
    require(abs(after - 2 * before) <= 1e-6 * abs(after), f"twice the weight makes {before:.6g} to {after:.6g}")


def is_a_mean_over_samples(subject: Subject) -> None:
    """A penalty of a batch is the mean of those of its halves, unless its record says `couples-samples`"""
    if "couples-samples" in subject.component.traits:
        return
    penalty, critic, (real, fake, draw) = subject.make(), _critic(), _batch()
    whole = penalty(critic, real, fake, draw)
    halves = [_of_rows(penalty, critic, real, fake, part) for part in draw.parts(2)]
    off = abs(float((whole - torch.stack(halves).mean()).detach()))
    require(off <= 1e-8, f"they differ by {off:.3g}: take what each sample draws from the draw, by name")


def reaches_the_generator(subject: Subject) -> None:
    """A generator penalty is finite terms, at least one of them no observation, whose gradient reaches the generator"""
    penalty, generator, draw = subject.make(), _generator(), Draw(0, ("contract",), N, dtype=torch.float64)
    z = generator.latent.sample(draw)
    terms = penalty(generator, z, generator(z), draw)
    costs = [value for name, value in terms.items() if not name.startswith(OBSERVED)]
    require(costs, f"it gave {', '.join(terms) or 'no terms'}: expected at least one that is a cost")
    for name, value in terms.items():
        require(value.ndim == 0 and value.isfinite(), f"{name} is {value}")
    found = torch.autograd.grad(torch.stack(costs).sum(), list(generator.parameters()), allow_unused=True)
    require(any(g is not None and bool(g.any()) for g in found), "no gradient reaches the generator's parameters")


def changes_samples_alike(subject: Subject) -> None:
    """An augmentation keeps shapes, repeats, lets gradients through, and changes parts of a turn as the whole"""
    change, draw = subject.make(), Draw(0, ("contract",), N, dtype=torch.float64)
    x = draw.normal("images", 3, 8, 8).requires_grad_()
    whole = change(x, draw)
    require(whole.shape == x.shape, f"it made shape {tuple(whole.shape)} of {tuple(x.shape)}")
    require(torch.equal(whole, change(x, draw)), "asked twice, it changed the same samples differently")
    halves = torch.cat([change(x[slice(*part.rows)], part) for part in draw.parts(2)])
    require(torch.equal(whole, halves), "halves of a turn are changed otherwise: take what is drawn from the draw")
    (gradient,) = torch.autograd.grad(whole.sum(), x)
    require(bool(gradient.any()), "no gradient passes through it")


GENERATOR_PENALTY = (reaches_the_generator,)
AUGMENTATION = (changes_samples_alike,)
OBJECTIVE = (gives_single_numbers, is_finite_at_large_logits, pulls_the_right_way, asks_for_real_data_as_it_says)
PENALTY = (is_nothing_for_a_constant, reaches_the_critic, is_a_mean_over_samples)


def _costs(objective: object, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    needed = real if objective.generator_needs_real else None  # type: ignore[attr-defined]
    return {
        "discriminator": objective.discriminator(real, fake),  # type: ignore[attr-defined]
        "generator": objective.generator(fake, needed),  # type: ignore[attr-defined]
    }


def _of_rows(penalty: Penalty, critic: nn.Module, real: Tensor, fake: Tensor, part: Draw) -> Tensor:
    own = slice(*part.rows)
    return penalty(critic, real[own], fake[own], part)


def _logits(n: int, seed: int = 0) -> Tensor:
    return 0.5 * torch.randn(n, generator=torch.Generator().manual_seed(seed))


def _batch() -> tuple[Tensor, Tensor, Draw]:
    draw = Draw(0, ("contract",), N, dtype=torch.float64)
    real, fake = draw.normal("real", 2), draw.normal("fake", 2) + 1
    return real, fake, draw.with_data(real)


def _generator() -> NetworkGenerator:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return NetworkGenerator(tiny_network, (2,), latent=3).double()


def _critic() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return tiny_network((2,), ()).double()

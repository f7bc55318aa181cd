"""What the leading eight eigenvalues of a GAN's game Jacobian cost beside scipy's Arnoldi on torch.func.jvp.

Both see one game: rings/gan with R1 after some rounds, in float64, at the same point and on the same turn; both are
asked for the same eigenvalues to a residual of 1e-8 of each: the least stable (largest real part of minus the
Jacobian), which lead a field, and those of largest modulus. scipy runs as it is called, eigs(k=8), and for the first
kind also with a basis as large as ours. The peer writes the costs and the penalty
with torch.func, as it must, and its products are held equal to ours. Interleaved, one thread, one process.
Run: python benchmarks/spectrum.py [repeats] [width]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import statistics
import sys
import time

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigs
from torch.func import functional_call, grad, jvp
from torch.nn.functional import softplus
from torch.profiler import ProfilerActivity, profile

from pushforward import Draw, build
from pushforward.check import plan_recipe
from pushforward.field import Field
from pushforward.spectrum import field_spectrum, linearised

BATCH, GAMMA, WANTED, TOLERANCE, ROUNDS = 512, 0.1, 8, 1e-8, 500


def rings(generator: torch.Generator) -> torch.Tensor:
    radius = torch.tensor([1.0, 2.0, 3.0])[torch.randint(3, (BATCH,), generator=generator)]
    radius = radius + 0.05 * torch.randn(BATCH, generator=generator)
    angle = 2 * torch.pi * torch.rand(BATCH, generator=generator)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)


def trained(width: int):
    """The game of rings/gan after a few rounds of alternating Adam, and a turn to look at it."""
    widths = [f"model.{player}.width={width}" for player in ("generator", "discriminator")]
    game = build(plan_recipe("rings/gan", widths)).play.game
    data, field = torch.Generator().manual_seed(0), Field(game)
    steps = {name: torch.optim.Adam(own.values(), 1e-3, (0.0, 0.99)) for name, own in field.own.items()}
    for k in range(ROUNDS):
        for name, step in steps.items():
            field.deal([Draw(0, (k, name), BATCH, x=rings(data))])
            gradients = field([name]).gradients
            for key, parameter in field.own[name].items():
                parameter.grad = gradients[key]
            step.step()
    game.double()
    return game, Draw(0, (ROUNDS, 0), BATCH, x=rings(data).double(), dtype=torch.float64)


class Peer:
    """The same field as a function of one flat vector, for torch.func.jvp and scipy."""

    def __init__(self, game, draw) -> None:
        self.game, self.real = game, draw.x
        self.noise = game.generator.latent.sample(draw)
        self.players = {name: dict(module.named_parameters()) for name, module in game.players.items()}
        self.sizes = [p.numel() for own in self.players.values() for p in own.values()]
        self.flat = torch.cat([p.detach().flatten() for own in self.players.values() for p in own.values()])
        self.products = 0

    def unflatten(self, flat):
        pieces = iter(flat.split(self.sizes))
        return {n: {k: next(pieces).view_as(p) for k, p in own.items()} for n, own in self.players.items()}

    def field(self, flat):
        at = self.unflatten(flat)
        d, g = self.game.discriminator, self.game.generator

        def generator(own):
            return softplus(-functional_call(d, at["discriminator"], (functional_call(g, own, (self.noise,)),))).mean()

        def discriminator(own, theirs):
            images = functional_call(g, theirs, (self.noise,))
            real, false = functional_call(d, own, (torch.cat([self.real, images]),)).split(BATCH)
            slopes = grad(lambda x: functional_call(d, own, (x,)).sum())(self.real)
            return softplus(-real).mean() + softplus(false).mean() + 0.5 * GAMMA * slopes.square().sum(1).mean()

        found = {
            "discriminator": grad(discriminator)(at["discriminator"], at["generator"]),
            "generator": grad(generator)(at["generator"]),
        }
        return torch.cat([found[n][k].flatten() for n, own in self.players.items() for k in own])

    def times(self, u: np.ndarray) -> np.ndarray:
        self.products += 1
        tangent = torch.from_numpy(np.ascontiguousarray(u.reshape(-1)))
        return -jvp(self.field, (self.flat,), (tangent,))[1].detach().numpy()

    def eigenvalues(self, which: str, basis: int | None) -> tuple[np.ndarray, np.ndarray]:
        self.products = 0
        start = np.random.default_rng(0).standard_normal(len(self.flat))
        operator = LinearOperator((len(self.flat),) * 2, self.times, dtype=np.float64)
        values, vectors = eigs(operator, k=WANTED, which=which, ncv=basis, tol=TOLERANCE, v0=start)
        return values, vectors


def main(repeats: int = 3, width: int = 64) -> None:
    torch.set_num_threads(1)
    game, draw = trained(width)
    peer = Peer(game, draw)
    linear, _ = linearised(game, draw)
    u = torch.randn(1, linear.size, dtype=torch.float64)
    ours, theirs = -linear.block(u)[0], torch.from_numpy(peer.times(u.numpy()))
    difference = float((ours - theirs).norm() / ours.norm())
    print(f"{linear.size} parameters, batch {BATCH}; products differ by {difference:.1e}")
    compare(game, draw, peer, repeats, "real", "LR", None)
    compare(game, draw, peer, repeats, "real", "LR", 96)
    compare(game, draw, peer, repeats, "modulus", "LM", None)
    where(game, draw, linear, u)


def compare(game, draw, peer: Peer, repeats: int, which, theirs: str, basis: int | None) -> None:
    """One kind of eigenvalues, ours and scipy's in turn."""
    mine: list[float] = []
    others: list[float] = []
    for _ in range(repeats):
        began = time.perf_counter()
        spectrum = field_spectrum(game, draw, wanted=WANTED, which=which, tolerance=TOLERANCE)
        mine.append(time.perf_counter() - began)
        began = time.perf_counter()
        values, vectors = peer.eigenvalues(theirs, basis)
        others.append(time.perf_counter() - began)
    used = peer.products
    left = max(
        np.linalg.norm(peer.times(v.real.copy()) + 1j * peer.times(v.imag.copy()) - value * v) / abs(value)
        for value, v in zip(values, vectors.T, strict=True)
    )
    right = max(r / abs(value) for r, value in zip(spectrum.residuals, spectrum.eigenvalues, strict=True))
    apart = max(min(abs(value - other) for other in spectrum.eigenvalues) for value in values)
    print(f"\nlargest {which}{'' if basis is None else f', scipy with a basis of {basis} as ours'}:")
    for name, times, products, residual in (
        ("pushforward", mine, spectrum.products, right),
        ("scipy on jvp", others, used, left),
    ):
        print(
            f"{name:>14}: {statistics.median(times):.3f} s, median of {len(times)}; {products} products,"
            f" largest residual {residual:.1e} of its eigenvalue"
        )
    ratios = sorted(b / a for a, b in zip(mine, others, strict=True))
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    print(f"{statistics.median(ratios):.2f} times as fast (quartiles {low:.2f} to {high:.2f}; asked: at least 2);")
    print(f"eigenvalues agree to {apart:.1e}, converged: {spectrum.converged}")


def where(game, draw, linear, u) -> None:
    """Where our time goes: products of one, and of several vectors at once, and the operations inside."""
    for count in (1, 2, 4, 8):
        rows, times = u.expand(count, -1).contiguous(), []
        for _ in range(7):
            began = time.perf_counter()
            linear.block(rows)
            times.append((time.perf_counter() - began) / count)
        print(f"block of {count}: {1e3 * statistics.median(times):.2f} ms a product")
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        field_spectrum(game, draw, wanted=WANTED, which="modulus")
    events = sorted(seen.key_averages(), key=lambda event: -event.self_cpu_time_total)
    total = sum(event.self_cpu_time_total for event in events)
    shares = ", ".join(f"{e.key.removeprefix('aten::')} {e.self_cpu_time_total / total:.0%}" for e in events[:6])
    print(f"inside torch: {shares}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""What a proposal of Hamiltonian Monte Carlo costs for 1,000 chains, beside torchebm and jitted blackjax.

Two targets of this framework, eight modes on a ring and sixteen pairs of the many-well, log p =
sum -a^4 + 6 a^2 + a/2 - b^2/2; and a function of one's own, log p = -x^2/2 - 2 (y - x^2)^2. All see the same formula,
begin at the same points in float32, and take the same step and number of leapfrog steps; the mean acceptance of each is
printed, so that the same thing is timed. Ours runs three ways: with the gradient in closed form, which is what a
target's `law` has; by automatic differentiation; and compiled. Compiling is timed apart, as is that of jax.
Interleaved, medians over repeats, one thread, one process; blackjax where jax is installed.
Run: python benchmarks/samplers.py [repeats] [proposals]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import math
import statistics
import sys
import time
import warnings
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

from pushforward import Draw
from pushforward.numerics.slopes import Sloped
from pushforward_gebm.samplers import HMC
from pushforward_targets.mixtures import GaussianMixture
from pushforward_targets.wells import ManyWell

CHAINS = 1000


def bent(x):
    a, b = x[:, 0], x[:, 1] - x[:, 0] ** 2
    return -0.5 * a**2 - 2 * b**2


def bent_slope(x):
    b = x[:, 1] - x[:, 0] ** 2
    return torch.stack([x[:, 0] * (8 * b - 1), -4 * b], 1)


def wells(x):
    a, b = x[:, ::2], x[:, 1::2]
    s = a * a
    return (s * (6 - s) + 0.5 * a - 0.5 * b * b).sum(1)


def ring(x):
    import jax

    means = RING.modes.numpy()
    return jax.nn.logsumexp(-0.5 * ((x[:, None] - means) ** 2).sum(2), axis=1)


RING = GaussianMixture([[4 * math.cos(a * math.pi / 4), 4 * math.sin(a * math.pi / 4)] for a in range(8)], 1.0)
WELLS = ManyWell(16)

# log-density, its gradient, the same for jax up to a constant, dimension, step, leapfrog steps
LAWS = {
    "eight modes, 2-D": (RING.log_density, RING.score, ring, 2, 0.4, 8),
    "many-well, 32-D": (WELLS.log_density, WELLS.score, wells, 32, 0.1, 8),
    "bent, 2-D": (bent, bent_slope, bent, 2, 0.2, 8),
}

Run = Callable[[int], float]  # from a repeat's number to the mean acceptance


def ours(law, slope, step: float, leaps: int, x: torch.Tensor, proposals: int) -> dict[str, Run]:
    """Our three ways."""
    ways = {
        "pushforward": (Sloped(law, slope), HMC(step, leaps)),
        "pushforward, differentiated": (law, HMC(step, leaps)),
        "pushforward, compiled": (Sloped(law, slope), HMC(step, leaps, compile=True)),
    }

    def run_of(density, sampler) -> Run:
        return lambda i: sampler.run(density, x, proposals, Draw(i, (), len(x)))[1]["acceptance"]

    return {name: run_of(*way) for name, way in ways.items()}


def torchebm(law, step: float, leaps: int, x: torch.Tensor, proposals: int) -> dict[str, Run]:
    """The peer in torch, which gives its acceptance only with other diagnostics, so that it is asked apart."""
    try:
        from torchebm.core import BaseModel
        from torchebm.samplers import HamiltonianMonteCarlo
    except ImportError:
        return {}

    class Energy(BaseModel):
        def forward(self, x):
            return -law(x)

    sampler = HamiltonianMonteCarlo(Energy(), step_size=step, n_leapfrog_steps=leaps)
    asked = sampler.sample(x=x, n_steps=proposals, return_diagnostics=True)[1]["acceptance_rate"].mean()

    def run(i: int) -> float:
        sampler.sample(x=x, n_steps=proposals)
        return float(asked)

    return {"torchebm": run}


def blackjax(law, step: float, leaps: int, x: torch.Tensor, proposals: int) -> dict[str, Run]:
    """The peer in jax: chains side by side by vmap, proposals by scan, all of it jitted."""
    try:
        import blackjax
        import jax
        import jax.numpy as jnp
    except ImportError:
        return {}

    def density(x):
        return law(x[None])[0]

    kernel = blackjax.hmc(
        density, step_size=step, inverse_mass_matrix=jnp.ones(x.shape[1]), num_integration_steps=leaps
    )
    start = jax.vmap(kernel.init)(jnp.asarray(x.numpy()))

    @jax.jit
    def chains(key, states):
        def one(states, key):
            states, info = jax.vmap(kernel.step)(jax.random.split(key, CHAINS), states)
            return states, info.acceptance_rate.mean()

        return jax.lax.scan(one, states, jax.random.split(key, proposals))

    return {"blackjax, jitted": lambda i: float(chains(jax.random.key(i), start)[1].mean())}


def main(repeats: int = 9, proposals: int = 50) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for name, (law, slope, in_jax, dimension, step, leaps) in LAWS.items():
        x = torch.randn(CHAINS, dimension, generator=torch.Generator().manual_seed(0))
        runs = ours(law, slope, step, leaps, x, proposals) | torchebm(law, step, leaps, x, proposals)
        runs |= blackjax(in_jax, step, leaps, x, proposals)
        first, acceptance = {}, {}
        for way, run in runs.items():
            began = time.perf_counter()
            acceptance[way] = run(0)
            first[way] = time.perf_counter() - began
        times: dict[str, list[float]] = {way: [] for way in runs}
        for i in range(repeats):
            for way, run in runs.items():
                began = time.perf_counter()
                run(i + 1)
                times[way].append((time.perf_counter() - began) / proposals)
        print(
            f"\n{name}: {CHAINS} chains, {leaps} leapfrog steps of {step}, medians of {repeats} x {proposals} proposals"
        )
        for way, each in times.items():
            low, high = sorted(each)[len(each) // 4], sorted(each)[-1 - len(each) // 4]
            beside = ""
            if "torchebm" in times:
                ratio = statistics.median(b / a for a, b in zip(each, times["torchebm"], strict=True))
                beside = f"; {ratio:.1f} times as fast as torchebm"
            print(
                f"{way:>28}: {1e3 * statistics.median(each):.3f} ms a proposal ({1e3 * low:.3f} to {1e3 * high:.3f}),"
                f" acceptance {acceptance[way]:.3f}, first call {first[way]:.1f} s{beside}"
            )
        where(Sloped(law, slope), step, leaps, x)


def where(law, step: float, leaps: int, x: torch.Tensor) -> None:
    """Where the time of our plain way goes."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        HMC(step, leaps).run(law, x, 20, Draw(0, (), len(x)))
    events = sorted(seen.key_averages(), key=lambda event: -event.self_cpu_time_total)
    total = sum(event.self_cpu_time_total for event in events)
    shares = ", ".join(f"{e.key.removeprefix('aten::')} {e.self_cpu_time_total / total:.0%}" for e in events[:6])
    print(f"inside torch: {shares}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

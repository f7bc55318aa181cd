"""Gradients a second of annealed and sequential Monte Carlo beside jitted blackjax, at equal temperatures and leaps.

One process, one thread, 2,000 particles, interleaved runs, medians of the processor's seconds, so that others on the
machine count for little; what a compiler takes before its first run is told apart. A gradient is one leapfrog step of
one particle; what else a move asks of the target is each contender's own affair. Peers are not dependencies: put jax
and blackjax on the path; without them only pushforward is timed.

Run: python benchmarks/annealing.py [--runs 5] [--temperatures 10] [--leaps 10] [--compile]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import pushforward
from pushforward import Draw, Target
from pushforward_neis.annealed import forward
from pushforward_neis.annealing import Annealing
from pushforward_neis.pilot import Schedule, find_schedule
from pushforward_neis.sequential import SequentialMonteCarlo

PARTICLES = 2000
GROUPS = 20

Run = Callable[[int], float]  # a seed to log Z


class Compiled(Target):
    """A target whose density and score are compiled."""

    def __init__(self, target: Target) -> None:
        self.shape = target.shape
        self.both = torch.compile(lambda x: (target.log_density(x), target.score(x)))
        self.slope = torch.compile(target.score)

    def score(self, x: Tensor) -> Tensor:
        """Its gradient."""
        return self.slope(x)

    def log_density_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both."""
        return self.both(x)


def ours(target: Target, schedule: Schedule, leaps: int) -> dict[str, Run]:
    """Both estimators at a given schedule."""

    def annealed(seed: int) -> float:
        way, part = Annealing(target, 1.0, leaps), Draw(seed, ("annealed",), PARTICLES)
        weights = forward(way, schedule, way.from_base(part), part)
        return float(weights.logsumexp(0)) - float(torch.tensor(PARTICLES).log())

    def sequential(seed: int) -> float:
        way, estimator = Annealing(target, 1.0, leaps), SequentialMonteCarlo(leaps=leaps, groups=GROUPS)
        draw = Draw(seed, ("sequential",), 1)
        (block,) = estimator._ended(way, schedule, draw, GROUPS, PARTICLES // GROUPS, samples=False)
        return float(block.log_z.logsumexp(0)) - float(torch.tensor(GROUPS).log())

    return {"annealed": annealed, "sequential": sequential}


def densities(name: str) -> Callable[[Any], Any]:
    """The target's log-density over that of N(0, I), in jax, for one point."""
    import jax
    import jax.numpy as jnp

    target: Any = pushforward.component("target", name)()
    if name == "breast-cancer":
        signed = jnp.asarray(target._signed.numpy(), jnp.float32)
        return lambda x: jax.nn.log_sigmoid(signed @ x).sum()
    base = 0.5 * len(target.shape) * jnp.log(2 * jnp.pi) * target.shape[0]

    def well(x: Any) -> Any:
        a, b = x[::2], x[1::2]
        return (-(a**4) + 6 * a**2 + 0.5 * a - 0.5 * b**2).sum() + 0.5 * (x**2).sum() + base

    return well


def theirs(name: str, schedule: Schedule, leaps: int) -> dict[str, Run]:
    """The same by blackjax, each a single compiled program."""
    import blackjax
    import blackjax.smc.resampling as resampling
    import jax
    import jax.numpy as jnp
    from blackjax.smc import extend_params

    dimension = schedule.steps.shape[1]
    log_likelihood = densities(name)
    betas = jnp.asarray(schedule.betas, jnp.float32)
    scales = jnp.asarray(schedule.steps.numpy() ** 2, jnp.float32)  # a step of one in coordinates of these variances

    def log_prior(x: Any) -> Any:
        return -0.5 * (x**2).sum() - 0.5 * dimension * jnp.log(2 * jnp.pi)

    kernel = blackjax.hmc.build_kernel()

    @jax.jit
    def annealed(key: Any) -> Any:
        first, key = jax.random.split(key)
        x = jax.random.normal(first, (PARTICLES, dimension))

        def turn(carry: Any, at: Any) -> Any:
            x, weights, key = carry
            before, beta, scale = at
            weights = weights + (beta - before) * jax.vmap(log_likelihood)(x)
            key, own = jax.random.split(key)

            def log_density(y: Any) -> Any:
                return log_prior(y) + beta * log_likelihood(y)

            def move(key: Any, y: Any) -> Any:
                state = blackjax.hmc.init(y, log_density)
                return kernel(key, state, log_density, 1.0, scale, leaps)[0].position

            return (jax.vmap(move)(jax.random.split(own, PARTICLES), x), weights, key), None

        (_, weights, _), _ = jax.lax.scan(turn, (x, jnp.zeros(PARTICLES), key), (betas[:-1], betas[1:], scales))
        return jax.scipy.special.logsumexp(weights) - jnp.log(PARTICLES)

    parameters = extend_params(
        {"step_size": jnp.ones(()), "inverse_mass_matrix": scales[-1], "num_integration_steps": jnp.asarray(leaps)}
    )
    sampler = blackjax.tempered_smc(
        log_prior, log_likelihood, kernel, blackjax.hmc.init, parameters, resampling.systematic, num_mcmc_steps=1
    )

    @jax.jit
    def sequential(key: Any) -> Any:
        first, key = jax.random.split(key)
        state = sampler.init(jax.random.normal(first, (PARTICLES, dimension)))

        def turn(carry: Any, beta: Any) -> Any:
            state, key, log_z = carry
            key, own = jax.random.split(key)
            state, info = sampler.step(own, state, tempering_param=beta)
            return (state, key, log_z + info.log_likelihood_increment), None

        (_, _, log_z), _ = jax.lax.scan(turn, (state, key, 0.0), betas[1:])
        return log_z

    return {
        "annealed": lambda seed: float(annealed(jax.random.PRNGKey(seed))),
        "sequential": lambda seed: float(sequential(jax.random.PRNGKey(seed))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--temperatures", type=int, default=10)
    parser.add_argument("--leaps", type=int, default=10)
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    leaps, gradients = arguments.leaps, PARTICLES * arguments.temperatures * arguments.leaps
    for name in ("breast-cancer", "many-well"):
        target = pushforward.component("target", name)()
        way = Annealing(target, 1.0, leaps)
        schedule = find_schedule(way, Draw(0, ("schedule",), 1), 128, 0.8, 10**9).of_length(arguments.temperatures)
        contenders = {"pushforward": ours(target, schedule, leaps)}
        if arguments.compile:
            contenders["pushforward, compiled target"] = ours(Compiled(target), schedule, leaps)
        try:
            contenders["blackjax"] = theirs(name, schedule, leaps)
        except ImportError as error:
            print(f"without blackjax: {error}")
        for kind in ("annealed", "sequential"):
            first, took = {}, {label: [] for label in contenders}
            for label, runs in contenders.items():
                began = time.process_time()
                runs[kind](0)
                first[label] = time.process_time() - began
            for i in range(arguments.runs):
                for label, runs in contenders.items():
                    began = time.process_time()
                    runs[kind](i + 1)
                    took[label].append(time.process_time() - began)
            for label, seconds in took.items():
                middle = statistics.median(seconds)
                moved = gradients if kind == "sequential" or label == "blackjax" else gradients - PARTICLES * leaps
                print(
                    f"{name:14} {kind:11} {label:29} {moved / middle:10.3g} gradients/s,"
                    f" {first[label] - middle:6.2f} s before the first",
                    flush=True,
                )


if __name__ == "__main__":
    main()

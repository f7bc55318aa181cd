"""What a neural tangent Gram matrix costs layer by layer, beside the materialised Jacobian: interleaved, one thread.

An MLP of the plane with three hidden layers of 255 units, 131,580 parameters, at 500 points in float64. The
peer is the usual way of torch.func: every point's gradient by vmap, then inner products, parameter by parameter.
Run: python benchmarks/tangent_gram.py [repeats] [points] [width] [depth]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import statistics
import sys
import time

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from pushforward_lab.tangent_kernels import ReluTangent
from pushforward_lab.wide_critic import WideNetwork, tangent_gram


def materialised(network: WideNetwork, x: Tensor) -> Tensor:
    """The Gram matrix of all gradients."""
    parameters = {name: p.detach() for name, p in network.named_parameters()}

    def value(point: dict[str, Tensor], row: Tensor) -> Tensor:
        return functional_call(network, point, (row[None],))[0]

    jacobian = vmap(grad(value), (None, 0))(parameters, x)
    total = torch.zeros(len(x), len(x), dtype=x.dtype)
    for rows in jacobian.values():
        flat = rows.flatten(1)
        total += flat @ flat.T
    return total


def timed(function, *args) -> tuple[float, Tensor]:
    began = time.perf_counter()
    found = function(*args)
    return time.perf_counter() - began, found


def main(repeats: int = 9, points: int = 500, width: int = 255, depth: int = 3) -> None:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    network = WideNetwork(ReluTangent(depth), 2, width, generator)
    x = 3 * torch.randn(points, 2, generator=generator, dtype=torch.float64)
    ours, theirs, ratios, off = [], [], [], 0.0
    for repeat in range(repeats + 1):
        fast, gram = timed(tangent_gram, network, x)
        slow, full = timed(materialised, network, x)
        off = max(off, float((gram - full).abs().max() / full.abs().max()))
        if repeat:  # the first one warms both up
            ours.append(fast)
            theirs.append(slow)
            ratios.append(slow / fast)
    ratios.sort()
    size = sum(p.numel() for p in network.parameters())
    print(f"{points} points, {size} parameters, {repeats} repeats; largest relative difference {off:.1e}")
    for name, times in (("layer by layer", ours), ("materialised", theirs)):
        print(f"{name:>14}: {1e3 * statistics.median(times):.2f} ms, median of {len(times)}")
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    print(f"ratio: {statistics.median(ratios):.1f} (quartiles {low:.1f} to {high:.1f}; asked: at least 50)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

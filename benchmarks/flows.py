"""Times of our flows against those of zuko, nflows and normflows, built alike: interleaved medians in one process.

Run: python benchmarks/flows.py [--rounds 15] [--compile] [--only NAME ...]
One thread, float32, dimension 16, 8 layers, networks of 128 and 128 units, 8 bins, a batch of 1,024. Each row says how
long ours took and how long each other one took in units of it. A library that is not installed is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
import warnings
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from pushforward_flow.autoregressive import MAF
from pushforward_flow.coupling import RealNVP
from pushforward_flow.spline import NSF

D, LAYERS, HIDDEN, BINS, BATCH, BOUND = 16, 8, [128, 128], 8, 1024, 5.0
NAMES = ("affine-coupling", "maf", "spline-coupling", "spline-autoregressive")


class Peer:
    """A flow of some library: log-densities of data, and samples."""

    def __init__(
        self, module: nn.Module, log_density: Callable[[Tensor], Tensor], sample: Callable[[int], object]
    ) -> None:
        self.module, self.log_density, self.sample = module, log_density, sample


def ours(name: str) -> Peer:
    """This project's."""
    flow = {
        "affine-coupling": lambda: RealNVP((D,), LAYERS, HIDDEN),
        "maf": lambda: MAF((D,), LAYERS, HIDDEN),
        "spline-coupling": lambda: NSF((D,), LAYERS, HIDDEN, BINS, coupling=True),
        "spline-autoregressive": lambda: NSF((D,), LAYERS, HIDDEN, BINS),
    }[name]()
    return Peer(flow, flow.log_density, flow.sample)


def ours_compiled(name: str) -> Peer:
    """The same with both directions compiled."""
    peer = ours(name)
    peer.module.compile()
    return peer


def zuko(name: str) -> Peer:
    """zuko's transforms under its own base law."""
    from functools import partial

    from zuko.distributions import DiagNormal
    from zuko.flows import Flow, MaskedAutoregressiveTransform, UnconditionalDistribution
    from zuko.flows.coupling import GeneralCouplingTransform
    from zuko.transforms import MonotonicRQSTransform

    bent = (
        {}
        if "spline" not in name
        else {
            "univariate": partial(MonotonicRQSTransform, bound=BOUND),
            "shapes": [(BINS,), (BINS,), (BINS - 1,)],
        }
    )
    order = torch.arange(D)
    layers = [
        GeneralCouplingTransform(D, mask=order % 2 == i % 2, hidden_features=HIDDEN, **bent)
        if "coupling" in name
        else MaskedAutoregressiveTransform(D, order=order if i % 2 else order.flip(0), hidden_features=HIDDEN, **bent)
        for i in range(LAYERS)
    ]
    flow = Flow(layers, UnconditionalDistribution(DiagNormal, torch.zeros(D), torch.ones(D), buffer=True))
    return Peer(flow, lambda x: flow().log_prob(x), lambda n: flow().sample((n,)))


def nflows(name: str) -> Peer:
    """nflows' transforms, each autoregressive one behind a reversal of coordinates."""
    from nflows import transforms as t
    from nflows.distributions import StandardNormal
    from nflows.flows import Flow
    from nflows.nn.nets import MLP

    order, layers = torch.arange(D), []
    made = {"hidden_features": HIDDEN[0], "num_blocks": len(HIDDEN), "use_residual_blocks": False}
    tails = {"num_bins": BINS, "tails": "linear", "tail_bound": BOUND}
    for i in range(LAYERS):
        if "coupling" in name:
            mask = (order + i) % 2

            def net(inputs: int, outputs: int) -> nn.Module:
                return _Contextless(MLP((inputs,), (outputs,), HIDDEN))

            bend = t.AffineCouplingTransform if "affine" in name else t.PiecewiseRationalQuadraticCouplingTransform
            layers.append(bend(mask, net, **({} if "affine" in name else tails)))
            continue
        layers.append(t.ReversePermutation(D))
        kind = t.MaskedAffineAutoregressiveTransform
        if "spline" in name:
            kind = t.MaskedPiecewiseRationalQuadraticAutoregressiveTransform
            layers.append(kind(D, **made, **tails))
        else:
            layers.append(kind(D, **made))
    flow = Flow(t.CompositeTransform(layers), StandardNormal([D]))
    return Peer(flow, flow.log_prob, flow.sample)


def normflows(name: str) -> Peer:
    """normflows' layers, autoregressive ones put the way in which a density takes one pass."""
    import normflows as nf

    layers: list[nn.Module] = []
    bent = {"num_bins": BINS, "tail_bound": BOUND}  # its networks for these have two layers in each of two blocks
    for i in range(LAYERS):
        if name == "affine-coupling":
            layers.append(nf.flows.MaskedAffineFlow(_checkered(i), _mlp(D, D), _mlp(D, D)))
        elif name == "maf":
            inner = nf.flows.MaskedAffineAutoregressive(D, HIDDEN[0], num_blocks=2, use_residual_blocks=False)
            layers += [_Turned(inner), nf.flows.Permute(D, mode="swap")]
        elif name == "spline-coupling":
            layers.append(nf.flows.CoupledRationalQuadraticSpline(D, 2, HIDDEN[0], **bent, reverse_mask=bool(i % 2)))
        else:
            layers += [
                nf.flows.AutoregressiveRationalQuadraticSpline(D, 2, HIDDEN[0], **bent),
                nf.flows.Permute(D, mode="swap"),
            ]
    flow = nf.NormalizingFlow(nf.distributions.DiagGaussian(D, trainable=False), layers)
    return Peer(flow, flow.log_prob, flow.sample)


class _Contextless(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        y: Tensor = self.inner(x)
        return y


class _Turned(nn.Module):
    """A layer of normflows with its two directions exchanged."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, z: Tensor) -> object:
        return self.inner.inverse(z)

    def inverse(self, x: Tensor) -> object:
        return self.inner.forward(x)


def _mlp(inputs: int, outputs: int) -> nn.Module:
    sizes = [inputs, *HIDDEN]
    hidden = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(HIDDEN[-1], outputs))


def _checkered(number: int) -> Tensor:
    return ((torch.arange(D) + number) % 2).float()


def with_backward(peer: Peer, x: Tensor) -> Callable[[], None]:
    """The mean log-density of a batch, and its gradient in every parameter."""

    def act() -> None:
        peer.log_density(x).mean().backward()
        peer.module.zero_grad()

    return act


def sampling(peer: Peer) -> Callable[[], None]:
    """A batch of samples, without gradients."""

    def act() -> None:
        with torch.no_grad():
            peer.sample(BATCH)

    return act


def medians(acts: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each, one of each in turn."""
    for act in acts.values():
        for _ in range(3):
            act()
    times: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(rounds):
        for name, act in acts.items():
            start = time.perf_counter()
            act()
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(each) for name, each in times.items()}


def main() -> None:
    """Every flow, with backward and sampling."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--compile", action="store_true", help="also time ours compiled; the first calls take minutes")
    parser.add_argument("--only", nargs="*", default=NAMES, choices=NAMES)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    libraries = {"ours": ours, **({"ours-compiled": ours_compiled} if arguments.compile else {})}
    libraries |= {f.__name__: f for f in (zuko, nflows, normflows) if importlib.util.find_spec(f.__name__)}
    x = torch.randn(BATCH, D, generator=torch.Generator().manual_seed(0))
    for name in arguments.only:
        torch.manual_seed(0)
        peers = {library: make(name) for library, make in libraries.items()}
        for what, acts in (
            ("log-density with backward", {key: with_backward(peer, x) for key, peer in peers.items()}),
            ("sampling", {key: sampling(peer) for key, peer in peers.items()}),
        ):
            found = medians(acts, arguments.rounds if what != "sampling" else max(3, arguments.rounds // 3))
            rest = "  ".join(f"{key} x{value / found['ours']:.2f}" for key, value in found.items() if key != "ours")
            print(f"{name:22} {what:26} ours {found['ours']:8.1f} ms  {rest}", flush=True)


if __name__ == "__main__":
    main()

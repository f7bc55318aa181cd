r"""KALE: the likelihood of data under an energy on a base law, as what the energy wants and as what the base wants.

.. math:: \mathrm{KALE}(P \,\|\, G) = \sup_{E, c}\; 1 - \mathbb{E}_P[E + c] - \mathbb{E}_G\bigl[e^{-(E + c)}\bigr]

It is never negative, zero for equal laws, and the Kullback-Leibler divergence where some E + c is log dG/dP. The best c
for an energy is its log-partition :math:`\log \mathbb{E}_G e^{-E}`; with it the value is
:math:`-\mathbb{E}_P E - \log \mathbb{E}_G e^{-E}`.

Reference: Arbel, Zhou, Gretton, "Generalized Energy Based Models", 2020, arXiv:2003.05033.
"""

from __future__ import annotations

import math

from torch import Tensor


def energy_cost(on_data: Tensor, on_base: Tensor, c: Tensor) -> Tensor:
    """Minus the bracket of KALE: what the energy and the scalar c want low; a mean over samples.

    Args:
        on_data: energies of data, (n,).
        on_base: energies of samples of the base, (m,).
        c: the present guess of the log-partition, one number.
    """
    return (on_data + c).mean() + (-(on_base + c)).exp().mean() - 1


def base_cost(on_data: Tensor, on_base: Tensor) -> Tensor:
    """KALE at the log-partition of the batch: what the base wants low.

    Its gradient weighs each sample of the base by its share of exp(-E), so that it is no mean over samples.
    """
    return -on_data.mean() - ((-on_base).logsumexp(0) - math.log(len(on_base)))

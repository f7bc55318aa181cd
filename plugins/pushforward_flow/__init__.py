"""Normalizing flows: invertible maps with exact densities, and the one-player game that trains any of them.

`plugin.py` lists what there is. `game.py` is maximum likelihood, for whatever has the `Flow` role. `layered.py` is a
flow of layers; `monotone.py` holds the maps of one number and `conditioner.py` the networks that describe them, of
which `autoregressive.py`, `coupling.py` and `spline.py` make architectures; `linear.py` mixes coordinates, and
`mixture.py` is a law of noise with several modes. `glow.py` is a flow of images, whose layers begin by `actnorm.py`;
`residual.py` moves points by contractions. `reverse_kl.py` fits a flow to a density, and `generator.py` puts one where
a generator stands.
`continuous.py` is the flow of a velocity, such as one of `fields.py`; `matching.py` learns it by regression along the
`paths.py` between pairs of `couplings.py`. `mean_flow.py` learns a `mean_velocity.py`, which makes samples in one step.
`matching_error.py` and `solver_evaluations.py` say how well a velocity fits and what it costs.
"""

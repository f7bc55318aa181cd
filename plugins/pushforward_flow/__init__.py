"""Normalizing flows: invertible maps with exact densities, and the one-player game that trains any of them.

`plugin.py` lists what there is. `game.py` is maximum likelihood, for whatever has the `Flow` role; `transforms.py` puts
transforms of zuko behind that role; `autoregressive.py`, `coupling.py` and `spline.py` hold one architecture each.
`continuous.py` is the flow of a velocity, which `matching.py` learns by regression along the `paths.py` between pairs
of `couplings.py`; `mean_flow.py` makes samples in one step.
"""

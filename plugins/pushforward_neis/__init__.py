"""NEIS: log Z by importance sampling along the trajectories of a learned velocity field.

`plugin.py` lists what there is. `estimator.py` holds the estimator itself and needs no learning; `game.py` learns the
velocity; `fields.py` holds velocities whose divergence is known in closed form; `descent.py` and `importance.py` hold
the optimizer of the paper and the baseline it is compared with.
"""

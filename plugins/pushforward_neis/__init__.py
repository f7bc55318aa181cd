"""NEIS: log Z by importance sampling along the trajectories of a learned velocity field.

`plugin.py` lists what there is. `estimator.py` holds the estimator itself and needs no learning; `game.py` learns the
velocity; `fields.py` holds velocities whose divergence is known in closed form; `descent.py` and `importance.py` hold
the optimizer of the paper and the baseline it is compared with.

Estimators that learn nothing stand beside it: `annealing.py` holds the path of temperatures and the move on it,
`pilot.py` finds temperatures and steps, `annealed.py`, `sequential.py` and `bridge.py` are what is made of them,
`flow_importance.py` takes a trained flow, and `estimation.py` makes a run of any of them.
"""

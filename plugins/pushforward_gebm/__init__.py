"""Generalised energy-based models: an energy that corrects a base law, with exact sampling in the base's latent space.

`plugin.py` lists what there is. `game.py` is the model; `kale.py` holds the two costs as formulas; `base_law.py` is a
generator or a flow seen through its noise; `partition.py` estimates the constant that gives the density mass one.
`samplers.py` holds Markov kernels.
"""

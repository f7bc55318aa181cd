"""Shapes: curves and surfaces, and the reparametrisations that bring one nearest to another.

`plugin.py` lists what there is.
"""

"""Targets: rings, moons and mixtures with known densities, digits, image folders, tables, and densities of one's own.

`plugin.py` lists them, `metadata.py` says without torch what each one is; every other file holds one target, or one
thing that several of them rest on.
"""

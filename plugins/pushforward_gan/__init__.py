"""Generative adversarial networks: objectives, penalties, networks and the two-player game."""

"""pushforward: generative models as games, from plugins, launched by recipes.

Every public name is loaded when it is first used, so that importing this package does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pushforward.hooks import hook
from pushforward.records import API, Component, Kind, Metadata

if TYPE_CHECKING:
    from pushforward.builder import build
    from pushforward.doubts import Doubt
    from pushforward.game import Costs, Game
    from pushforward.networks import Network
    from pushforward.optimizers import Optimizer
    from pushforward.problem import DataMissing, Problem, RunFailed, UserError
    from pushforward.projections import Ball, Box, Confined, Projection, Simplex
    from pushforward.public import component, load_recipe, open_run, run
    from pushforward.python_function import PythonFunction
    from pushforward.randomness import Draw, derive
    from pushforward.remembering import Remembering
    from pushforward.roles.adversarial import (
        Critic,
        GeneratorPenalty,
        Judge,
        Objective,
        Penalty,
        observations,
        one_logit_a_sample,
        penalty_terms,
        refuse_coupled,
        score_both,
        slope,
    )
    from pushforward.roles.augmentation import Augmentation
    from pushforward.roles.discriminator import Discriminator
    from pushforward.roles.energy import Energy
    from pushforward.roles.estimator import Estimate, Estimator, Features, Sampler
    from pushforward.roles.flow import Flow
    from pushforward.roles.generator import Generator, Latent
    from pushforward.roles.measure import Look, Measure, Value
    from pushforward.roles.target import Batch, Split, Target
    from pushforward.roles.tracker import RunInfo, Tracker
    from pushforward.roles.velocity import VelocityField
    from pushforward.roles.watcher import Watcher
    from pushforward.rules.rule import Move, Rule
    from pushforward.schedules import Schedule

_PUBLIC = {
    "build": "pushforward.builder",
    "Doubt": "pushforward.doubts",
    "Costs": "pushforward.game",
    "Game": "pushforward.game",
    "Network": "pushforward.networks",
    "Optimizer": "pushforward.optimizers",
    "DataMissing": "pushforward.problem",
    "Problem": "pushforward.problem",
    "RunFailed": "pushforward.problem",
    "UserError": "pushforward.problem",
    "Ball": "pushforward.projections",
    "Box": "pushforward.projections",
    "Confined": "pushforward.projections",
    "Projection": "pushforward.projections",
    "Simplex": "pushforward.projections",
    "component": "pushforward.public",
    "load_recipe": "pushforward.public",
    "open_run": "pushforward.public",
    "run": "pushforward.public",
    "PythonFunction": "pushforward.python_function",
    "Draw": "pushforward.randomness",
    "derive": "pushforward.randomness",
    "Critic": "pushforward.roles.adversarial",
    "GeneratorPenalty": "pushforward.roles.adversarial",
    "Judge": "pushforward.roles.adversarial",
    "Objective": "pushforward.roles.adversarial",
    "Penalty": "pushforward.roles.adversarial",
    "observations": "pushforward.roles.adversarial",
    "one_logit_a_sample": "pushforward.roles.adversarial",
    "penalty_terms": "pushforward.roles.adversarial",
    "refuse_coupled": "pushforward.roles.adversarial",
    "score_both": "pushforward.roles.adversarial",
    "slope": "pushforward.roles.adversarial",
    "Augmentation": "pushforward.roles.augmentation",
    "Remembering": "pushforward.remembering",
    "Discriminator": "pushforward.roles.discriminator",
    "Energy": "pushforward.roles.energy",
    "Estimate": "pushforward.roles.estimator",
    "Estimator": "pushforward.roles.estimator",
    "Features": "pushforward.roles.estimator",
    "Sampler": "pushforward.roles.estimator",
    "Flow": "pushforward.roles.flow",
    "Generator": "pushforward.roles.generator",
    "Latent": "pushforward.roles.generator",
    "Look": "pushforward.roles.measure",
    "Measure": "pushforward.roles.measure",
    "Value": "pushforward.roles.measure",
    "Batch": "pushforward.roles.target",
    "Split": "pushforward.roles.target",
    "Target": "pushforward.roles.target",
    "RunInfo": "pushforward.roles.tracker",
    "Tracker": "pushforward.roles.tracker",
    "VelocityField": "pushforward.roles.velocity",
    "Watcher": "pushforward.roles.watcher",
    "Move": "pushforward.rules.rule",
    "Rule": "pushforward.rules.rule",
    "Schedule": "pushforward.schedules",
}

__version__ = "0.1.0"
__all__ = ["API", "Component", "Kind", "Metadata", "hook", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'pushforward' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

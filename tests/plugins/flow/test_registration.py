"""What the flow plugin registers is there, is documented, keeps its arguments, and costs no import of torch."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from pushforward import Component, Flow, Game, Generator, Measure, VelocityField, build, load_recipe
from pushforward.signature import read_signature
from pushforward_flow import plugin

COMPONENTS = {f"{component.kind}/{component.name}": component for component in plugin.components()}
every = pytest.mark.parametrize("component", COMPONENTS.values(), ids=COMPONENTS)


@every
def test_a_component_has_its_role_and_its_static_signature_is_the_real_one(component: Component) -> None:
    module, _, name = component.at.partition(":")
    found = getattr(importlib.import_module(module), name)
    roles = {"generator": Generator, "velocity-field": VelocityField, "measure": Measure}
    roles |= {"model": Game, "flow": Flow}
    assert issubclass(found, roles[component.kind])
    assert list(read_signature(component.at).parameters) == list(inspect.signature(found).parameters)


@every
def test_every_argument_is_documented(component: Component) -> None:
    signature = read_signature(component.at)
    assert set(signature.manual()[1]) == set(signature.parameters)


@every
def test_every_argument_of_a_flow_is_kept_under_its_own_name(component: Component) -> None:
    if component.kind != "flow" or component.name == "continuous-flow":  # which needs a velocity
        return
    module, _, name = component.at.partition(":")
    shape = (1, 8, 8) if component.name == "glow" else (2,)
    made = getattr(importlib.import_module(module), name)(shape=shape)
    for argument, parameter in inspect.signature(type(made)).parameters.items():
        assert getattr(made, argument) == (shape if argument == "shape" else parameter.default)


@pytest.mark.parametrize(
    ("model", "coupling", "accumulate", "devices", "refused"),
    [
        ("flow-matching", "optimal-transport", 2, 1, True),
        ("flow-matching", "entropic", 1, 2, True),
        ("flow-matching", "optimal-transport", 1, 1, False),
        ("flow-matching", "independent", 2, 2, False),
        ("flow-matching", None, 2, 2, False),
        ("flow", None, 2, 2, False),
    ],
)
def test_pairs_of_a_whole_batch_are_refused_for_its_parts(
    model: str, coupling: str | None, accumulate: int, devices: int, refused: bool
) -> None:
    planned = SimpleNamespace(component=SimpleNamespace(name=model), argument={"coupling": coupling}.get)
    plan = SimpleNamespace(model=planned, trainer={"devices": devices}, value={"accumulate": accumulate}.get)
    problems = plugin.plan(plan)
    assert len(problems) == refused
    assert all("model.coupling" in str(problem) for problem in problems)


def test_a_network_of_ones_own_is_put_into_a_potential() -> None:
    own = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1), torch.nn.Flatten(0))
    recipe = load_recipe("eight-gaussians/flow-matching", ["model.velocity={use: potential-field, network: mlp}"])
    game = build(recipe, {"model.velocity.network": own}).play.game
    assert game.velocity.network is own


def test_listing_does_not_import_torch() -> None:
    code = """
import sys
from pushforward_flow import plugin
assert plugin.PUSHFORWARD_API == 1
print(len(plugin.components()), [name for name in ("torch", "zuko", "numpy") if name in sys.modules])
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split(maxsplit=1) == [str(len(COMPONENTS)), "[]\n"]

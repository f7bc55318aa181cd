"""What the flow plugin registers is there, is documented, keeps its arguments, and costs no import of torch."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys

import pytest

from pushforward import Component, Flow, Game, Measure, VelocityField
from pushforward.signature import read_signature
from pushforward_flow import plugin

COMPONENTS = {f"{component.kind}/{component.name}": component for component in plugin.components()}
every = pytest.mark.parametrize("component", COMPONENTS.values(), ids=COMPONENTS)


@every
def test_a_component_has_its_role_and_its_static_signature_is_the_real_one(component: Component) -> None:
    module, _, name = component.at.partition(":")
    found = getattr(importlib.import_module(module), name)
    roles = {"model": Game, "flow": Flow, "velocity-field": VelocityField, "measure": Measure}
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

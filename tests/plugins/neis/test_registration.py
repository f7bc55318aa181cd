"""What the plugin registers: it can be loaded, and listing it imports no torch."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys

import pytest

from pushforward import Component
from pushforward.registry import load
from pushforward_neis.plugin import components


@pytest.mark.parametrize("component", components(), ids=lambda c: c.name)
def test_every_component_loads_and_documents_each_argument(component: Component) -> None:
    made = load(component.at)
    assert component.summary and made.__doc__
    for name in inspect.signature(made).parameters:
        assert f"        {name}:" in made.__doc__


def test_listing_imports_no_torch() -> None:
    code = "import sys; from pushforward_neis.plugin import components; components(); sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0

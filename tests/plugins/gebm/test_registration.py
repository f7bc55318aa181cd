"""What the GEBM plugin registers is there, is documented, keeps its arguments, and costs no import of torch."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

from pushforward.check import plan_recipe
from pushforward.signature import read_signature
from pushforward_gebm import plugin
from pushforward_gebm.game import GEBM

RECORD = next(c for c in plugin.components() if c.kind == "model")


def test_the_static_signature_is_the_real_one_and_every_argument_is_documented() -> None:
    signature = read_signature(RECORD.at)
    assert list(signature.parameters) == list(inspect.signature(GEBM).parameters)
    assert set(signature.manual()[1]) == set(signature.parameters)


def test_a_gebm_is_asked_for_its_energy_alone() -> None:
    assert RECORD.holds == ("energy",)
    assert "log_density if base" in RECORD.gives


def test_listing_does_not_import_torch() -> None:
    code = """
import sys
from pushforward_gebm import plugin
assert plugin.PUSHFORWARD_API == 1
print(len(plugin.components()), [name for name in ("torch", "numpy") if name in sys.modules])
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == f"{len(plugin.components())} []"


def test_the_recipes_of_the_guide_are_right(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "energies.md").read_text()
    recipes = re.findall(r"```yaml\n(.*?)```", guide, re.S)
    assert len(recipes) == 2
    for text in recipes:
        (tmp_path / "guide.yaml").write_text(text)
        plan_recipe(str(tmp_path / "guide.yaml"))

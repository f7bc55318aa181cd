"""Plugins of one file with one component, and the contract that it breaks."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from pushforward.registry import Registry
from pushforward.testing import ContractBroken, check_component

HEAD = """
from __future__ import annotations
from typing import Any
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from pushforward import *
from pushforward import Component, Costs, Draw, Metadata, hook
"""


def registry_of(folder: Path, kind: str, body: str, name: str = "it", record: str = "") -> Registry:
    """A plugin of one file with one component."""
    file = folder / "plugin_under_test.py"
    offer = f'@hook\ndef components():\n    return [Component("{kind}", "{name}", ":It", "a summary"{record})]\n'
    file.write_text(HEAD + textwrap.dedent(body) + "\n" + offer)
    registry = Registry([str(file)])
    assert registry.plugins[-1].state == "loaded", registry.plugins[-1].reason
    return registry


def breaks(
    folder: Path, kind: str, body: str, match: str, name: str = "it", record: str = "", **examples: object
) -> None:
    with pytest.raises(ContractBroken, match=match):
        check_component(kind, name, registry_of(folder, kind, body, name, record), examples)

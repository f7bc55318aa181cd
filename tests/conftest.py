"""What all tests share: one thread, and no file outside their own folder."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("WANDB_MODE", "offline")

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """Trained parts are kept once for the whole session, beside the tests' own folders."""
    root = tmp_path_factory.getbasetemp().parent / "pushforward-cache"
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(root))

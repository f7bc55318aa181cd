"""Features of real data, remembered by content: what was seen once is not computed again."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor

from pushforward.folder import cache_folder
from pushforward.roles.estimator import Features

AT_MOST = 16  # sets that are kept in memory
_SEEN: OrderedDict[str, Tensor] = OrderedDict()


def seen(features: Features, x: Tensor) -> Tensor:
    """The features of real data x, (n, d): by the hash of the numbers and of the features' `key`, from memory or disk.

    Features without a key are computed each time. Files lie in ``$PUSHFORWARD_CACHE``.
    """
    if features.key is None:
        return features(x)
    digest = hashlib.blake2b(repr((features.key, tuple(x.shape), str(x.dtype))).encode(), digest_size=16)
    digest.update(x.detach().cpu().contiguous().numpy().tobytes())
    key = digest.hexdigest()
    file = cache_folder() / "features" / f"{key}.pt"
    found = _SEEN.pop(key, None)
    if found is None:
        found = load_tensor(file)
    if found is None:
        found = features(x).detach().cpu()
        keep_tensor(file, found)
    _SEEN[key] = found
    while len(_SEEN) > AT_MOST:
        _SEEN.popitem(last=False)
    return found


def load_tensor(file: Path) -> Tensor | None:
    """What the cache holds; None where it is absent, unreadable or damaged in whichever way."""
    try:
        found: Tensor = torch.load(file, weights_only=True)
        return found if isinstance(found, Tensor) else None
    except Exception:
        return None


def keep_tensor(file: Path, x: Tensor) -> None:
    """Into the cache; one that cannot be written costs time and no more."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as part:
            torch.save(x, part)
        os.replace(part.name, file)
    except OSError:
        return

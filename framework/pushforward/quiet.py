"""Lightning is kept from talking while a run plays, so that a user reads one progress line; strangers still warn."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LOGGERS = ("pytorch_lightning", "lightning.pytorch", "lightning_fabric", "lightning.fabric")


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Within it Lightning neither says which devices there are, nor gives tips, nor warns; its errors are heard.

    Its warnings are about loaders, loggers and checkpoints of its own, none of which a run uses. Other packages'
    logging and warnings are left alone, and afterwards Lightning's are as they were.
    """
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(pytorch_lightning|lightning_fabric|lightning)(\.|$)")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)

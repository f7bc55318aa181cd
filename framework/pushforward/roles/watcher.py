"""A watcher draws a picture of a model; it looks and never touches."""

from __future__ import annotations

import abc

from PIL import Image

from pushforward.roles.measure import Look


class Watcher(abc.ABC):
    """Abstract: one picture at every report."""

    @abc.abstractmethod
    def picture(self, look: Look) -> Image.Image:
        """The picture of this round, in RGB."""

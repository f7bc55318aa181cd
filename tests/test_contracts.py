"""Everything that is registered keeps the contract of its kind: a component is tested by being registered."""

from __future__ import annotations

import hashlib
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tables import write_classified, write_voices, write_wines

from pushforward import Batch, Draw
from pushforward.adapters import NetworkDiscriminator, NetworkGenerator, NetworkVelocity
from pushforward.measures.sliced_wasserstein import SlicedWasserstein
from pushforward.registry import Registry
from pushforward.testing import check_component
from pushforward.testing.stand_ins import Blobs, Looked, tiny_network
from pushforward_flow.matching import FlowMatching
from pushforward_flow.mean_velocity import NetworkMeanVelocity
from pushforward_gan.objectives import NonSaturating
from pushforward_gebm.game import GEBM
from pushforward_gebm.samplers import HMC
from pushforward_shapes.alignment import ShapeAlignment
from pushforward_shapes.curves import Infinity
from pushforward_shapes.interval import IntervalDiffeomorphism
from pushforward_shapes.pair import Shapes
from pushforward_shapes.reparametrisations import LogStep, Rotation
from pushforward_shapes.square import SquareDiffeomorphism
from pushforward_shapes.surfaces import HyperbolicParaboloid
from pushforward_team.game import TeamGAN

REGISTRY = Registry()
COMPONENTS = [
    (e.component.kind, e.component.name)
    for e in REGISTRY.entries()
    if e.plugin.distribution == "pushforward" and e.component.name != "trained"  # stands for another recipe's model
]


class Dot(Blobs):
    """One blob on a line."""

    def __init__(self) -> None:
        super().__init__((1,))
        self.modes = self.modes[:1]

    def sample(self, n: int, draw: Draw) -> Batch:
        return Batch(self.modes + self.mode_scale * draw.normal("noise", 1), None)


class Rounded(Blobs):
    """Blobs on four levels."""

    levels = 4

    def sample(self, n: int, draw: Draw) -> Batch:
        x, labels = super().sample(n, draw)
        return Batch(((x.clamp(-1, 1) + 1) / self.cell).round() * self.cell - 1, labels)


class Line(Looked):
    """A generator that is affine from one number to one."""

    def __init__(self, target: Blobs) -> None:
        super().__init__(target)
        self.generator = NetworkGenerator(lambda inputs, outputs: torch.nn.Linear(1, 1), (1,), latent=1)


class Pair(TeamGAN):
    """Two affine generators against one affine critic."""

    def __init__(self, target: Blobs) -> None:
        def affine(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> torch.nn.Module:
            return torch.nn.Sequential(
                torch.nn.Linear(2, 2 if outputs else 1), torch.nn.Flatten(0 if not outputs else 1)
            )

        super().__init__(
            [NetworkGenerator(affine, (2,), latent=2) for _ in range(2)],
            [NetworkDiscriminator(affine, (2,))],
            NonSaturating(),
        )


class Asked(Looked):
    """A model that says it can be asked for classes."""

    def __init__(self, target: Blobs) -> None:
        super().__init__(target)
        self.generator.conditional = True


class Tilted(GEBM):
    """An energy on a flow."""

    def __init__(self, target: Blobs) -> None:
        parts = Looked(target)
        super().__init__(parts.flow, parts.energy, partition_samples=100, chain_steps=1)


TILTED = {"target": Blobs((2,)), "model": Tilted(Blobs((2,)))}
TEAM = {"target": Blobs((2,)), "model": Pair(Blobs((2,)))}
EIGHTS, SADDLES = Shapes(Infinity(), along=LogStep()), Shapes(HyperbolicParaboloid(), along=Rotation())
ALIGNED = {"target": EIGHTS, "model": ShapeAlignment(EIGHTS, IntervalDiffeomorphism((1,), 2, 3), points=64)}
EXAMPLES: dict[str, dict[str, Any]] = {  # what cannot be guessed; files are made by `data`
    "table": {"path": Path("data.csv")},
    "image-folder": {"path": Path("images")},
    "python-density": {"path": Path("density.py"), "dimension": 2},
    "python-shape": {"path": Path("shape.py")},
    "mnist": {"validation": 0.2},
    "mean-flow": {"generator": NetworkMeanVelocity(tiny_network, (2,))},
    "matching-error": {"target": Blobs((2,)), "model": FlowMatching((2,), NetworkVelocity(tiny_network, (2,)))},
    "solver-evaluations": {"target": Blobs((2,)), "model": FlowMatching((2,), NetworkVelocity(tiny_network, (2,)))},
    "continuous-flow": {"tolerance": 1e-7},
    "glow": {"shape": (1, 4, 4), "steps": 1, "width": 8},
    "dragan": {"norm": 0.0},
    "wgan-gp": {"norm": 0.0},  # the slope that a constant critic has
    "classifier": {"steps": 30},
    "inception": {"weights": Path("inception.pth")},
    "efficientnet-lite0": {"size": 32},
    "isolated-points": {"head_start": 1},  # without one, no point moves in the first round
    "affine-law": {"target": Dot(), "model": Line(Dot())},
    "label-agreement": {"target": Blobs((2,)), "model": Asked(Blobs((2,)))},
    "gain-over-base": TILTED,
    "mixing": {"sampler": HMC(0.3, 4), "of": "target", "chains": 4, "steps": 20},
    "quality-over-base": {**TILTED, "measure": SlicedWasserstein(samples=50), "blocks": 3},
    "base-and-model": TILTED,
    "denoising-score-matching": {"sample_steps": 3},
    "sliced-score-matching": {"sample_steps": 3},
    "noise-contrastive": {"sample_steps": 3},
    "contrastive-divergence": {"sample_steps": 3, "chain_steps": 2, "replay": 64},
    "bits-per-dimension": {"target": Rounded(), "model": Looked(Rounded())},
    "specialisation": TEAM,
    "team-scatter": TEAM,
    "pay-off": TEAM,
    "width-error": {"widths": (8, 16), "seeds": 2},
    "width-line": {"widths": (8, 16), "seeds": 2},
    "interval-diffeomorphism": {"shape": (1,)},
    "shape-alignment": {"target": SADDLES, "flow": SquareDiffeomorphism((2,), 2, 2), "points": 8},
    "shape-distance": ALIGNED,
    "least-determinant": ALIGNED,
    "reparametrisation-error": ALIGNED,
    "aligned-shapes": ALIGNED,
    "reparametrisation": ALIGNED,
    "nonexistence": {"truth": [1.0, 0.5, 0.2], "samples": 4, "datasets": 50},
}


def test_no_plugin_of_the_project_is_broken() -> None:
    assert [(p.name, p.reason) for p in REGISTRY.plugins if p.state != "loaded"] == []
    assert REGISTRY.conflicts() == []


@pytest.mark.parametrize(("kind", "name"), COMPONENTS, ids=["/".join(pair) for pair in COMPONENTS])
def test_a_registered_component_keeps_its_contract(kind: str, name: str, data: None) -> None:
    check_component(kind, name, REGISTRY, EXAMPLES.get(name))


@pytest.fixture
def data(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files for the targets that read some."""
    kind, name = request.node.callspec.params["kind"], request.node.callspec.params["name"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PUSHFORWARD_DATA", str(tmp_path))
    if kind in ("target", "features", "shape") and name in FILES:
        FILES[name](tmp_path, monkeypatch)


def _table(folder: Path, _: pytest.MonkeyPatch) -> None:
    (folder / "data.csv").write_text("x,y\n" + "".join(f"{i},{i * i}\n" for i in range(40)))


def _wines(folder: Path, _: pytest.MonkeyPatch) -> None:
    write_wines(folder)


def _voices(folder: Path, _: pytest.MonkeyPatch) -> None:
    write_voices(folder)


def _classified(folder: Path, _: pytest.MonkeyPatch) -> None:
    write_classified(folder)


def _density(folder: Path, _: pytest.MonkeyPatch) -> None:
    (folder / "density.py").write_text("def log_density(x):\n    return -x.square().sum(1)\n")


def _shape(folder: Path, _: pytest.MonkeyPatch) -> None:
    (folder / "shape.py").write_text("import torch\n\ndef shape(x):\n    return torch.cat([x.exp(), x.sin()], 1)\n")


def _images(folder: Path, _: pytest.MonkeyPatch) -> None:
    from PIL import Image

    for i in range(40):
        (folder / "images" / f"class-{i % 2}").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (6 * i, 0, 0)).save(folder / "images" / f"class-{i % 2}" / f"{i}.png")


def _mnist(folder: Path, _: pytest.MonkeyPatch) -> None:
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    random = np.random.default_rng(0)
    for part, rows in (("train", 60), ("t10k", 20)):
        images = random.integers(0, 256, (rows, 28, 28), np.uint8).tobytes()
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, rows, 28, 28) + images)
        labels = (np.arange(rows) % 10).astype(np.uint8).tobytes()
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, rows) + labels)


def _cifar10(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CIFAR10

    from pushforward_targets import metadata

    files, random = folder / "cifar-10-batches-py", np.random.default_rng(0)
    files.mkdir()

    def write(name: str, content: object) -> list[str]:
        (files / name).write_bytes(pickle.dumps(content, protocol=2))
        return [name, hashlib.md5((files / name).read_bytes()).hexdigest()]

    def batch() -> dict[str, object]:
        return {"data": random.integers(0, 256, (20, 3072), np.uint8), "labels": [i % 10 for i in range(20)]}

    monkeypatch.setattr(CIFAR10, "train_list", [write(f"data_batch_{i}", batch()) for i in range(1, 6)])
    monkeypatch.setattr(CIFAR10, "test_list", [write("test_batch", batch())])
    name, checksum = write("batches.meta", {"label_names": list("abcdefghij")})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": name, "key": "label_names", "md5": checksum})
    monkeypatch.setattr(metadata, "CIFAR10_ROWS", {"train": 100, "test": 20})


def _inception(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    torch.save({}, folder / "inception.pth")
    monkeypatch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)


FILES = {
    "inception": _inception,
    "table": _table,
    "red-wine": _wines,
    "white-wine": _wines,
    "parkinsons": _voices,
    "ionosphere": _classified,
    "sonar": _classified,
    "python-density": _density,
    "python-shape": _shape,
    "image-folder": _images,
    "mnist": _mnist,
    "cifar10": _cifar10,
}

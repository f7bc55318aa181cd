"""A run's folder as a run leaves it."""

import json

import pytest

RECIPE = """\
about: A GAN learns <b>rings</b> & more.
seed: 0  # default
model: {use: gan, optimizer: {use: adam, lr: 2e-4}}
measure: [sliced-wasserstein]
"""

METRICS = """\
round,cost/generator/objective,cost/discriminator/objective,gradient-norm/generator,validation/w,validation/w/standard_error
0,1.0,0.5,100.0,,
100,0.9,0.6,10.0,0.5,0.1
200,0.8,0.7,1.0,0.4,0.1
"""

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301"
    "0100c9fe92ef0000000049454e44ae426082"
)


@pytest.fixture
def folder(tmp_path):
    run = tmp_path / "rings-gan-1"
    (run / "images").mkdir(parents=True)
    (run / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    (run / "metrics.csv").write_text(METRICS, encoding="utf-8")
    (run / "images" / "sample-scatter-00000100.png").write_bytes(PIXEL)
    (run / "images" / "sample-scatter-00000200.png").write_bytes(PIXEL)
    (run / "images" / "sample-scatter.webp").write_bytes(b"RIFF")
    results = {
        "recipe": "rings/gan",
        "status": "completed",
        "rounds": 200,
        "seconds": 95.2,
        "seed": 0,
        "measures": {"<i>w</i>": {"value": 0.02134, "standard_error": 0.00123, "n": 2000, "quality": 0.95}},
        "verdict": {"state": "cycling", "why": "a < b & c", "evidence": {"radius": 1.00213}, "remedy": "weight=1"},
    }
    (run / "results.json").write_text(json.dumps(results), encoding="utf-8")
    environment = {
        "python": "3.12",
        "packages": {"pushforward": "0.1.0"},
        "command": ["pushforward", "run", "rings/gan"],
    }
    (run / "environment.json").write_text(json.dumps(environment), encoding="utf-8")
    return run

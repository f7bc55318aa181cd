"""A density from a Python file: it is what the file says, and every mistake in it is one sentence."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from pushforward import DataMissing, UserError
from pushforward_targets import metadata
from pushforward_targets.python_density import PythonDensity

NORMAL = "def log_density(x):\n    return -0.5 * x.square().sum(1)\n"


def write(folder: Path, text: str) -> Path:
    file = folder / "density.py"
    file.write_text(text)
    return file


def test_it_is_the_function_of_the_file_with_its_gradient(tmp_path: Path) -> None:
    target = PythonDensity(write(tmp_path, NORMAL), 3, log_z=1.5 * math.log(2 * math.pi))
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(target.log_density(x), -0.5 * x.square().sum(1))
    torch.testing.assert_close(target.score(x).detach(), -x)
    assert target.shape == (3,) == metadata.python_density(target.path, 3).shape
    assert target.log_z == pytest.approx(2.756816, abs=1e-6)


def test_another_name_is_found_however_it_is_bound(tmp_path: Path) -> None:
    file = write(tmp_path, "import torch\nf = lambda x: -x.abs().sum(1)\n")
    assert PythonDensity(file, 2, function="f").log_density(torch.ones(1, 2)).tolist() == [-2.0]


def test_metadata_does_not_run_the_file(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    file = write(tmp_path, f"open({str(ran)!r}, 'w')\n" + NORMAL)
    metadata.python_density(file, 2)
    assert not ran.exists()
    PythonDensity(file, 2)
    assert ran.exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def log_density(x:\n", r"density.py:1: this is no Python"),
        ("def other(x):\n    return x\n", r"has no function 'log_density': it has other"),
        ("x = 1\n", r"has no function 'log_density': it has none"),
        ("def other():\n    log_density = 1\n", r"has no function 'log_density': it has other"),
    ],
)
def test_what_parsing_shows_is_refused_by_metadata_too(text: str, sentence: str, tmp_path: Path) -> None:
    for ask in (metadata.python_density, PythonDensity):
        with pytest.raises(UserError, match=sentence) as caught:
            ask(write(tmp_path, text), 2)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import no_such_module\n" + NORMAL, r"density.py:1: it cannot be imported: ModuleNotFoundError: No module"),
        ("log_density = 1\n", r"log_density is no function"),
        ("def log_density(x):\n    return x\n", r"gave shape \(3, 2\) for x of shape \(3, 2\): expected \(3,\)"),
        ("def log_density(x):\n    return x.sum()\n", r"gave shape \(\) for x of shape"),
        ("def log_density(x):\n    return 1.0\n", r"gave float: expected a tensor"),
        ("def log_density(x):\n\n    return x.nothing\n", r"density.py:3: log_density failed: AttributeError"),
        ("def log_density(x):\n    return x.detach().sum(1)\n", r"is not differentiable in x"),
    ],
)
def test_what_running_shows_is_refused_in_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        PythonDensity(write(tmp_path, text), 2)
    assert len(str(caught.value).splitlines()) == 1


def test_a_relative_file_is_named_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "def log_density(x):\n    return x.nothing\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^density.py:2: log_density failed"):
        PythonDensity(Path("density.py"), 2)


def test_a_missing_file_a_folder_and_no_dimension_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="no Python file at"):
        metadata.python_density(tmp_path / "nowhere.py", 2)
    with pytest.raises(UserError, match="is a folder: expected a Python file"):
        metadata.python_density(tmp_path, 2)
    with pytest.raises(UserError, match="dimension is 0"):
        metadata.python_density(write(tmp_path, NORMAL), 0)

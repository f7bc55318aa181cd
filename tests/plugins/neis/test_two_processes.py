"""Two processes that share the particles of an estimate answer as one does, to the last bit."""

import pytest
import torch
from estimated import ESTIMATORS, Normal, estimate, process

from pushforward import Draw, UserError
from pushforward_neis.importance import ImportanceSampling


def test_two_processes_give_the_estimates_of_one(tmp_path):
    torch.multiprocessing.spawn(process, (str(tmp_path),), nprocs=2)
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=False) for rank in range(2)]
    for name in ESTIMATORS:
        assert found[0][name] == found[1][name] == estimate(name)


def test_a_part_without_the_other_processes_is_refused():
    with pytest.raises(UserError, match="wants 2 processes"):
        ImportanceSampling().estimate(Normal(), 1000, Draw(0, ("alone",), 2, (0, 1)))

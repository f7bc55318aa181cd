"""Two processes on gloo: the critic's step is that of one process with the joint batch."""

import torch
import torch.multiprocessing as mp
from two_processes import N, process, step


def test_two_processes_step_the_critic_as_one_with_the_joint_batch(tmp_path):
    mp.spawn(process, args=(str(tmp_path),), nprocs=2)
    one, a, b = step((0, N), 1), *(torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    for name in ("gradient", "weights"):
        assert float((a[name] - one[name]).abs().max()) < 1e-6, name
    for name in one:
        assert torch.equal(a[name], b[name]), name

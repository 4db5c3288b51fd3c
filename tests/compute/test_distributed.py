"""Shares of the work, and collectives between real processes."""

import subprocess
import sys
import textwrap

import pytest

from pipeline.compute.distributed import World
from pipeline.core.errors import UserError

RANKS = """
    import numpy as np
    from pipeline.compute.distributed import World

    world = World.from_env()
    with world.connected():
        total = np.full((2, 3), world.rank + 1.0)
        world.sum(total)
        assert (total == 6).all(), total
        start = np.full(4, world.rank)
        world.broadcast(start)
        assert (start == 0).all(), start
        assert world.broadcast_text(f"of {world.rank}") == "of 0"
        rows = world.gather(np.full((world.rank, 2), world.rank, np.float16))
        expected = [[1, 1], [2, 2], [2, 2]] if world.rank == 0 else [[world.rank] * 2] * world.rank
        assert rows.tolist() == expected, rows
        world.barrier()
"""


@pytest.mark.parametrize("size", [1, 2, 5])
def test_every_item_is_in_one_share(size):
    shares = [World(rank, size).share(range(11)) for rank in range(size)]
    assert sorted(item for share in shares for item in share) == list(range(11))


def test_a_process_alone_needs_no_launcher(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert World.from_env() == World()


def test_a_shard_is_written_as_i_of_n():
    assert World.parse("2/3") == World(rank=2, size=3)


@pytest.mark.parametrize("text", ["", "3/3", "1", "a/b", "-1/2", "0/0"])
def test_any_other_shard_is_refused(text):
    with pytest.raises(UserError, match="give i/n"):
        World.parse(text)


@pytest.mark.slow(reason="starts processes")
def test_collectives_between_processes(tmp_path):
    script = tmp_path / "ranks.py"
    script.write_text(textwrap.dedent(RANKS))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=3"]
    done = subprocess.run([*command, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.ingest.spool import Spool

KILLED = """
import os, signal
from pathlib import Path
from pipeline.ingest.spool import Spool
with Spool(Path("folder")) as spool:
    spool.put("a", bytes(10**6))
    os.kill(os.getpid(), signal.SIGKILL)
"""
FULL = """
import resource
from pathlib import Path
from pipeline.ingest.spool import Spool
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with Spool(Path("folder")) as spool:
        spool.put("a", bytes(5000))  # waits in a buffer
except OSError as error:
    print(error.errno)
"""


def test_values_come_back_in_any_order(tmp_path):
    folder = tmp_path / "folder"
    values = {str(i): bytes([i]) * (i * 1000) for i in range(50)}
    with Spool(folder) as spool:
        for key, value in values.items():
            spool.put(key, value)
        for key in sorted(values, reverse=True):
            assert spool.get(key) == values[key]
    assert list(folder.iterdir()) == []


def test_an_error_leaves_no_file(tmp_path):
    with pytest.raises(KeyError), Spool(tmp_path) as spool:
        spool.get("unknown")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("program", "said"), [(KILLED, ""), (FULL, f"{errno.EFBIG}\n")])
def test_a_kill_and_a_full_disk_leave_no_file(tmp_path, program, said):
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (said, "")
    assert list((tmp_path / "folder").iterdir()) == []

"""The maps in threads and processes: order, errors, and an early end."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from pipeline.compute.parallel import PIECE, cores, forked_map, ordered_map, pieces


def test_order_is_kept():
    assert list(ordered_map(str, range(20), ahead=3)) == [str(i) for i in range(20)]
    assert list(ordered_map(str, [])) == []


def test_items_are_taken_ahead_and_no_further():
    taken = []
    results = ordered_map(str, (taken.append(i) or i for i in range(20)), ahead=3)
    assert next(results) == "0"
    assert taken == [0, 1, 2]
    results.close()


def test_an_error_comes_after_the_results_before_it():
    results = ordered_map(lambda divisor: 6 // divisor, [3, 2, 0, 1])
    assert next(results) == 2
    assert next(results) == 3
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_an_error_of_the_items_comes_after_the_results_before_it():
    def items():
        yield from (1, 2)
        raise OSError("gone")

    results = ordered_map(str, items(), ahead=8)
    assert [next(results), next(results)] == ["1", "2"]
    with pytest.raises(OSError, match="gone"):
        next(results)


@pytest.mark.parametrize("stop", [lambda results: results.close(), lambda results: list(results)])
def test_the_threads_end_with_the_reader(stop):
    before = threading.active_count()
    results = ordered_map(lambda seconds: time.sleep(seconds), [0.001] * 50)
    next(results)
    assert threading.active_count() > before
    stop(results)
    assert threading.active_count() == before


def test_forked_processes_keep_the_order_and_see_what_is_here():
    here = {n: object() for n in range(7)}  # not to be sent

    def process_of(n):
        assert n in here
        return n, os.getpid(), cores()

    found = list(forked_map(process_of, range(7), processes=3))
    assert [n for n, _, _ in found] == list(range(7))
    pids = {pid for _, pid, _ in found}
    assert os.getpid() not in pids
    assert 1 <= len(pids) <= 3
    assert {count for _, _, count in found} == {1}


def test_one_item_is_worked_on_here():
    assert list(forked_map(lambda _: os.getpid(), [0], processes=3)) == [os.getpid()]


def test_an_error_in_a_forked_process_comes_here():
    results = forked_map(lambda divisor: 6 // divisor, [3, 0, 1], processes=2)
    assert next(results) == 2
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_an_error_ends_the_others():
    def work(n):
        time.sleep(60 * n)
        raise ZeroDivisionError

    start = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        list(forked_map(work, [0, 1], processes=2))
    assert time.monotonic() - start < 30


def test_a_killed_process_is_an_error():
    def die(n):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(MemoryError, match="killed"):
        list(forked_map(die, [0, 1], processes=2))


WAITING = """
import os, time
from pipeline.compute.parallel import forked_map

def work(seconds):
    os.write(1, b"x")
    time.sleep(seconds)

list(forked_map(work, [0, 0, 60], processes=3))
"""


def test_processes_end_when_their_parent_is_killed():
    """Those that wait for work and those at work; each holds standard output open."""
    command = [sys.executable, "-c", WAITING]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert [parent.stdout.read(1) for _ in range(3)] == [b"x"] * 3
        time.sleep(0.2)  # so that the first have nothing to do
        parent.kill()
        parent.communicate(timeout=5)


@pytest.mark.slow(reason="waits for processes")
def test_forked_processes_end_where_signals_are_handled():
    """As a stage handles them: an exit that Python would only see later."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        for _ in range(20):
            assert list(forked_map(abs, [-1, -2, -3], processes=3)) == [1, 2, 3]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_pieces_are_no_larger_than_they_must_be():
    half = PIECE // 2
    assert list(pieces([1, half, half, PIECE, 5, 6], size=int)) == [
        [1, half, half], [PIECE], [5, 6]
    ]  # fmt: skip
    assert list(pieces([], size=int)) == []

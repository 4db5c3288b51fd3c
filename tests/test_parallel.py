"""The map in threads: order, errors, and an early end."""

import threading
import time

import pytest

from pipeline.parallel import ordered_map


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

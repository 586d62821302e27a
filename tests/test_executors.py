"""One promise: equal results in equal order, wherever the work is done."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.executors import Place, Serial, open_executor, run_ahead
from itd_lightning.store.build.shards import shard_of

USERS = [f"ABC{number:04d}" for number in range(12)]


def test_serial_asks_for_an_item_when_it_is_due() -> None:
    asked: list[int] = []

    def items() -> Iterator[int]:
        for number in range(3):
            asked.append(number)
            yield number

    results = Serial().map(lambda number: number + 1, items())
    assert (next(results), asked) == (1, [0])
    assert (list(results), asked) == ([2, 3], [0, 1, 2])


def test_no_more_items_are_begun_than_asked_for_and_results_keep_their_order() -> None:
    begun: list[int] = []
    most = []

    def begin(item: int) -> int:
        begun.append(item)
        return item

    def end(item: int) -> int:
        most.append(len(begun) - item)
        return item * 10

    assert list(run_ahead(begin, end, iter(range(7)), most=3)) == [0, 10, 20, 30, 40, 50, 60]
    assert max(most) == 3


def threads(_: int) -> tuple[int, int]:
    """Threads of Polars, and the process."""
    return pl.thread_pool_size(), os.getpid()


def test_processes_return_what_this_process_returns_and_share_the_cores() -> None:
    function = partial(shard_of, shards=16)
    with open_executor(2) as executor:
        assert list(executor.map(function, USERS)) == [function(user) for user in USERS]
        found = list(executor.map(threads, range(8)))
    assert {count for count, _ in found} == {max(1, (os.cpu_count() or 1) // 2)}
    assert os.getpid() not in {process for _, process in found}


def fail(item: int) -> int:
    """Refuse one item."""
    if item == 2:
        raise InputError("two does not fit")
    return item


def die(_: int) -> int:
    """End the process as the system does when memory is short."""
    os.kill(os.getpid(), 9)
    return 0


def test_an_error_in_a_process_arrives_as_it_is() -> None:
    with open_executor(2) as executor, pytest.raises(InputError, match="two does not fit"):
        list(executor.map(fail, range(5)))


def test_a_killed_worker_ends_in_one_line() -> None:
    with open_executor(2) as executor, pytest.raises(InputError, match="a worker process ended"):
        list(executor.map(die, range(3)))


@pytest.mark.parametrize("place", ["local", "ray"])
def test_there_must_be_a_worker(place: Place) -> None:
    with pytest.raises(InputError, match="workers must be at least 1, got 0"):
        open_executor(0, place)


PARENT = """
import os, sys, time
from itd_lightning.executors import open_executor
if __name__ == "__main__":
    with open_executor(2) as executor:
        print(*executor.map(os.getpgid, [0]), *{p for p in executor.pool._processes}, flush=True)
        list(executor.map(time.sleep, [60, 60]))
"""


def test_workers_end_with_a_killed_program(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        _, *workers = map(int, parent.stdout.readline().split())
        parent.kill()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline, "a worker outlives its program"
        time.sleep(0.01)
    assert workers


@pytest.mark.slow
def test_ray_returns_what_this_process_returns() -> None:
    pytest.importorskip("ray")
    function = partial(shard_of, shards=16)
    with open_executor(2, "ray") as executor:
        assert list(executor.map(function, USERS)) == [function(user) for user in USERS]
        with pytest.raises(InputError) as raised:
            list(executor.map(fail, range(5)))
    assert str(raised.value) == "two does not fit"

"""Map a function over shards: in this process, in several, or on Ray; equal results in equal order.

A function gets paths and settings, never tables, so that sending it costs nothing. It must be importable: a
function of a module, or a ``functools.partial`` of one. On Ray, all machines must see the same files.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from multiprocessing.connection import wait
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from itd_lightning.contracts.errors import InputError, LostWorkerError
from itd_lightning.contracts.files import private_files

Item = TypeVar("Item")
Result = TypeVar("Result")
Handle = TypeVar("Handle")
Place = Literal["local", "ray"]

_THREADS = "POLARS_MAX_THREADS"  # of one process, read once


@runtime_checkable
class Executor(Protocol):
    """Runs a function on every item.

    Attributes:
        workers: How many items are worked on at a time, at most.
    """

    workers: int

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` in the order of the items, which are asked for as needed.

        The first error ends it.
        """


def open_executor(workers: int = 1, place: Place = "local") -> AbstractContextManager[Executor]:
    """Return an executor, to be used in a ``with`` statement.

    Args:
        workers: Items worked on at a time; one local worker is this process itself.
        place: ``local`` runs processes on this machine. ``ray`` runs tasks on the cluster that the variable
            RAY_ADDRESS names, or else on a Ray of its own on this machine.

    Raises:
        InputError: If the number of workers is not positive, or Ray is not installed.
    """
    if workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    if place == "ray":
        return _ray_tasks(workers)
    return contextlib.nullcontext(Serial()) if workers == 1 else _processes(workers)


class Serial:
    """Runs one item after the other, in this process."""

    workers = 1

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield the results."""
        return map(function, items)


def run_ahead(
    begin: Callable[[Item], Handle], end: Callable[[Handle], Result], items: Iterable[Item], most: int
) -> Iterator[Result]:
    """Begin up to ``most`` items before the first of them must end; yield the results in order."""
    waiting: deque[Handle] = deque()
    for item in items:
        waiting.append(begin(item))
        if len(waiting) >= most:
            yield end(waiting.popleft())
    while waiting:
        yield end(waiting.popleft())


class _Processes:
    """Runs items in several processes, started by spawn: forks would inherit Polars' locked threads."""

    def __init__(self, pool: ProcessPoolExecutor, workers: int) -> None:
        self.pool, self.workers = pool, workers

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield the results."""

        def begin(item: Item) -> Future[Result]:
            return self.pool.submit(function, item)

        try:
            yield from run_ahead(begin, Future.result, items, 2 * self.workers)
        except BrokenProcessPool as error:
            raise LostWorkerError(
                "a worker process ended, killed for memory or unable to start: use fewer --workers; a script "
                "must start them below `if __name__ == '__main__'`"
            ) from error


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    """Yield an executor whose processes end with this block or with this program."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_begin_worker, initargs=(threads,))
    try:
        yield _Processes(pool, workers)
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker(threads: int) -> None:
    """Set a worker up: its share of the cores, no Ctrl-C of its own, and an end when the program ends."""
    os.environ[_THREADS] = str(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Leave when the parent is gone: a killed program must not leave writers behind."""
    if parent := multiprocessing.parent_process():
        wait([parent.sentinel])
        os._exit(1)


class _Ray:
    """Runs items as tasks on a Ray cluster, of one core each."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield the results."""
        import ray

        task: Any = ray.remote(_apply).options(runtime_env={"env_vars": {_THREADS: "1"}})
        results: Iterator[Result] = run_ahead(
            partial(task.remote, function), ray.get, items, most=self.workers
        )
        try:
            yield from results
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error


def _apply(function: Callable[[Item], Result], item: Item) -> Result:
    """Call a function; Ray takes no partial ones, and its workers have a umask of their own."""
    with private_files():
        return function(item)


@contextmanager
def _ray_tasks(workers: int) -> Iterator[Executor]:
    """Yield an executor on a connection to Ray that ends with this block."""
    try:
        import ray
    except ImportError as error:
        raise InputError(
            "Ray is not installed; install it with `pip install 'itd-lightning[ray]'`"
        ) from error
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves the machine unasked
    if "RAY_ADDRESS" in os.environ:
        ray.init(log_to_driver=False)
    else:
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    try:
        yield _Ray(workers)
    finally:
        ray.shutdown()

"""Work on other threads. NumPy releases Python's lock, so that threads compute at the same time."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(items: Iterator[Item], stop: Event) -> Generator[Item, None, None]:
    """Yield the same items; a second thread makes each while the one before it is used.

    If the iteration ends early, ``stop`` is set, and the second thread's item is awaited.
    """
    second_thread = ThreadPoolExecutor(1)
    try:
        following = second_thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = second_thread.submit(next, items, None)
            yield item
    finally:
        stop.set()
        second_thread.shutdown()


def in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``function(item)`` of each item in order, computed ahead on all processors."""
    threads = processors()
    with ThreadPoolExecutor(threads) as pool:
        results: deque[Future[Result]] = deque()
        for item in items:
            results.append(pool.submit(function, item))
            if len(results) > threads:
                yield results.popleft().result()
        while results:
            yield results.popleft().result()


def processors() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

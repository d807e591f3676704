"""Work on other threads. NumPy releases Python's lock, so that threads compute at the same time."""

import os
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeVar

Item = TypeVar("Item")


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


def processors() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

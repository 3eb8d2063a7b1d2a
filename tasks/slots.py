"""The threads in which a worker's attempts run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Slots:
    """Up to `size` daemon threads. Unlike a ThreadPoolExecutor they never hold up the end of the process: an attempt that
    hangs was handed back before, and its thread dies with the worker."""

    def __init__(self, size: int, name: str) -> None:
        self.size, self.name = size, name
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = self._idle = 0

    def submit(self, work: Callable[[], None]) -> None:
        """Runs `work` in a free thread; `work` must not raise."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            elif self._threads < self.size:
                self._threads += 1
                threading.Thread(target=self._serve, name=f"{self.name}-{self._threads}", daemon=True).start()
        self._work.put(work)

    def stop(self) -> None:
        """Ends the idle threads, and the busy ones when their work is done."""
        for _ in range(self.size):
            self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            with self._lock:
                self._idle += 1

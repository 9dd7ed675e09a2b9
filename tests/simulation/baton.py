"""Invocations on threads of their own, of which only the holder of the baton runs.

The main thread hands the baton to an invocation (`resume`); the invocation gives it back at its next pause or at its
end. No two ever run at the same time, so the order in which they get the baton decides everything, and the same order
gives the same run.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass


class ProcessDied(BaseException):
    """The process of this invocation has died. No code may catch this: nothing runs after a crash."""


@dataclass(slots=True, eq=False)
class Invocation:
    """One call of one of the app's functions. `ended` is called on the main thread when it is over."""

    name: str
    host: int
    work: Callable[[], None]
    ended: Callable[["Invocation"], None]
    error: Exception | None = None
    """The exception that it raised, if any."""
    has_died: bool = False
    is_over: bool = False
    _thread: "_Thread | None" = None

    def resume(self) -> None:
        """Let it run until it pauses or ends."""
        if self._thread is None:
            self._thread = _idle.pop() if _idle else _Thread()
            self._thread.invocation = self
        thread = self._thread
        thread.go.release()
        thread.back.acquire()
        if self.is_over:
            _idle.append(thread)
            self._thread = None
            self.ended(self)

    def pause(self) -> None:
        """Return the baton; called by the invocation itself. Raises ProcessDied if the process died meanwhile."""
        thread = self._thread
        assert thread is not None
        thread.back.release()
        thread.go.acquire()
        if self.has_died:
            raise ProcessDied

    def run(self) -> None:
        """Run the whole invocation, on its thread."""
        try:
            if not self.has_died:
                self.work()
        except ProcessDied:
            self.has_died = True
        except Exception as error:  # noqa: BLE001 - a host survives any error of a function; it is judged later
            self.error = error
        self.is_over = True

    def die(self) -> None:
        """End it at its current point, without another effect."""
        self.has_died = True
        while not self.is_over:
            self.resume()


class _Thread(threading.Thread):
    """A thread that runs invocations one after another."""

    def __init__(self) -> None:
        super().__init__(daemon=True, name="simulated invocation")
        self.go, self.back = threading.Lock(), threading.Lock()
        self.go.acquire()
        self.back.acquire()
        self.invocation: Invocation | None = None
        self.start()

    def run(self) -> None:
        while True:
            self.go.acquire()
            assert self.invocation is not None
            self.invocation.run()
            self.back.release()


_idle: list[_Thread] = []

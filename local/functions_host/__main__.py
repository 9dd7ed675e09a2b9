"""Runs a function app: `python -m local.functions_host [--app function_app] [--id NAME] ...`.

SIGTERM or Ctrl-C stops it: no new work is taken, functions in progress may finish within the grace period, and those
that do not are left to another instance (their messages reappear after their leases).
"""

import argparse
import errno
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

from local.functions_host.app import (
    BlobTrigger,
    HostedFunction,
    HttpTrigger,
    QueueTrigger,
    TimerTrigger,
    load_functions,
)
from local.functions_host.blob_trigger import POISON_QUEUE, BlobScanner, WatchedFunction, blob_processor, internal_queue
from local.functions_host.host_settings import HOST_STORAGE, HostError, HostSettings, connection_string, host_settings
from local.functions_host.http_trigger import HttpListener, Route
from local.functions_host.invoking import Invoker
from local.functions_host.leases import HOST_CONTAINER
from local.functions_host.logs import set_up_logging
from local.functions_host.pace import Pace
from local.functions_host.queue_trigger import LEASE, Limits, QueueListener, function_processor
from local.functions_host.timer_trigger import TimerListener

logger = logging.getLogger(__name__)

READY = "The functions host is ready"
"""The log line after which every listener runs."""
STOPS = "The functions host stops"
"""The log line after which no more work is taken."""

_QUICK_POLL = timedelta(seconds=1)
"""Shorter than the real host's: a person waits for this machine, and polling its queue costs nothing."""
_LONGEST_BLOB_POLL = timedelta(minutes=1)


_SECONDS_BETWEEN_SCANS = {Pace.QUICK: 0.5, Pace.REAL: 10.0}

Listen = Callable[[threading.Event], None]


class Host:
    """One instance: starts the listeners, and stops them."""

    def __init__(
        self,
        functions: list[HostedFunction],
        settings: HostSettings,
        lease: timedelta,
        ports: Sequence[int],
        pace: Pace,
    ) -> None:
        self._functions = functions
        self._settings = settings
        self._lease = lease
        self._ports = ports
        self._pace = pace
        self._storage = connection_string(HOST_STORAGE, os.environ)
        self._host_blobs = BlobServiceClient.from_connection_string(self._storage)
        self._invoker = Invoker(settings.threads)
        self._queues: list[QueueListener] = []
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self.is_broken = False
        """Whether a listener has failed, so that the host no longer does all of its work."""

    def start(self) -> None:
        """Start every listener in a thread of its own."""
        with suppress(ResourceExistsError):
            self._host_blobs.create_container(HOST_CONTAINER)
        for listen in [*self._queue_listeners(), *self._blob_listeners(), *self._timer_listeners()]:
            thread = threading.Thread(target=self._keep_listening, args=(listen,), daemon=True)
            self._threads.append(thread)
            thread.start()
        self._start_http()

    def _keep_listening(self, listen: Listen) -> None:
        try:
            listen(self._stopping)
        except Exception:  # A host without one of its listeners must not pass for a working one.
            logger.exception("A listener failed; the host stops")
            self.is_broken = True

    def stop(self, grace: timedelta) -> bool:
        """Take no more work and wait at most `grace` for functions in progress; whether all of them ended."""
        self._stopping.set()
        logger.info(STOPS)
        deadline = time.monotonic() + grace.total_seconds()
        for thread in self._threads:
            thread.join(max(0, deadline - time.monotonic()))
        while not self._is_idle() and time.monotonic() < deadline:
            time.sleep(0.05)
        return self._is_idle()

    def _is_idle(self) -> bool:
        busy = any(thread.is_alive() for thread in self._threads)
        return not busy and self._invoker.is_idle and all(queue.is_idle for queue in self._queues)

    def _queue_listeners(self) -> list[Listen]:
        queues = self._settings.queues
        limits = Limits(
            batch_size=queues.batch_size,
            new_batch_threshold=queues.new_batch_threshold,
            max_dequeue_count=queues.max_dequeue_count,
            failure_delay=queues.visibility_timeout,
            max_polling_interval=self._longest_poll(),
            lease=self._lease,
            stops_where_not_allowed=self._pace is Pace.REAL,
        )
        listens: list[Listen] = []
        for function in self._functions:
            if isinstance(trigger := function.trigger, QueueTrigger):
                queue = QueueClient.from_connection_string(trigger.connection_string, trigger.queue)
                poison = QueueClient.from_connection_string(trigger.connection_string, f"{trigger.queue}-poison")
                processor = function_processor(function, self._invoker)
                listens.append(self._listen(QueueListener(queue, poison, limits, processor)))
        return listens

    def _blob_listeners(self) -> list[Listen]:
        watched = [
            WatchedFunction(function, trigger, BlobServiceClient.from_connection_string(trigger.connection_string))
            for function in self._functions
            if isinstance(trigger := function.trigger, BlobTrigger)
        ]
        if len(watched) > 1:
            raise HostError("the app has several functions with a blob trigger; this host serves one.")
        return [listen for one in watched for listen in self._listeners_of(one)]

    def _listeners_of(self, watched: WatchedFunction) -> list[Listen]:
        host_id = self._settings.host_id
        queue = QueueClient.from_connection_string(self._storage, internal_queue(host_id))
        with suppress(ResourceExistsError):
            queue.create_queue()
        poison = QueueClient.from_connection_string(watched.trigger.connection_string, POISON_QUEUE)
        limits = Limits(
            batch_size=min(self._settings.blobs.max_degree_of_parallelism, 32),
            new_batch_threshold=0,
            max_dequeue_count=self._settings.blobs.poison_blob_threshold,
            failure_delay=timedelta(0),
            max_polling_interval=self._longest_poll() if self._pace is Pace.QUICK else _LONGEST_BLOB_POLL,
            lease=self._lease,
        )
        listener = QueueListener(queue, poison, limits, blob_processor(watched, self._invoker))
        seconds = _SECONDS_BETWEEN_SCANS[self._pace]
        return [self._listen(listener), BlobScanner(watched, self._host_blobs, queue, host_id, seconds).run]

    def _longest_poll(self) -> timedelta:
        configured = self._settings.queues.max_polling_interval
        return configured if self._pace is Pace.REAL else min(configured, _QUICK_POLL)

    def _timer_listeners(self) -> list[Listen]:
        return [
            TimerListener(
                function=function,
                trigger=trigger,
                host_storage=self._host_blobs,
                host_id=self._settings.host_id,
                invoker=self._invoker,
            ).run
            for function in self._functions
            if isinstance(trigger := function.trigger, TimerTrigger)
        ]

    def _listen(self, listener: QueueListener) -> Listen:
        self._queues.append(listener)
        return listener.run

    def _start_http(self) -> None:
        routes = [
            Route(function, trigger, self._settings.route_prefix)
            for function in self._functions
            if isinstance(trigger := function.trigger, HttpTrigger)
        ]
        if routes:
            server = _listener(self._ports, routes, self._invoker)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            logger.info("HTTP functions answer at %s/%s", server.url, self._settings.route_prefix)


def _ports(options: argparse.Namespace) -> Sequence[int]:
    """The ports to try, in order."""
    if not options.or_next:
        return [options.port]
    return [*range(options.port, options.port + 1 + options.or_next), 0]


def _listener(ports: Sequence[int], routes: Iterable[Route], invoker: Invoker) -> HttpListener:
    """A listener on the first of `ports` that no other program uses. Raises OSError when there is none."""
    every = list(routes)
    for port in ports[:-1]:
        try:
            return HttpListener(port, every, invoker)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    return HttpListener(ports[-1], every, invoker)


def main(arguments: list[str] | None = None) -> int:
    """Run until asked to stop."""
    options = _parser().parse_args(arguments)
    set_up_logging(options.id)
    sys.path.insert(0, str(Path.cwd()))
    stop = threading.Event()
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    try:
        settings = host_settings(Path("host.json"), os.environ)
        functions = load_functions(options.app, os.environ)
        lease = timedelta(seconds=options.queue_lease_seconds)
        host = Host(functions, settings, lease, _ports(options), options.pace)
        host.start()
    except HostError as error:
        logger.error("The app cannot be run: %s", error, exc_info=error.__cause__)  # noqa: TRY400 - its cause, if any
        return 1
    logger.info("%s: %s", READY, ", ".join(function.name for function in functions))
    # A wait without end would keep Ctrl-C from being seen on Windows.
    while not stop.wait(1) and not host.is_broken:
        pass
    code = 1 if host.is_broken else 0
    if host.stop(timedelta(seconds=options.grace_seconds)):
        return code
    logger.warning("Some functions did not finish in time; their messages reappear when their leases end")
    logging.shutdown()
    # A thread that still runs a function would keep the interpreter from ending.
    os._exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.functions_host", description="Run a function app locally.")
    parser.add_argument("--app", default="function_app", help="module with the FunctionApp (default: function_app)")
    parser.add_argument("--id", default="host", help="name of this instance in the log")
    parser.add_argument("--port", type=int, default=7071, help="port for HTTP functions; 0 is any free one (7071)")
    parser.add_argument(
        "--or-next",
        type=int,
        default=0,
        metavar="N",
        help="if the port is in use, try the next N, then any free one (0)",
    )
    parser.add_argument(
        "--queue-lease-seconds",
        type=int,
        default=int(LEASE.total_seconds()),
        help="how long a message taken is invisible to other instances; shorter only for tests of crashes (600)",
    )
    parser.add_argument(
        "--pace",
        type=Pace,
        choices=list(Pace),
        default=Pace.QUICK,
        help="real: blobs are found and idle queues are read as late as by the real host, and a queue that may not be "
        "read ends the host (quick)",
    )
    parser.add_argument(
        "--grace-seconds", type=float, default=8, help="how long functions in progress may finish after a stop (8)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

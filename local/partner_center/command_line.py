"""The stand-in as a program: its options, and serving until a signal stops it."""

import argparse
import signal
import threading
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

from local.partner_center.behaviour import Behaviour
from local.partner_center.faults import Fault
from local.partner_center.profile import ProfileUnreadable, behaviour_of, read
from local.partner_center.stand_in import PartnerCenterStandIn


def _fault_with_probability(text: str) -> tuple[Fault, float]:
    name, _, probability = text.partition("=")
    try:
        fault, value = Fault(name), float(probability)
    except ValueError as error:
        names = ", ".join(Fault)
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PROBABILITY; the names are {names}") from error
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"the probability in {text!r} is not between 0 and 1")
    return fault, value


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.partner_center",
        description="A stand-in for Partner Center's device batches on this machine.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 is any free one")
    parser.add_argument("--data", type=Path, help="folder for the registered devices (default: memory only)")
    parser.add_argument("--delay", type=float, default=1.0, help="seconds from acceptance to the end of an upload")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument("--retry-after", type=float, default=1.0, help="Retry-After of a throttled request, in seconds")
    parser.add_argument(
        "--fault",
        type=_fault_with_probability,
        action="append",
        default=[],
        metavar="NAME=PROBABILITY",
        help=f"a fault and how often it happens; may be repeated: {', '.join(Fault)}",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the random faults")
    parser.add_argument("--unknown-customer", action="append", default=[], metavar="GUID")
    parser.add_argument(
        "--sales-agent", action="store_true", help="refuse to give devices a policy, as to a user who is no Admin agent"
    )
    parser.add_argument("--existing-batch-status", type=int, choices=(400, 409), default=409)
    parser.add_argument(
        "--as", type=Path, dest="profile", metavar="FILE", help="do what `python -m local conformance` found out"
    )
    parser.add_argument("--token", help="the only bearer token to accept (default: any)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    options = _arguments(arguments)
    behaviour = Behaviour(
        delay=options.delay,
        latency=options.latency,
        retry_after=options.retry_after,
        faults=dict(options.fault),
        seed=options.seed,
        unknown_customers=frozenset(options.unknown_customer),
        is_admin_agent=not options.sales_agent,
        existing_batch_status=HTTPStatus(options.existing_batch_status),
        token=options.token,
    )
    if options.profile:
        try:
            behaviour = behaviour_of(read(options.profile), behaviour)
        except ProfileUnreadable as error:
            raise SystemExit(str(error)) from error
    stopped = threading.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, lambda *_: stopped.set())
    with PartnerCenterStandIn(behaviour, host=options.host, port=options.port, data=options.data) as service:
        print(f"Partner Center stand-in: {service.url}", flush=True)
        while not stopped.wait(0.5):  # a wait without end would hold back signals on Windows
            pass

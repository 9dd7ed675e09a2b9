"""The plan of a seed: the files and their drop times, the failures of hosts and storage, and the service's troubles."""

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum, auto
from http import HTTPStatus
from pathlib import Path

import local
from local.partner_center import LATE, MALFORMED, UPLOADS, Fault, Operation
from shared.device_files.hardware_hash.verification import VerifiedHash, verify
from shared.pipeline.intake.receive import LARGE
from shared.pipeline.submissions.line import IN_LINE
from shared.vocabulary import ActKind, FileOrder, Priority
from tests.simulation.service import Mishap, Trouble, makes_sense

CUSTOMERS = ("c7f3c849-129f-4b85-a96d-4f8e88b315a3", "11111111-2222-3333-4444-555555555555")
UNKNOWN_CUSTOMER = "99999999-2222-3333-4444-555555555555"
SAMPLES = Path(*local.__path__) / "samples"
HEADER = "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model,Group Tag"
HARDWARE_HASH = (SAMPLES / "hardware_hashes_utf16le.csv").read_text("utf-16-le").splitlines()[1].split(",")[2]
PROVOKED = (
    "STANDIN-808-",
    "STANDIN-806-",
    "STANDIN-806OTHER-",
    "STANDIN-812-",
    "STANDIN-0-",
    "STANDIN-NOREASON-",
    "STANDIN-StorageError-",
    "STANDIN-STUCK-",
    LATE,
    MALFORMED,
)
ALL_OPERATIONS = frozenset(Operation)
READ_BACK = frozenset({Operation.BATCH_DEVICES})
"""The requests for a submission past its deadline."""

TROUBLES: tuple[Trouble, ...] = (*Fault, *Mishap)
REFUSALS: tuple[Trouble, ...] = (
    Fault.THROTTLE,
    Fault.THROTTLE_UNTIL,
    Fault.UNAUTHORISED,
    Fault.UNAVAILABLE,
    Fault.GATEWAY_TIMEOUT,
)
BETWEEN_REPEATS: tuple[Trouble, ...] = (
    Fault.THROTTLE,
    Fault.UNAUTHORISED,
    Fault.FORBIDDEN,
    Fault.UNAVAILABLE,
    Fault.GATEWAY_TIMEOUT,
    Fault.DROPPED_BEFORE,
    Mishap.NEVER_SENT,
)
OUTAGES: tuple[Trouble, ...] = (
    Fault.UNAVAILABLE,
    Fault.UNAUTHORISED,
    Fault.FORBIDDEN,
    Fault.THROTTLE,
    Fault.DROPPED_BEFORE,
    Fault.DROPPED_AFTER,
    Mishap.NEVER_SENT,
)


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """A device file that a person drops."""

    path: str
    content: bytes
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A person's action and its time: a file of None is a deletion."""

    after: timedelta
    path: str
    file: DroppedFile | None


class Reach(Enum):
    """What a person holds."""

    FILE = auto()
    CUSTOMER = auto()
    EVERYTHING = auto()


@dataclass(frozen=True, slots=True)
class Rein:
    """A person holds, stops or lets go on what is sent of the file that is known at that time by this number."""

    after: timedelta
    act: ActKind
    reach: Reach
    number: int


class Deed(Enum):
    """What somebody else does with a device at the service."""

    DELETE = auto()
    MOVE = auto()
    REGISTER = auto()
    FORBID = auto()
    """It may be deleted no more."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody else does something at the service, with a device of those that stand there then, or a new one."""

    after: timedelta
    deed: Deed
    number: int


@dataclass(frozen=True, slots=True)
class Asking:
    """Somebody has the registered devices of a customer read."""

    after: timedelta
    customer_id: str


@dataclass(frozen=True, slots=True)
class Spell:
    """A period in which requests run into a trouble."""

    trouble: Trouble
    begins: timedelta
    ends: timedelta
    probability: float
    customer_id: str | None = None
    """None for all customers."""
    operations: Collection[Operation] = ALL_OPERATIONS

    def befalls(self, after: timedelta, operation: Operation, customer_id: str) -> bool:
        """Whether a request at this time after the start can run into the trouble."""
        return (
            self.begins <= after < self.ends
            and self.customer_id in (None, customer_id)
            and operation in self.operations
            and makes_sense(self.trouble, operation)
        )


@dataclass(frozen=True, slots=True)
class ClockJump:
    """A jump of the clock of one host."""

    after: timedelta
    host: int
    by: timedelta


@dataclass(frozen=True, slots=True)
class Shares:
    """What keeps the files of one customer from holding up those of another."""

    in_line: dict[Priority, int] = field(default_factory=lambda: dict(IN_LINE))
    """Submissions of a file that are woken before others have been accepted."""
    large: int = LARGE
    """The size in bytes from which the queue's function reads a file."""
    priorities: dict[str, Priority] = field(default_factory=dict)
    daily_limits: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is decided before the first event; shares and rates are from 0 to 1."""

    seed: int
    settings: dict[str, str] = field(default_factory=dict)
    arrivals: tuple[Arrival, ...] = ()
    reins: tuple[Rein, ...] = ()
    strangers: tuple[Stranger, ...] = ()
    by_night: tuple[Stranger, ...] = ()
    """What somebody else does when all is quiet, after a night in which the registered devices were read."""
    askings: tuple[Asking, ...] = ()
    weather: tuple[Spell, ...] = ()
    job_delay: timedelta = timedelta(minutes=1)
    unknown_customers: frozenset[str] = frozenset()
    most_devices: int = 1000
    existing_batch_status: HTTPStatus = HTTPStatus.CONFLICT
    retry_after: int = 20
    sweep_period: timedelta = timedelta(minutes=5)
    clocks: tuple[float, ...] = (0.0, 0.0)
    """For each host, the seconds by which its clock is ahead."""
    jumps: tuple[ClockJump, ...] = ()
    at_once: int = 4
    """Invocations that run at the same time."""
    turns: int = 300
    """Choices before the calm phase."""
    stay: float = 0.9
    """The probability that an invocation continues without another running between two of its effects."""
    crashes: float = 0.0
    """The probability that a host dies before an effect."""
    storage_failures: float = 0.0
    """The probability that storage fails at an effect, or that its answer is lost afterwards."""
    repeats: float = 0.0
    losses: float = 0.0
    """The probability that a message is delivered twice, or never."""
    longest_stall_of_readers: float = 0.01
    """The longest pause between two effects of a reading, as a share of a claim; above 1, a reader is taken over."""
    shares: Shares = field(default_factory=Shares)
    forgeries: float = 0.0
    """The probability of a forged wake-up of a submission, which the app never sent."""
    is_admin_agent: bool = True
    """Whether the sign-in may assign profiles."""


def plan_of(seed: int) -> Plan:
    """The plan of a seed."""
    chance = random.Random(seed)
    devices = _devices(chance)
    deadline = chance.choice((0.5, 1, 3))
    of_read_back = tuple(_spells_of_read_back(chance, deadline))
    if of_read_back:
        devices += [{"serial": "STANDIN-STUCK-9"}] * 3
    weather = (*_spells(chance), *of_read_back, *_spells_of_one_customer(chance), *_spells_between_repeats(seed))
    lasts = max((spell.ends for spell in weather), default=timedelta())
    shares = _shares(seed)
    is_long = lasts >= timedelta(hours=4) or bool(shares.daily_limits)
    return Plan(
        seed=seed,
        settings={
            "DEVICES_PER_SUBMISSION": str(chance.randint(1, 5)),
            "INLINE_SUBMISSIONS": str(chance.randint(0, 3)),
            "OUTCOME_DEADLINE_HOURS": str(deadline),
            "CLAIM_SECONDS": str(chance.choice((60, 300, 300))),
            **({"DEFAULT_BATCH": "Everyone"} if chance.random() < 0.3 else {}),
            "RECONCILE": "true",
        },
        arrivals=_with_profiles(seed, _with_removals(seed, _arrivals(chance, devices), devices)),
        reins=tuple(sorted((*_reins(seed), *_profile_orders(seed)), key=lambda rein: rein.after)),
        strangers=_strangers(seed),
        by_night=_by_night(seed),
        askings=_askings(seed),
        weather=weather,
        job_delay=timedelta(seconds=chance.choice((0, 20, 60, 60, 600, 2400))),
        unknown_customers=frozenset({UNKNOWN_CUSTOMER}),
        most_devices=2 if chance.random() < 0.1 else 1000,
        existing_batch_status=chance.choice((HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT)),
        retry_after=chance.choice((1, 20, 60, 600, 3600)),
        sweep_period=timedelta(minutes=60 if is_long else 5),
        clocks=tuple(chance.choice((0.0, 0.0, -2.0, 3.0)) for _ in range(chance.randint(1, 3))),
        at_once=chance.choice((1, 2, 4, 6)),
        turns=chance.choice((50, 150, 300)),
        stay=chance.choice((0.0, 0.6, 0.9, 0.97, 0.995)),
        crashes=chance.choice((0.0, 0.0, 0.002, 0.01, 0.03)),
        storage_failures=chance.choice((0.0, 0.0, 0.0, 0.003, 0.01, 0.03)),
        repeats=chance.choice((0.0, 0.1, 0.3)),
        losses=chance.choice((0.0, 0.0, 0.1, 0.3)),
        longest_stall_of_readers=chance.choice((0.01, 0.01, 3.0)),
        forgeries=chance.choice((0.0, 0.0, 0.3, 1.0)),
        shares=shares,
        is_admin_agent=random.Random(f"the role of {seed}").random() >= _SALES_AGENTS,
    )


def _shares(seed: int) -> Shares:
    """Few in line, since the files are small. It draws by itself, so that the rest of each plan stays as it was."""
    chance = random.Random(f"the shares of {seed}")
    if chance.random() < _AS_THEY_ARE:
        return Shares()
    return Shares(
        in_line={priority: chance.choice((1, 2, 3)) for priority in Priority},
        large=chance.choice((LARGE, 1, 200)),
        priorities={customer: chance.choice(list(Priority)) for customer in CUSTOMERS},
        daily_limits={customer: chance.choice((2, 3, 7)) for customer in CUSTOMERS if chance.random() < _LIMITED},
    )


def _with_profiles(seed: int, arrivals: tuple[Arrival, ...]) -> tuple[Arrival, ...]:
    """Some files wish for profiles. It draws by itself, so that the rest of each plan stays as it was."""
    chance = random.Random(f"profiles of {seed}")
    return arrivals if chance.random() < 0.5 else tuple(_wishing(chance, arrival) for arrival in arrivals)


def _wishing(chance: random.Random, arrival: Arrival) -> Arrival:
    if arrival.file is None or not arrival.file.rows or chance.random() < 0.2:
        return arrival
    rows = tuple(f"{row},{chance.choice(PROFILES)}" for row in arrival.file.rows)
    if chance.random() < 0.3:
        rows = tuple(row.replace("D1,", "STANDIN-PROFILE-809-1,") for row in rows)
    content = "\r\n".join((f"{HEADER},Profile", *rows, "")).encode()
    return replace(arrival, file=DroppedFile(arrival.file.path, content, rows))


def _profile_orders(seed: int) -> Iterator[Rein]:
    """Somebody assigns a profile to a file, which is refused unless it is closed. It draws by itself, too."""
    chance = random.Random(f"profile orders of {seed}")
    if chance.random() < _WITH_PROFILE_ORDERS:
        for _ in range(chance.randint(1, 3)):
            after = timedelta(seconds=chance.choice((100, 300, 1000, 3000, 10_000)))
            yield Rein(after, ActKind.ASSIGN_PROFILE, Reach.FILE, chance.randint(0, 3))


ORDERED_PROFILE = "kiosk"
"""What is assigned to files that are closed."""

_WITH_PROFILE_ORDERS = 0.4

PROFILES = ("", "Standard", "standard", "KIOSK", "Nobody's")
"""What rows wish for: two configuration policies of each customer, and one that there is not."""

_SALES_AGENTS = 0.1
_AS_THEY_ARE = 0.25
_LIMITED = 0.3


def row(
    serial: str = "", key: str = "", hardware_hash: str = "", tag: str = "", maker: str = "LENOVO", model: str = "21R3"
) -> str:
    """A line of a device file."""
    names = f"{maker},{model}" if serial else ","
    return f"{serial},{key},{hardware_hash},{names},{tag}"


def file_of(path: str, rows: tuple[str, ...]) -> DroppedFile:
    """A device file of these lines."""
    return DroppedFile(path, "\r\n".join((HEADER, *rows, "")).encode(), rows)


def _devices(chance: random.Random) -> list[dict[str, str]]:
    """All devices: only a few, so that several files hold the same device."""
    devices: list[dict[str, str]] = [{"serial": f"D{number}"} for number in range(chance.randint(4, 14))]
    devices += [{"key": f"{number:013d}"} for number in range(3_000_000_000_001, 3_000_000_000_003)]
    devices += [{"serial": f"{provoked}{chance.randint(1, 3)}"} for provoked in chance.sample(PROVOKED, 3)]
    if chance.random() < 0.3:
        # The same device with its hash, which is the better record, and with its names.
        found = verify(HARDWARE_HASH)
        assert isinstance(found, VerifiedHash)
        devices.append({"hardware_hash": HARDWARE_HASH})
        devices.append({"serial": found.serial_number, "maker": found.manufacturer, "model": found.model})
    return devices


def _arrivals(chance: random.Random, devices: list[dict[str, str]]) -> tuple[Arrival, ...]:
    at, arrivals = timedelta(), list[Arrival]()
    for _ in range(chance.choice((1, 1, 2, 2, 3, 4))):
        path = _path(chance)
        tag = chance.choice(("", "Sales", "sales", "Lab"))
        file = file_of(path, tuple(_row(chance, devices, tag) for _ in range(chance.randint(1, 10))))
        if chance.random() < 0.04:
            file = DroppedFile(path, b"no device file", ())
        arrivals.append(Arrival(at, path, file))
        if chance.random() < 0.06:
            arrivals.append(Arrival(at + timedelta(seconds=chance.choice((0, 1, 120))), path, None))
        at += timedelta(seconds=chance.choice((0, 0, 5, 100, 1000)))
    return tuple(arrivals)


_MOVES = 0.5
_WITHOUT_TAGS = 0.7


def _with_removals(seed: int, arrivals: tuple[Arrival, ...], devices: list[dict[str, str]]) -> tuple[Arrival, ...]:
    """Files that ask to remove or move devices, among the others. They draw by themselves, as all else stays."""
    chance = random.Random(f"removals of {seed}")
    if chance.random() < 0.5:
        return arrivals
    removals = list[Arrival]()
    for _ in range(chance.choice((1, 1, 2))):
        folder, _, name = chance.choice((*(arrival.path for arrival in arrivals), _path(chance))).rpartition("/")
        customer = folder.partition("/")[0]
        path = f"{FileOrder.REMOVE.folder}/{chance.choice((customer, customer, folder))}/{name}"
        if chance.random() < _MOVES:
            path = f"{FileOrder.MOVE.folder}/{customer}/{chance.choice(('Lab', 'Sales', 'Test'))}/{name}"
        tag = chance.choice(("", "", "", "Sales", "Test"))
        dropped = [row for arrival in arrivals if arrival.file is not None for row in arrival.file.rows]
        if chance.random() < _WITHOUT_TAGS:
            dropped = [f"{row.rpartition(',')[0]}," for row in dropped]
        rows = [_row(chance, devices, tag) for _ in range(chance.randint(1, 5))]
        rows += [f"D{chance.randint(0, 9)},,,,,{tag}" for _ in range(chance.choice((0, 0, 1, 2)))]
        file = file_of(path, (*rows, *chance.sample(dropped, min(len(dropped), chance.randint(0, 8)))))
        removals.append(Arrival(timedelta(seconds=chance.choice((0, 60, 1000, 4000, 9000, 20000))), path, file))
    return tuple(sorted((*arrivals, *removals), key=lambda arrival: arrival.after))


def _strangers(seed: int) -> tuple[Stranger, ...]:
    """Deeds of somebody else. They draw by themselves, so that the rest of each plan stays as it was."""
    chance = random.Random(f"strangers of {seed}")
    times = [chance.choice((30, 100, 300, 1000, 3000, 10_000, 20_000)) for _ in range(chance.choice((0, 0, 2, 4, 8)))]
    return tuple(_stranger(chance, timedelta(seconds=time)) for time in sorted(times))


def _by_night(seed: int) -> tuple[Stranger, ...]:
    """It draws by itself, too."""
    chance = random.Random(f"night of {seed}")
    return tuple(_stranger(chance, timedelta()) for _ in range(chance.choice((0, 0, 0, 1, 3))))


def _stranger(chance: random.Random, after: timedelta) -> Stranger:
    (deed,) = chance.choices(list(Deed), (3, 4, 3, 1))
    return Stranger(after, deed, chance.randint(0, 99))


def _askings(seed: int) -> tuple[Asking, ...]:
    """Readings of registered devices. They draw by themselves, so that the rest of each plan stays as it was."""
    chance = random.Random(f"readers of {seed}")
    times = [chance.choice((60, 200, 1000, 4000, 10000)) for _ in range(chance.choice((0, 0, 2, 4)))]
    return tuple(Asking(timedelta(seconds=time), chance.choice((CUSTOMERS[0], *CUSTOMERS))) for time in sorted(times))


def _path(chance: random.Random) -> str:
    customer = chance.choices((*CUSTOMERS, UNKNOWN_CUSTOMER, "nobody"), (60, 20, 4, 2))[0]
    folder = chance.choice(("Test/", "Test/", "TEST/", "Lab/", ""))
    return f"{customer}/{folder}{chance.choice(('a', 'b', 'c'))}.csv"


def _row(chance: random.Random, devices: list[dict[str, str]], tag: str) -> str:
    if chance.random() < 0.08:
        return f"ALONE{chance.randint(1, 9)},,,,,{tag}"
    return row(**chance.choice(devices), tag=tag if chance.random() < 0.8 else "")


def _spells(chance: random.Random) -> Iterator[Spell]:
    for _ in range(chance.choice((0, 1, 1, 2, 3, 4))):
        yield _spell(chance)


def _spells_of_read_back(chance: random.Random, deadline_hours: float) -> Iterator[Spell]:
    """Get Devices alone is refused, from before the first deadline on."""
    if chance.random() < 0.2:
        begins = timedelta(hours=deadline_hours) - timedelta(minutes=5)
        ends = begins + timedelta(hours=chance.choice((0.5, 2, 6)))
        yield Spell(chance.choice(REFUSALS), begins, ends, chance.choice((0.7, 1.0)), operations=READ_BACK)


def _spells_of_one_customer(chance: random.Random) -> Iterator[Spell]:
    """Only one customer is throttled."""
    if chance.random() < 0.15:
        ends = timedelta(minutes=chance.choice((20, 60, 240)))
        yield Spell(Fault.THROTTLE, timedelta(), ends, 1.0, chance.choice(CUSTOMERS))


def _spells_between_repeats(seed: int) -> Iterator[Spell]:
    """Answers to uploads are lost, and between their repeats the service throttles, fails and forgets request ids.

    It draws by itself, so that the rest of each plan stays as it was.
    """
    chance = random.Random(f"between the repeats of {seed}")
    if chance.random() < 0.3:
        ends = timedelta(minutes=chance.choice((5, 20, 60)))
        forgets = [Fault.FORGET_REQUEST_IDS] if chance.random() < 0.5 else []
        for trouble in (Fault.DROPPED_AFTER, *chance.sample(BETWEEN_REPEATS, 2), *forgets):
            yield Spell(trouble, timedelta(), ends, chance.choice((0.3, 0.5)), operations=UPLOADS)


def _reins(seed: int) -> tuple[Rein, ...]:
    """Holds and stops at any moment. It draws by itself, so that the rest of each plan stays as it was."""
    chance = random.Random(f"reins of {seed}")
    if chance.random() < 0.5:
        return ()
    acts = (ActKind.HOLD, ActKind.HOLD, ActKind.STOP, ActKind.STOP, ActKind.GO_ON, ActKind.GO_ON)
    reins = [
        Rein(
            timedelta(seconds=chance.choice((0, 1, 5, 20, 60, 100, 300, 1000, 2000))),
            act := chance.choice(acts),
            Reach.FILE if act is ActKind.STOP else chance.choice((Reach.FILE, Reach.FILE, *Reach)),
            chance.randint(0, 3),
        )
        for _ in range(chance.randint(1, 4))
    ]
    return tuple(sorted(reins, key=lambda rein: rein.after))


def _spell(chance: random.Random) -> Spell:
    long = chance.random()
    trouble = chance.choice(OUTAGES if long < 0.15 else TROUBLES)
    lasts = timedelta(minutes=chance.choice((1, 5, 20, 60)))
    if long < 0.03:
        lasts = timedelta(hours=chance.choice((24, 72)))
    elif long < 0.15:
        lasts = timedelta(hours=chance.choice((2, 6)))
    begins = timedelta(seconds=chance.choice((0, 0, 10, 60, 600)))
    customer = chance.choice((None, None, CUSTOMERS[0]))
    return Spell(trouble, begins, begins + lasts, chance.choice((0.2, 0.5, 0.9, 1.0)), customer)

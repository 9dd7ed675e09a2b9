"""The results as tables for people and as one JSON object. Pure except for `show`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from local.bench.goals import GOALS, Figure, Goal, Verdict, verdict
from local.bench.sizes import Sizes

_STYLES = {Verdict.REACHED: "green", Verdict.MISSED: "red", Verdict.TOO_NOISY: "yellow"}
_LARGE = 100
"""From here on numbers are shown without decimals."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One goal and its verdict."""

    goal: Goal
    figure: Figure | None
    verdict: Verdict

    @property
    def value(self) -> float | None:
        """The figure's value, if there is one."""
        return self.figure.value if self.figure else None


@dataclass(frozen=True, slots=True)
class Section:
    """One table."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def judged(figures: Mapping[str, Figure], sizes_are_full: Mapping[str, bool]) -> list[Judged]:
    """Every goal; `sizes_are_full` says by goal whether it was measured at the size that it is about."""
    return [
        Judged(
            goal, figures.get(goal.key), verdict(goal, figures.get(goal.key), has_full_size=sizes_are_full[goal.key])
        )
        for goal in GOALS
    ]


def exit_code(goals: Iterable[Judged], failed: Mapping[str, str]) -> int:
    """0 if every requested measurement ran, and no goal that could be judged is missed."""
    return 1 if failed or any(each.verdict is Verdict.MISSED for each in goals) else 0


def as_json(
    goals: Sequence[Judged],
    raw: Mapping[str, object],
    failed: Mapping[str, str],
    sizes: Sizes,
    about: Mapping[str, object],
) -> dict[str, object]:
    """All results: the goals with their figures, then the raw data."""
    return {
        **{each.goal.key: each.value for each in goals},
        **about,
        "goals": {
            each.goal.key: {
                "value": each.value,
                "goal": each.goal.limit,
                "at_least": each.goal.at_least,
                "unit": each.goal.unit,
                "meaning": each.goal.meaning,
                "within_goal": None if each.value is None else each.goal.is_reached_by(each.value),
                "repetitions": list(each.figure.repetitions) if each.figure else [],
                "spread": each.figure.spread if each.figure else None,
                "verdict": each.verdict,
            }
            for each in goals
        },
        "sizes": asdict(sizes),
        "failed": dict(failed),
        "raw": dict(raw),
    }


def sections(goals: Sequence[Judged], raw: Mapping[str, Any]) -> list[Section]:
    """Every table for which there are results."""
    makers = {
        "waiting": _polls,
        "operations": _operations,
        "growth": _growth,
        "end_to_end": _end_to_end,
        "capacity": _capacity,
    }
    found = [_goals(goals)]
    for name, make in makers.items():
        if name in raw:
            found += make(raw[name])
    return found


def _goals(goals: Sequence[Judged]) -> Section:
    rows = [
        (
            f"{each.goal.key}: {each.goal.meaning}",
            number(each.value, each.goal.unit),
            each.goal.in_words,
            "" if each.figure is None or each.figure.spread is None else f"{each.figure.spread:.0%}",
            each.verdict.value,
        )
        for each in goals
    ]
    return Section("Goals", ("figure", "measured", "goal", "spread", "verdict"), rows)


def _polls(raw: Mapping[str, Any]) -> list[Section]:
    rows = [
        (number(each["duration"]), str(each["polls"]), number(each["wait"]), f"{each['share_of_allowed']:.0%}")
        for each in raw["polls"]
    ]
    columns = ("job lasts, s", "status requests", "then waited, s", "share of allowed wait")
    return [Section("Polling a job", columns, rows)]


def _operations(raw: Mapping[str, Any]) -> list[Section]:
    small, large = raw["small"], raw["large"]
    names = sorted(
        small["per_1000_devices"].keys() | large["per_1000_devices"].keys(),
        key=lambda name: -max(small["per_1000_devices"].get(name, 0), large["per_1000_devices"].get(name, 0)),
    )
    rows = [
        (name, *(number(of["per_1000_devices"].get(name, 0)) for of in (small, large)), number(further(raw, name)))
        for name in names
    ]
    rows.append(("all", *(number(of["operations"] * 1000 / of["rows"]) for of in (small, large)), _all_further(raw)))
    rows.append(("cost, example prices, USD", *(f"{of['usd_per_1000_devices']:.5f}" for of in (small, large)), ""))
    columns = ("storage operation", *(f"file of {of['rows']:,}" for of in (small, large)), "each further poll")
    return [Section("Storage operations per 1,000 devices", columns, rows)]


def further(raw: Mapping[str, Any], name: str) -> float:
    """How often one further status request performs the operation `name`."""
    found: float = raw["further_poll"].get(name, 0)
    return found


def _all_further(raw: Mapping[str, Any]) -> str:
    return number(raw["operations_per_further_poll"])


def _growth(raw: Mapping[str, Any]) -> list[Section]:
    rows = [
        (family.replace("_", " "), f"{int(size):,}", number(microseconds))
        for family, sizes in raw["microseconds_per_row"].items()
        for size, microseconds in sizes.items()
    ]
    hosts = [
        (
            str(each["hosts"]),
            *(number(each[name]) for name in ("reading_seconds", "posting_seconds", "finishing_seconds")),
            number(each["host_cpu_seconds"]),
        )
        for each in raw["hosts"]
    ]
    devices = raw["hosts"][0]["devices"]
    return [
        Section("CPU per row by size of file", ("file", "rows", "CPU per row, us"), rows),
        Section(
            f"One file of {devices:,} devices on several hosts of this machine",
            ("hosts", "to first POST, s", "POSTs, s", "to closed, s", "CPU of all hosts, s"),
            hosts,
        ),
    ]


def _end_to_end(raw: Mapping[str, Any]) -> list[Section]:
    ours, peer = raw["ours"], raw["peer"]
    lines = (
        ("devices per second", "devices_per_second"),
        ("CPU per device, ms", "cpu_ms_per_device"),
        ("peak memory, MB", "peak_mb"),
        ("storage operations per 1,000 devices", "operations_per_1000_devices"),
        ("seconds", "seconds"),
        ("CPU of start-up, s (not counted)", "start_up_cpu_seconds"),
        ("CPU of Azurite, s (not counted)", "azurite_cpu_seconds"),
        ("CPU of the stand-in, s (not counted)", "service_cpu_seconds"),
    )
    rows = [(words, number(ours.get(name)), number(peer.get(name))) for words, name in lines]
    return [Section(f"{raw['devices']:,} devices with hashes, end to end", ("", "Device Drop", "plain script"), rows)]


def _capacity(raw: Mapping[str, Any]) -> list[Section]:
    columns = (
        "instances",
        "Partner Center accepts, requests/s",
        "median, min",
        "95 %, min",
        "longest, min",
        "status requests",
        "most rows/s",
        "cores used",
        "Partner Center used",
    )
    titles = {
        "by_instances": "10 million devices a day",
        "by_partner_center_rate": "10 million devices a day, by the request rate of Partner Center",
        "within_an_hour": "10 million devices within an hour",
    }
    return [Section(title, columns, [_day(result) for result in raw[name]]) for name, title in titles.items()]


def _day(result: Mapping[str, Any]) -> tuple[str, ...]:
    minutes = (result[name] / 60 for name in ("median_seconds", "seconds_of_95_percent", "longest_seconds"))
    return (
        str(result["instances"]),
        number(result["partner_requests_a_second"]),
        *map(number, minutes),
        f"{result['status_requests']:,}",
        number(result["busiest_rows_a_second"]),
        f"{result['core_use']:.1%}",
        f"{result['partner_use']:.0%}",
    )


def number(value: float | None, unit: str = "") -> str:
    """A number as people read it; nothing for None."""
    if value is None:
        return ""
    text = f"{value:,.0f}" if abs(value) >= _LARGE or value == int(value) else f"{value:,.3g}"
    return f"{text} {unit}".strip()


def markdown(section: Section) -> str:
    """The table as Markdown."""
    lines = [section.columns, ("---",) * len(section.columns), *section.rows]
    return "\n".join([f"### {section.title}", "", *("| " + " | ".join(cells) + " |" for cells in lines), ""])


def show(console: Console, found: Sequence[Section]) -> None:
    """Print every table."""
    for section in found:
        table = Table(*section.columns, title=section.title, title_justify="left")
        for row in section.rows:
            style = next((style for word, style in _STYLES.items() if row[-1] == word.value), "")
            table.add_row(*row, style=style)
        console.print(table)

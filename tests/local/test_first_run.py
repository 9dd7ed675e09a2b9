"""The first run shows what the product does, and the README's picture shows exactly that run."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from local import run
from local.arguments import SAMPLE_CUSTOMER
from local.dropping import samples
from local.hosts import HostKind
from local.processes import PROJECT
from local.services import DataFolder
from tests.local import first_run

pytestmark = pytest.mark.takes_long

PICTURE = PROJECT / "docs" / "pictures" / "terminal.svg"
COLUMNS = 132
TITLE = "python -m local run --once"
AGAIN = (
    "The run shows something else by now: make the picture again with pytest tests/local/test_first_run.py --pictures"
)
SENTENCES = ("Dropped ", "Next: ", "docs/")


def test_the_files_are_as_they_are_described() -> None:
    assert {file.name: file.read_bytes() for file in samples()} == first_run.files()


def test_the_picture_shows_the_first_run(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(record=True, width=COLUMNS, force_terminal=False, color_system="truecolor", file=None)
    monkeypatch.setattr(run, "Console", lambda **_: console)
    monkeypatch.setattr(run, "PROJECT", tmp_path)
    for name in ("PARTNER_CENTER_URL", "PARTNER_CENTER_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    options = run.RunOptions(
        files=(),
        customer_id=SAMPLE_CUSTOMER,
        batch_id="Sample",
        once=True,
        results=None,
        timeout_seconds=300,
        instances=1,
        host=HostKind.LOCAL,
        data=DataFolder(tmp_path / ".local"),
    )
    assert run.run(options) == 0
    # Rich names fonts at another host.
    drawn = re.sub(
        r"@font-face \{.*?\}\s*|<!--.*?-->\s*", "", console.export_svg(title=TITLE, unique_id="run"), flags=re.DOTALL
    )
    if request.config.getoption("--pictures"):
        PICTURE.write_text(drawn, encoding="utf-8")
    assert _lasting(drawn) == _lasting(PICTURE.read_text(encoding="utf-8")), AGAIN
    assert {address for address in re.findall(r"https?://[^/\s\"<:]+", drawn) if "127.0.0.1" not in address} <= {
        "http://www.w3.org"
    }
    assert str(tmp_path) not in drawn


def _lasting(picture: str) -> list[str]:
    """The lines of a picture that are the same in every run: no ports, and no progress between drop and end."""
    by_height: dict[float, list[str]] = {}
    for text in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text"):
        by_height.setdefault(float(text.attrib["y"]), []).append(text.text or "")
    lines = ["".join(parts).replace("\xa0", " ").rstrip() for _, parts in sorted(by_height.items())]
    return [line for line in lines if "│" in line or line.startswith(SENTENCES)]


def test_the_picture_shows_every_strength() -> None:
    lines = "\n".join(_lasting(PICTURE.read_text(encoding="utf-8")))
    for shown in ("registered", "was restored from the hardware", "duplicate", "rejected", "failed", "Next: "):
        assert shown in lines

import random
import tracemalloc
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, repeat
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.device_files.account import FileAccount
from shared.device_files.formats import oa3_reports
from shared.device_files.formats.decoding import MAXIMUM_LINE
from shared.device_files.rows import PassedOver
from shared.reasons import FileReason, PassedOverKind, UnreadableDeviceFile

SAMPLES = Path(__file__).parents[1] / "samples"
MEGABYTE = 1024 * 1024
SECRET = "ABCDE-12345-FGHIJ-67890-KLMNO"
HASH, KEY, SERIAL = "Hardware Hash", "Windows Product ID", "Device Serial Number"


def read(
    text: str | bytes, size: int = 1_000_000
) -> tuple[list[tuple[str, Mapping[str, str]]], tuple[PassedOver, ...]]:
    data = text.encode() if isinstance(text, str) else text
    account = FileAccount()
    chunks = (data[at : at + size] for at in range(0, len(data), size))
    return list(oa3_reports.items(chunks, account)), account.passed_over


def devices(text: str) -> list[Mapping[str, str]]:
    return [cells for _, cells in read(text)[0]]


def refusal(text: str | bytes) -> UnreadableDeviceFile:
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(text)
    return raised.value


def key(number: int) -> str:
    return f"<Key><ProductKeyID>33{number}</ProductKeyID><HardwareHash>T0{number}</HardwareHash></Key>"


ONE, TWO = ({KEY: f"33{number}", HASH: f"T0{number}"} for number in (1, 2))


@pytest.mark.parametrize(
    "text",
    [
        f"<Keys>{key(1)}{key(2)}</Keys>",
        f'<?xml version="1.0"?>\n{key(1)}\n<?xml version="1.0"\n encoding="utf-16"?>\n{key(2)}\n',
        f"{key(1)}\r\n{key(2)}\0\0\x1a",
        f'\ufeff<?xml version="1.0"?>{key(1)}\ufeff<?xml version="1.0"?>{key(2)}',
        f'<Report xmlns="urn:x" at="noon"><Keys>{key(1)}</Keys><Keys>{key(2)}</Keys></Report>',
        f"<o:Keys xmlns:o='urn:x'>{key(1)}{key(2)}</o:Keys>".replace("<Key>", "<o:KEY>").replace("</Key>", "</o:KEY>"),
        '<Keys><Key HardwareHash="T01" ProductKeyID="331"/><Key productkeyid="332" hardwarehash="T02"></Key></Keys>',
        """<Keys><Key ProductKeyID="331"><HardwareHash Value="T01"/></Key>
        <Key><A><ProductKeyID>332</ProductKeyID></A><B><C><HARDWAREHASH> T02\n</HARDWAREHASH></C></B></Key></Keys>""",
        f"<!-- Keys --><Keys>{key(1)}<!-- <Key> --><![CDATA[\n]]>{key(2)}</Keys>",
        f"<Devices>{key(1)}{key(2)}</Devices>".replace("Key>", "Device>"),
        """<Objects><Object><Property Name="HardwareHash">T01</Property><Property Name="ProductKeyID">331</Property>
        </Object><Object><Field Name="ProductKeyID" Value="332"/><Field Name="HardwareHash" Value="T02"/></Object>
        </Objects>""",
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_each_key_is_one_device_however_the_report_is_built(text: str, size: int) -> None:
    found, _ = read(text, size)
    assert [cells for _, cells in found] == [ONE, TWO]


def test_fields_of_one_key_never_reach_the_next() -> None:
    text = "<Keys><Key><ProductKeyID>331</ProductKeyID></Key><Key><HardwareHash>T02</HardwareHash></Key><SerialNumber>X"
    assert devices(text + "</SerialNumber></Keys>") == [{KEY: "331"}, {HASH: "T02"}]


def test_what_a_report_says_of_the_device_beside_its_hash_is_given_too() -> None:
    field = "<Field><Name>{}</Name><Value>{}</Value></Field>".format
    text = (
        f"<Key><Manufacturer>HP</Manufacturer><Model>840</Model><HardwareHash>T0</HardwareHash><ProductKeyID/>"
        f"<OEMOptionalInfo>{field('SerialNumber', 'S1')}{field('ZPC_SKU', 'x')}{field('A', 'b')}</OEMOptionalInfo>"
        f"<Note>a</Note><Note>b</Note><Name>N</Name></Key>"
    )
    assert devices(text) == [
        {
            "Manufacturer name": "HP", "Device model": "840", HASH: "T0", KEY: "", SERIAL: "S1", "ZPC_SKU": "x",
            "A": "b", "Note": "a; b", "Name": "N",
        }
    ]  # fmt: skip


def test_a_key_without_identity_is_a_row_beside_others() -> None:
    assert devices(f"<Keys><Key><ProductKeyState>6</ProductKeyState></Key>{key(1)}<Key/></Keys>") == [{}, ONE]


def test_the_product_key_itself_is_a_secret() -> None:
    text = (
        f'<Keys a="{SECRET}"><Key ProductKey="{SECRET}"><ProductKey>{SECRET}</ProductKey>'
        f"<HardwareHash>T0</HardwareHash><Key25>{SECRET}</Key25></Key><Other>{SECRET.lower()}</Other></Keys>"
    )
    found, passed_over = read(text)
    assert SECRET.casefold() not in f"{found}{passed_over}".casefold()
    assert found[0][1] == {HASH: "T0", "Key25": "…"}


def test_what_stands_beside_the_devices_is_accounted_for() -> None:
    text = (
        f"<Report>\n<Tool>x</Tool>\n<Disk><SerialNumber>S1</SerialNumber><Model>M</Model></Disk>{key(1)}"
        f"\n<SerialNumber>5CG1234567</SerialNumber></Report>"
    )
    found, (beside,) = read(text)
    assert [cells for _, cells in found] == [ONE]
    assert (beside.count, beside.places, beside.excerpts, beside.may_hold_device) == (
        4,
        ("<Report> Tool", "<Report> SerialNumber", "<Disk> SerialNumber", "<Disk> Model"),
        ("x", "5CG1234567", "S1", "M"),
        True,
    )


def test_a_device_in_a_comment_is_told_of() -> None:
    _, over = read(f"<Keys>\n{key(1)}\n<!-- x\n --><!-- {key(2) * 4} --></Keys>", 7)
    assert [(each.kind, each.count, each.places, each.may_hold_device) for each in over] == [
        (PassedOverKind.COMMENT, 2, ("line 3", "line 4"), False)
    ]
    _, over = read("<Key><HardwareHash>T01</HardwareHash><!-- <ProductKeyID>3300000000123</ProductKeyID> --></Key>", 7)
    assert over[0].may_hold_device


def test_text_between_elements_is_accounted_for() -> None:
    found, (beside,) = read(f"<Keys>{key(1)} 5CG1234567 {key(2)}</Keys>")
    assert ([cells for _, cells in found], beside.may_hold_device) == ([ONE, TWO], True)


def test_a_device_is_named_by_its_number() -> None:
    assert [place for place, _ in read(f"<Keys>{key(1)}{key(2)}\n{key(3)}</Keys>")[0]] == ["Key 1", "Key 2", "Key 3"]


@pytest.mark.parametrize(
    "within",
    [
        "<ProductKeyID>331</ProductKeyID><HardwareHash>T01</HardwareHash><HardwareHash>T02</HardwareHash>",
        "<HardwareHash>T01</HardwareHash><HardwareHash>T02</HardwareHash><ProductKeyID>331</ProductKeyID>",
        "<HardwareHash>T01</HardwareHash><SerialNumber>1</SerialNumber><SerialNumber>2</SerialNumber>",
        "<SerialNumber>1</SerialNumber><SerialNumber>2</SerialNumber><HardwareHash>T01</HardwareHash>",
    ],
)
@pytest.mark.parametrize("around", ["Key", "Device"])
def test_where_it_cannot_be_told_which_values_belong_together_the_file_is_refused(within: str, around: str) -> None:
    error = refusal(f"<{around}>{within}</{around}>")
    assert (error.reason, "belong together" in error.detail) == (FileReason.XML_UNREADABLE, True)


@pytest.mark.parametrize(
    "text",
    [
        "<Key><Key><HardwareHash>T01</HardwareHash></Key><Key><ProductKeyID>332</ProductKeyID></Key></Key>",
        "<Devices><ProductKeyID>332</ProductKeyID><Device><HardwareHash>T01</HardwareHash></Device></Devices>",
        f"<Keys><HardwareHash>T02</HardwareHash>{key(1)}</Keys>",
    ],
)
def test_a_device_in_a_device_is_refused(text: str) -> None:
    assert "belong together" in refusal(text).detail


def test_a_value_that_is_said_twice_is_one() -> None:
    text = "<Key SerialNumber='S1'><SerialNumber/><SerialNumber>S1</SerialNumber><HardwareHash>T0</HardwareHash></Key>"
    assert devices(text) == [{SERIAL: "S1", HASH: "T0"}]


_UNDER_ROOT = f"<Keys>{key(1)}"


@pytest.mark.parametrize(
    ("text", "reason", "says"),
    [
        ("<Key><HardwareHash>T0", FileReason.XML_UNREADABLE, "cut off in line 1:"),
        (f"{_UNDER_ROOT}\n<Key><Hard", FileReason.XML_UNREADABLE, "cut off in line 2"),
        (f"{_UNDER_ROOT}\n", FileReason.XML_UNREADABLE, "cut off in line 2"),
        (f"{_UNDER_ROOT}</Key>", FileReason.XML_UNREADABLE, "Line 1: mismatched tag"),
        (f"{key(1)}</Key>", FileReason.XML_UNREADABLE, "Line 1"),
        (f"{key(1)}</files><files>", FileReason.XML_UNREADABLE, "Line 1: junk after document element"),
        (f"{key(1)}\n tail", FileReason.XML_UNREADABLE, "has tail outside"),
        (f"{key(1)}\n tail <a/>", FileReason.XML_UNREADABLE, "has tail outside"),
        ("<Key><HardwareHash>&b;</HardwareHash></Key>", FileReason.XML_UNREADABLE, "undefined entity"),
        ('<!DOCTYPE a [<!ENTITY b "bb">]><Key>&b;</Key>', FileReason.XML_UNREADABLE, "document type"),
        (f'{key(1)}<?xml version="1.0"?><!doctype a SYSTEM "a"><a/>', FileReason.XML_UNREADABLE, "document type"),
        ("<a>" * 70 + "</a>" * 70, FileReason.XML_UNREADABLE, "more than 32"),
        ("<?xml version='1.0'?>", FileReason.XML_UNREADABLE, "no element"),
        ("<!-- nothing -->", FileReason.XML_UNREADABLE, "no element"),
        ("<Key/>", FileReason.NO_DEVICE_ROWS, "No Key of it"),
        ("<Keys><Key><Other>x</Other></Key></Keys>", FileReason.NO_DEVICE_ROWS, "No Key of it"),
        ("<unattend xmlns='urn:x'><settings/></unattend>", FileReason.NOT_DEVICES, "unattend.xml"),
        ("<Objects><Object/></Objects>", FileReason.NOT_DEVICES, "ConvertTo-Xml"),
        ("<configuration><add key='a' value='b'/></configuration>", FileReason.NOT_DEVICES, "<configuration>"),
        ("<plist><dict><key>SerialNumber</key><string>X</string></dict></plist>", FileReason.NOT_DEVICES, "<plist>"),
        ("<Disk><SerialNumber>1</SerialNumber><Model>b</Model></Disk>", FileReason.NOT_DEVICES, "<Disk>"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [5, 1_000_000])
def test_what_cannot_be_read_is_refused_by_name(text: str, reason: FileReason, says: str, size: int) -> None:
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(text, size)
    assert (raised.value.reason, says in raised.value.detail) == (reason, True)


def _refused(chunks: Iterable[bytes]) -> tuple[FileReason, int]:
    """Why a text is refused, and the most memory that was held."""
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableDeviceFile) as raised:
            for _ in oa3_reports.items(chunks, FileAccount()):
                pass
        return raised.value.reason, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("start", "piece", "times"),
    [
        (b"<Key ", b'a="b" ' * 10_000, 100),
        (b"<Key a='", b"> " * 30_000, 100),
        (b"<Key><HardwareHash>", b"A" * 65_536, 100),
        (b"<Key><HardwareHash>", b"&gt;>" * 10_000, 100),
        (b"<Key><!-- ", b"- " * 32_768, 100),
        (b"<Key><!-- ", b"<a> " * 16_384, 100),
        (b"<Key><![CDATA[", b"<a> " * 16_384, 100),
        (b"<Key>", b"<a>b</a>" * 8_000, 100),
        (b"<Key>", b"<HardwareHash/><a/>" * 3_000, 5),
        (b"<a>", b"<b>text</b>" * 6_000, 5),
        (b"<a>", b"<a>" * 20_000, 10),
        (b"", b"\n" * 65_536, 100),
    ],
)
def test_xml_of_any_size_is_refused_in_bounded_memory(start: bytes, piece: bytes, times: int) -> None:
    reason, memory = _refused(chain([start], repeat(piece, times)))
    assert reason in (FileReason.LINE_TOO_LONG, FileReason.XML_UNREADABLE, FileReason.XML_TOO_LARGE)
    assert memory < 64 * MEGABYTE


def test_a_file_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oa3_reports, "MAXIMUM_ELEMENTS", 1_000)
    assert refusal("<a b='c'/>" * 500).reason is FileReason.NOT_DEVICES
    assert refusal("<a b='c'/>" * 501).reason is FileReason.XML_TOO_LARGE


def test_an_element_longer_than_a_row_is_refused() -> None:
    error = refusal(f"<Key><HardwareHash>{'A' * (MAXIMUM_LINE + 1)}</HardwareHash></Key>")
    assert (error.reason, "more than 65,536" in error.detail) == (FileReason.LINE_TOO_LONG, True)


def test_files_from_the_field() -> None:
    first, second = (cells for _, cells in read((SAMPLES / "field" / "55_oa3_key_without_hash.xml").read_bytes())[0])
    assert first == {KEY: "3300000000061"}
    assert list(second) == [HASH]
    (report,) = (cells for _, cells in read((SAMPLES / "32_oa3.xml").read_bytes())[0])
    assert list(report) == [HASH]
    error = refusal((SAMPLES / "field" / "w_clixml.xml").read_bytes())
    assert (error.reason, "Export-Csv" in error.detail) == (FileReason.NOT_DEVICES, True)


def _written(fields: Mapping[str, str], draw: random.Random) -> str:
    """A Key with these fields, in one of the ways in which one can be written."""
    name = draw.choice(["Key", "key", "KEY", "o:Key"])
    attributes, elements = [' xmlns:o="urn:x"'], []
    for field, text in draw.sample(sorted(fields.items()), len(fields)):
        field = draw.choice([field, field.upper(), f"o:{field}"])  # noqa: PLW2901
        match draw.randrange(5):
            case 0:
                attributes.append(f" {field}={quoteattr(text)}")
            case 1:
                elements.append(f"<{field} Value={quoteattr(text)}/>")
            case 2:
                elements.append(f"<Info><{field}>{text}</{field}></Info>")
            case 3:
                elements.append(f"<Field><Name>{field.removeprefix('o:')}</Name><Value>{text}</Value></Field>")
            case _:
                elements.append(f"<{field}>\n  {text} </{field}>")
    elements += draw.sample(
        [f"<ProductKey>{SECRET}</ProductKey>", "<ProductKeyState>6</ProductKeyState>", "<A/>", "\n"], 2
    )
    draw.shuffle(elements)
    return f"<{name}{''.join(attributes)}>{''.join(elements)}</{name}>"


@st.composite
def _reports(draw: st.DrawFn) -> tuple[list[str], list[list[tuple[str, ...]]]]:
    """The reports of a file, and the values of the Keys of each."""
    source = draw(st.randoms(use_true_random=False))
    reports, keys = [], []
    for first in range(0, draw(st.integers(1, 3)) * 10, 10):
        within = []
        for number in range(first, first + source.randint(1, 5)):
            values = {"HardwareHash": f"T0{number}", "ProductKeyID": f"33{number}", "SerialNumber": f"S{number}"}
            named = source.sample(["HardwareHash", "ProductKeyID"], source.randint(1, 2)) + [
                "SerialNumber"
            ] * source.randint(0, 1)
            within.append({name: values[name] for name in named})
        text = source.choice(["", "\n", "<!-- x -->"]).join(_written(fields, source) for fields in within)
        around = source.choice(["Keys", "Report", "keys"])
        text = f"<{around}>{text}</{around}>" if source.random() < 0.8 else text
        reports.append(source.choice(["", '<?xml version="1.0" encoding="utf-8"?>\n']) + text)
        keys.append([tuple(sorted(fields.values())) for fields in within])
    return reports, keys


def _keys(found: list[tuple[str, Mapping[str, str]]]) -> Iterator[tuple[str, ...]]:
    for _, cells in found:
        yield tuple(sorted(cells.values()))


@given(_reports(), st.sampled_from(["", "\n", "\0\r\n", "\x1a"]), st.integers(1, 300))
def test_each_key_of_any_file_is_one_device_with_its_values(
    file: tuple[list[str], list[list[tuple[str, ...]]]], between: str, size: int
) -> None:
    reports, keys = file
    found, _ = read(between.join(reports), size)
    assert list(_keys(found)) == list(chain.from_iterable(keys))


@given(_reports(), st.data())
def test_a_report_that_is_cut_is_refused_unless_all_its_keys_are_there(
    file: tuple[list[str], list[list[tuple[str, ...]]]], data: st.DataObject
) -> None:
    ((report, *_), (keys, *_)) = file
    cut = data.draw(st.integers(1, len(report) - 1))
    try:
        found, _ = read(report[:cut])
    except UnreadableDeviceFile:
        return
    assert report.lstrip().startswith(("<Key ", "<key ", "<KEY ", "<o:Key ", "<?xml")) or list(_keys(found)) == keys
    assert list(_keys(found)) == keys[: len(found)]

"""Builds small XLSX workbooks out of their XML parts."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


@dataclass(frozen=True)
class Number:
    """A number as it is stored, and its format: a code, or the zeros that it shows at least."""

    text: str
    zeros: int = 0
    code: str = ""

    @property
    def format(self) -> str:
        return self.code or "0" * self.zeros


@dataclass(frozen=True)
class Sheet:
    name: str
    rows: Sequence[Sequence[str | Number]] = ()
    state: str = "visible"
    xml: str = ""
    """What stands in the sheet in place of rows."""
    behind: str = ""
    """What stands behind its rows."""


@dataclass(frozen=True)
class Workbook:
    sheets: Sequence[Sheet]
    more: dict[str, bytes] = field(default_factory=dict)
    """Further parts, or others in place of those that are built; empty ones are left out."""
    before: str = ""
    after: str = ""
    """XML of the workbook before and after the list of its sheets."""

    def data(self) -> bytes:
        buffer = io.BytesIO()
        formats = sorted(
            {
                cell.format
                for sheet in self.sheets
                for row in sheet.rows
                for cell in row
                if isinstance(cell, Number) and cell.format
            }
        )
        targets = [("worksheet", f"worksheets/sheet{number}.xml") for number in range(1, len(self.sheets) + 1)]
        parts: dict[str, str | bytes] = {
            "[Content_Types].xml": self._content_types(),
            "_rels/.rels": _relationships([("officeDocument", "xl/workbook.xml")]),
            "xl/workbook.xml": self._workbook(),
            "xl/_rels/workbook.xml.rels": _relationships([*targets, ("styles", "styles.xml")]),
            "xl/styles.xml": _styles(formats),
        }
        for number, sheet in enumerate(self.sheets, start=1):
            parts[f"xl/worksheets/sheet{number}.xml"] = _sheet(sheet, formats)
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
            for name, content in {**parts, **self.more}.items():
                if content:
                    package.writestr(name, content)
        return buffer.getvalue()

    def _content_types(self) -> str:
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
        parts = "".join(
            f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{kind}.worksheet+xml"/>'
            for number in range(1, len(self.sheets) + 1)
        )
        return (
            f'<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/>{parts}</Types>'
        )

    def _workbook(self) -> str:
        sheets = "".join(
            f'<sheet name="{escape(sheet.name)}" sheetId="{number}" state="{sheet.state}" r:id="rId{number}"/>'
            for number, sheet in enumerate(self.sheets, start=1)
        )
        sheets = f"{self.before}<sheets>{sheets}</sheets>{self.after}"
        return f'<workbook xmlns="{_MAIN}" xmlns:r="{_LINKS}">{sheets}</workbook>'


def _relationships(targets: Sequence[tuple[str, str]]) -> str:
    links = "".join(
        f'<Relationship Id="rId{number}" Type="{_LINKS}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>'


def _styles(formats: Sequence[str]) -> str:
    codes = "".join(
        f'<numFmt numFmtId="{164 + place}" formatCode={quoteattr(code)}/>' for place, code in enumerate(formats)
    )
    styles = "".join(f'<xf numFmtId="{164 + place}" applyNumberFormat="1"/>' for place in range(len(formats)))
    return (
        f'<styleSheet xmlns="{_MAIN}"><numFmts count="{len(formats)}">{codes}</numFmts>'
        f'<cellXfs count="{len(formats) + 1}"><xf numFmtId="0"/>{styles}</cellXfs></styleSheet>'
    )


def _sheet(sheet: Sheet, formats: Sequence[str]) -> str:
    if sheet.xml:
        return f'<worksheet xmlns="{_MAIN}">{sheet.xml}</worksheet>'
    rows = "".join(
        f'<row r="{number}">{"".join(_cell(cell, number, column, formats) for column, cell in enumerate(row))}</row>'
        for number, row in enumerate(sheet.rows, start=1)
    )
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData>{sheet.behind}</worksheet>'


def _cell(cell: str | Number, row: int, column: int, formats: Sequence[str]) -> str:
    reference = f"{chr(ord('A') + column)}{row}"
    if isinstance(cell, Number):
        style = f' s="{formats.index(cell.format) + 1}"' if cell.format else ""
        return f'<c r="{reference}"{style}><v>{cell.text}</v></c>'
    return f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>' if cell else ""

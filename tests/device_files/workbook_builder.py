"""Builds small XLSX workbooks out of their XML parts."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


@dataclass(frozen=True)
class Number:
    """A number as it is stored, and the zeros that its format shows at least."""

    text: str
    zeros: int = 0


@dataclass(frozen=True)
class Sheet:
    name: str
    rows: Sequence[Sequence[str | Number]]
    state: str = "visible"


@dataclass(frozen=True)
class Workbook:
    sheets: Sequence[Sheet]
    more: dict[str, bytes] = field(default_factory=dict)

    def data(self) -> bytes:
        buffer = io.BytesIO()
        formats = sorted(
            {
                cell.zeros
                for sheet in self.sheets
                for row in sheet.rows
                for cell in row
                if isinstance(cell, Number) and cell.zeros
            }
        )
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
            package.writestr("[Content_Types].xml", self._content_types())
            package.writestr("_rels/.rels", _relationships([("officeDocument", "xl/workbook.xml")]))
            package.writestr("xl/workbook.xml", self._workbook())
            targets = [("worksheet", f"worksheets/sheet{number}.xml") for number in range(1, len(self.sheets) + 1)]
            package.writestr("xl/_rels/workbook.xml.rels", _relationships([*targets, ("styles", "styles.xml")]))
            package.writestr("xl/styles.xml", _styles(formats))
            for number, sheet in enumerate(self.sheets, start=1):
                package.writestr(f"xl/worksheets/sheet{number}.xml", _sheet(sheet, formats))
            for name, content in self.more.items():
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
        return f'<workbook xmlns="{_MAIN}" xmlns:r="{_LINKS}"><sheets>{sheets}</sheets></workbook>'


def _relationships(targets: Sequence[tuple[str, str]]) -> str:
    links = "".join(
        f'<Relationship Id="rId{number}" Type="{_LINKS}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>'


def _styles(formats: Sequence[int]) -> str:
    codes = "".join(
        f'<numFmt numFmtId="{164 + place}" formatCode="{"0" * zeros}"/>' for place, zeros in enumerate(formats)
    )
    styles = "".join(f'<xf numFmtId="{164 + place}" applyNumberFormat="1"/>' for place in range(len(formats)))
    return (
        f'<styleSheet xmlns="{_MAIN}"><numFmts count="{len(formats)}">{codes}</numFmts>'
        f'<cellXfs count="{len(formats) + 1}"><xf numFmtId="0"/>{styles}</cellXfs></styleSheet>'
    )


def _sheet(sheet: Sheet, formats: Sequence[int]) -> str:
    rows = "".join(
        f'<row r="{number}">{"".join(_cell(cell, number, column, formats) for column, cell in enumerate(row))}</row>'
        for number, row in enumerate(sheet.rows, start=1)
    )
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def _cell(cell: str | Number, row: int, column: int, formats: Sequence[int]) -> str:
    reference = f"{chr(ord('A') + column)}{row}"
    if isinstance(cell, Number):
        style = f' s="{formats.index(cell.zeros) + 1}"' if cell.zeros else ""
        return f'<c r="{reference}"{style}><v>{cell.text}</v></c>'
    return f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>' if cell else ""

"""What tools write around rows, and pictures of tables that cannot be read as rows."""

import re

from shared.device_files.hardware_hash.verification import starts_as_hash
from shared.device_files.rows import Column
from shared.device_files.tables.header_names import column_named, meaning

_DASH = r"[\-=+*_~\u2500-\u257f]"
_RULE = re.compile(rf"(?:[\s|.:;,]|{_DASH}(?!{_DASH}))*{_DASH}{{2}}(?:[\s|.:;,]|{_DASH})*")
"""Dashes below names, and the frame of a table or transcript: at least two dashes side by side."""
_TOOL_LINE = re.compile(
    r"\(?\d+ (?:rows?|records?|zeilen?|lignes?|filas?|righe|rijen)\b[^0-9]{0,30}\)?"
    r"|(?:PS )?[A-Z]:\\[^>|]{0,200}>.*|PS>.*|>> .*|\$ .{0,80}"
    r"|(?:Windows )?PowerShell transcript (?:start|end)"
    r"|Transcript (?:started|stopped), output file is .*"
    r"|(?:Command start|Start|End|Completion) time: ?[\d\-:.+TZ ]{8,40}"
    r"|(?:Username|RunAs User|Configuration Name|Machine|Host Application|Process ID|PSVersion|PSEdition|GitCommitId|OS"
    r"|Platform|PSCompatibleVersions|PSRemotingProtocolVersion|SerializationVersion|WSManStackVersion|BuildVersion"
    r"|CLRVersion): ?.*"
    r"|Changed database context to .*|Gathered details for device with serial number: .*"
    r"|#\s*TYPE \S+",
    re.IGNORECASE,
)
"""sqlcmd and SSMS, the prompts of PowerShell and cmd, Start-Transcript, Get-WindowsAutopilotInfo on the screen."""
_LIST_LINE = re.compile(r"([^:]{1,60}?)\s*:(?:\s|$)")
_GAP = re.compile(r"\s{2,}|\s*[|:~/\\!&*+=\u00a6\u00a7]\s*")
_WIDE_GAP = re.compile(r"\s{2,}|\s*\|\s*")
_CUT = ("\u2026", "...")

LIST_PICTURE = "It is a list as PowerShell shows it on the screen (Format-List) and no table."
TABLE_PICTURE = "It is a table as a tool shows it on the screen. Its long cells may be cut off."
TURNED = "The names of its columns stand below one another. Turn the table so that they are its first line."
NO_DELIMITER = "Between its cells stand blanks or a sign that is not read. Use commas or semicolons or tabs."


def is_tool_line(text: str) -> bool:
    """Whether a line is what a tool writes around its rows, never one itself."""
    text = text.strip()
    return _RULE.fullmatch(text) is not None or _TOOL_LINE.fullmatch(text) is not None


def is_rule(text: str) -> bool:
    """Whether a line is nothing but dashes, stars and bars."""
    return _RULE.fullmatch(text) is not None


def listed_name(line: str) -> Column | None:
    """The column whose name stands on a line before a colon, as in what Format-List shows."""
    listed = _LIST_LINE.match(line.lstrip())
    return column_named(listed[1]) if listed else None


def shows_names(line: str) -> bool:
    """Whether a line that is one cell has the name of a column among its words."""
    return any(meaning(name) is not None for name in (*_WIDE_GAP.split(line.strip()), *line.split()))


def holds_names(line: str) -> bool:
    """Whether a line that no delimiter cuts holds several names of columns side by side."""
    return len({column_named(name) for name in _GAP.split(line.strip())} - {None}) > 1


def is_cut_on_screen(cell: str) -> bool:
    """Whether a hash was cut by the width of a screen."""
    return starts_as_hash(cell) and cell.rstrip().endswith(_CUT)

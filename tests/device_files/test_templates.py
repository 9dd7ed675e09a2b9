"""Each template is read with a row added, and its own line is passed over."""

import pytest

from shared.device_files.account import FileAccount
from shared.device_files.reading import read_device_file
from shared.device_files.rows import Rules
from shared.device_files.templates import TEMPLATE_WORDS, template
from shared.reasons import FileReason, PassedOverKind, UnreadableDeviceFile
from tests.device_files.given import HASHES, NOW

ROWS = {
    "hardware-hash.csv": f"5ES8901IC4,,{HASHES['5ES8901IC4']},Kiosk",
    "serial-maker-model.csv": "PF3ABCDE,LENOVO,21R3001BUK,Kiosk",
    "product-key.csv": "PF3ABCDE,3456178902345,Kiosk",
}


def filled(name: str, row: str) -> bytes:
    content = template(name)
    assert content is not None
    return content + row.encode()


@pytest.mark.parametrize("name", TEMPLATE_WORDS)
def test_a_row_added_to_a_template_is_sent_and_its_own_line_is_passed_over(name: str) -> None:
    account, rules = FileAccount(), Rules(batch_by_group_tag=True, has_default_batch=False)
    content = filled(name, ROWS[name] + "\r\n")
    (row,) = read_device_file(lambda: [content], name=name, rules=rules, now=NOW, account=account)
    assert row.device is not None
    assert row.group_tag == "Kiosk"
    (kept,) = account.passed_over
    assert (kept.kind, kept.count, kept.may_hold_device) == (PassedOverKind.COMMENT, 1, False)
    assert account.remarks == ()


@pytest.mark.parametrize("name", TEMPLATE_WORDS)
def test_a_template_without_rows_holds_no_devices(name: str) -> None:
    with pytest.raises(UnreadableDeviceFile) as raised:
        list(read_device_file(lambda: [filled(name, "")], name=name, rules=Rules(), now=NOW))
    assert raised.value.reason is FileReason.NO_DEVICE_ROWS


def test_there_is_no_other_template() -> None:
    assert template("../secrets") is None

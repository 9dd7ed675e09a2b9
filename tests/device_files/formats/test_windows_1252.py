"""Words in Windows-1252: what Western Europe writes is read, and no letter of another code page becomes one of it."""

# ruff: noqa: RUF001 - words of many languages

import pytest

from shared.device_files.account import FileAccount
from shared.device_files.formats.decoding import line_blocks
from shared.device_files.formats.windows_1252 import decode_bytes
from shared.device_files.rows import FileRemark
from shared.reasons import FileNote, FileReason, UnreadableDeviceFile
from tests.device_files.given import read, sample

WESTERN = """
    Büro-Köln Niño Pääkonttori Ærø L'Été Müller & Söhne São Paulo Ação Ações Straße Größe STRAßE BÜRO ÄRZTE CAFÉ
    Crème brûlée Noël Citroën naïve Señor Compañía Lingüística Zürich Genève Málaga Coruña Århus Tromsø Göteborg
    Jyväskylä Hämeenlinna Reykjavík Española más Così où Città perché Forlì Lluís façade Besançon Île-de-France Hôpital
    Forêt L’Été O’Brien Contoso® Core™ ©2024 5°C N° 5 1º 2ª §5 10€ 2020–2021 Köln–Bonn Büro_Köln it@büro.de [Köln]
    À propos Suíça Conceição Æbleskiver Früh Schäfer Ågård Smørrebrød Geëerd België Reünie Créée maçã João mãe põe
"""
FOREIGN = {
    "shift-jis": "営業部 人事 東京 本社 支店 大阪 店 日 表示 名古屋 ｲﾝﾌﾗ アイウ 長野 知 中 電 機",
    "gbk": "销售 北京 上海 人事 民 北 财务部 华为 联想 笔记本 会议室 中 仓库",
    "big5": "電腦 部門 台北 業務 人事 中 所 明 林 東 廠 台灣 高雄 資訊",
    "euc-kr": "서울 부산 본사 영업 가 나 회의실",
    "koi8-r": "Москва ИТ Офис склад ПК отдел",
    "cp1251": "Москва ИТ Офис склад ПК отдел Київ юя А5 Цех1",
    "cp1253": "Αθήνα ΙΤ Γραφείο",
    "cp1254": "İstanbul Kadıköy ışık Şişli Beşiktaş Muğla İzmir",
    "cp437": "München Köln Büro Ärzte Öl Übung Málaga Niño Café hôtel Straße ÄRZTE Ærø",
    "cp850": "München Köln Büro Ärzte Öl Übung Málaga Niño Café hôtel Straße São Ação Größe NÆRUM",
    "mac-roman": "München Köln Büro Ärzte Niño Málaga Café Straße Ærø L’Été",
    "cp1250": "Łódź Gdańsk Świdnica Żory Poznań Toruń Děčín Košice Jiří Nový Dvůr České Bečvář Győr Erdő Kovačić",
}


@pytest.mark.parametrize("word", WESTERN.split())
def test_a_western_word_is_read_and_noted(word: str) -> None:
    assert decode_bytes(word.encode("cp1252")) == (word, any(ord(character) > 0x7F for character in word))


@pytest.mark.parametrize(
    "text",
    ["„Büro West“", "“S100”,“HP”,“ProBook 450”", "« Été »", "‘x’", "HP\xa0ProBook", "10\xa0€ – 20", "“Kosten €”,“HP”"],
)
def test_punctuation_stands_where_it_belongs(text: str) -> None:
    assert decode_bytes(text.encode("cp1252")) == (text, True)


@pytest.mark.parametrize(
    ("code_page", "word"), [(code_page, word) for code_page, words in FOREIGN.items() for word in words.split()]
)
def test_a_word_of_another_code_page_invents_no_letter(code_page: str, word: str) -> None:
    data = word.encode(code_page, "ignore")
    text, is_western = decode_bytes(data)
    assert not is_western
    assert text == "".join("\ufffd" if byte > 0x7F else chr(byte) for byte in data)


@pytest.mark.parametrize("data", [b"M\x81ller", b"\x8d", b"A\x90B", b"\xd7x", b"a\xa4", b"\xb9", b"\x93X", b"x\x9c"])
def test_what_is_no_word_is_unreadable(data: bytes) -> None:
    text, is_western = decode_bytes(data)
    assert not is_western
    assert [byte for byte in data if byte < 0x80] == [ord(character) for character in text if character != "\ufffd"]


def test_each_word_is_read_by_itself() -> None:
    data = "Büro,漢字,".encode() + "Köln,".encode("cp1252") + "営業部".encode("shift-jis") + b",S1\r\nS2"
    assert decode_bytes(data) == ("Büro,漢字,Köln,\ufffdc\ufffd\ufffd\ufffd\ufffd,S1\r\nS2", True)


def test_a_file_in_a_code_page_is_read_with_its_note() -> None:
    account = FileAccount()
    data = "Name,Ort\r\nBüro,Köln\r\n".encode("cp1252")
    assert [line for _, block in line_blocks([data], account) for line in block if line] == ["Name,Ort", "Büro,Köln"]
    assert account.remarks == (FileRemark(FileNote.READ_AS_WINDOWS_1252),)


def test_group_tags_in_shift_jis_are_unreadable_and_their_devices_are_not() -> None:
    account = FileAccount()
    rows = [line for _, block in line_blocks([sample("field/27_sjis_group_tag.csv")], account) for line in block][1:]
    assert [row[:6] for row in rows] == ["JJJ001", "JJJ002"]
    assert all("\ufffd" in row.rpartition(",")[2] for row in rows)
    assert account.remarks == ()


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("シリアル番号,製造元名,モデル", "shift-jis"),
        ("序列号,制造商,型号", "gbk"),
        ("Серийный номер;Производитель;Модель", "cp1251"),
    ],
)
def test_a_file_whose_headers_cannot_be_read_is_refused_for_its_encoding(header: str, encoding: str) -> None:
    with pytest.raises(UnreadableDeviceFile, match="Letters of it cannot be read") as refused:
        read(f"{header}\r\nS100001,HP,ProBook\r\n".encode(encoding))
    assert refused.value.reason is FileReason.ENCODING_UNKNOWN


def test_a_long_line_without_spaces_costs_no_more_than_its_length() -> None:
    data = (b"a" * 60_000 + b"\xe9\n") * 50 + b"\x93" * 500_000 + b"\xe9t\xe9 " * 200_000
    assert decode_bytes(data)[1]


def test_a_run_of_any_length_costs_bounded_time() -> None:
    assert decode_bytes(b"A" * 100_000 + b"\xfc")[0].endswith("\ufffd")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^"])
def test_a_delimiter_ends_a_word(delimiter: str) -> None:
    text = delimiter.join(["Kosten €", "Gerätemodell", "Büro 3"])
    assert decode_bytes(text.encode("cp1252")) == (text, True)

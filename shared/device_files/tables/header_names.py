"""The names that columns of device files have, and what each one means.

English names are those of Get-WindowsAutopilotInfo, the Partner Center template and API, Intune's import and export
(`Serial number,Manufacturer,Model,Group tag,Profile status,Purchase order,...`), Microsoft Graph, Configuration Manager
(report and SQL views), Win32_ComputerSystemProduct and resellers' spreadsheets. Translated names are those of pages of
Microsoft, as public copies on GitHub had them between 2018 and 2022, in every language that has one, and usual words.
"""

# ruff: noqa: RUF001 -- other alphabets have letters that look like Latin ones

import re
import unicodedata
from collections.abc import Iterator, Mapping
from enum import IntEnum
from functools import lru_cache
from types import MappingProxyType

from shared.device_files.placeholders import is_template_text
from shared.device_files.rows import Column


class Sureness(IntEnum):
    """How surely a name has its meaning: of two columns that claim one, the surer has it."""

    PLAIN = 1
    """A word that other things share: `serial`, `make`, `tag`."""
    COMMON = 2
    """The usual name: `serial number`, `manufacturer`. Monitors have these as well."""
    STANDARD = 3
    """A name of Microsoft's own pages, tools and APIs, which nothing else has: `Device Serial Number`."""


NAMES: tuple[tuple[Column, Sureness, str], ...] = (
    (Column.SERIAL_NUMBER, Sureness.STANDARD, "Device Serial Number"),
    (Column.SERIAL_NUMBER, Sureness.COMMON, """serialNumber|serial no|serial nr|serial num|ser no|S/N|S/No|service tag
        Dell service tag|identifying number|BIOS serial number|BIOS serial|Seriennr|Serien-Nr|N° de série|Nº de serie
        No de série|Nr seryjny|Seri no|Numero seriale|Serienr|シリアルナンバー|シリアル No|製造番号|시리얼 번호"""),
    (Column.SERIAL_NUMBER, Sureness.PLAIN, "serial|Seriale"),
    (Column.PRODUCT_KEY, Sureness.STANDARD, "Windows Product ID"),
    (Column.PRODUCT_KEY, Sureness.COMMON, "productKey|product key id|PKID|Windows product key|Windows product key id"),
    (Column.PRODUCT_KEY, Sureness.PLAIN, "product id"),
    (Column.HARDWARE_HASH, Sureness.STANDARD, "Hardware Hash|hardwareIdentifier|DeviceHardwareData"),
    (Column.HARDWARE_HASH, Sureness.COMMON, """4K hash|4K hardware hash|hardware hash 4K|4KHH|4K HH|HW hash
        Autopilot hash|Autopilot hardware hash|Windows Autopilot hardware hash"""),
    (Column.HARDWARE_HASH, Sureness.PLAIN, "hash|hash id|hash value|hardware id|HWID"),
    (Column.MANUFACTURER, Sureness.STANDARD, "Manufacturer name|oemManufacturerName"),
    (Column.MANUFACTURER, Sureness.COMMON, """manufacturer|OEM manufacturer|OEM name|Constructeur|Produsen|メーカー
        제조사|厂商|廠商"""),
    (Column.MANUFACTURER, Sureness.PLAIN, """make|maker|OEM|vendor|brand|mfr|mfg|Marke|Marque|Marca|Merk|Märke|Mærke
        Merke|Merkki|Marka|Značka|Márka|Марка|品牌|브랜드"""),
    (Column.MODEL, Sureness.STANDARD, "Device model|modelName"),
    (Column.MODEL, Sureness.COMMON, "model|device model name|OEM model|OEM model name|Modellname|모델명"),
    (Column.MODEL, Sureness.PLAIN, "product name|product model|model number|model no|model nr|MTM"),
    (Column.GROUP_TAG, Sureness.STANDARD, "Group Tag"),
    (Column.GROUP_TAG, Sureness.COMMON, """Autopilot group tag|Windows Autopilot group tag|Intune group tag
        Autopilot tag|device group tag|enrollment group tag|enrolment group tag|enrollment tag|enrolment tag"""),
    (Column.GROUP_TAG, Sureness.PLAIN, "tag"),
    # The order of the customer, never a group tag, though Intune took `OrderID` for one until 2019.
    (Column.ORDER_NUMBER, Sureness.STANDARD, "Purchase order|purchaseOrderIdentifier|orderIdentifier|OrderID"),
    (Column.ORDER_NUMBER, Sureness.COMMON, """purchase order number|purchase order no|purchase order id|PO number|PO no
        PO nr|PO num|PO id|order number|order no|order nr|sales order|sales order number|customer order
        customer order number|Bestellnummer|Bestellnr|Auftragsnummer|Auftragsnr|Numéro de commande|N° de commande
        Número de pedido|Número do pedido|Numero ordine|Numero d'ordine|Ordernummer|Ordrenummer|Bestelnummer
        Tilausnumero|Numer zamówienia|Číslo objednávky|Rendelésszám|Sipariş numarası|Номер заказа|订单号|訂單號碼
        注文番号|주문 번호"""),
    (Column.ORDER_NUMBER, Sureness.PLAIN, "PO|order"),
    (Column.ASSIGNED_USER, Sureness.STANDARD, "Assigned User|assignedUserPrincipalName|userPrincipalName"),
    (Column.ASSIGNED_USER, Sureness.COMMON, "UPN|user UPN|primary user|primary user UPN|assigned to"),
    (Column.ASSIGNED_USER, Sureness.PLAIN, """user|user name|Benutzer|Utilisateur|Usuario|Utente|Gebruiker|Usuário"""),
    (Column.WHAT_TO_DO, Sureness.STANDARD, "what to do"),
)  # fmt: skip

_TUPLE = (Column.SERIAL_NUMBER, Column.PRODUCT_KEY, Column.HARDWARE_HASH, Column.MANUFACTURER, Column.MODEL)
_TRANSLATED = (*_TUPLE, Column.GROUP_TAG, Column.ASSIGNED_USER, Column.ORDER_NUMBER)

TRANSLATIONS = """
ar|الرقم التسلسلي للجهاز|معرف منتج Windows|تجزئة الأجهزة/هاش الأجهزة|||علامة مجموعة; cs|Sériové číslo zařízení|ID
produktu Windows|hodnota hash hardwaru|název výrobce|model zařízení|značka skupiny|přiřazený uživatel|ID objednávky;
da|Enhedens serienummer|Windows-produkt-id|Hardwarehash|||gruppemærke; de|Seriennummer des Geräts/Geräteseriennummer|
Windows-Produkt-ID|Hardware Hash|Herstellername|Gerätemodell|Gruppentag|zugewiesener Benutzer|Bestell-ID; es|Número de
serie del dispositivo|id. de producto de Windows/Id. del producto de Windows|hash de hardware|nombre del fabricante/
nombre de fabricante|modelo de dispositivo|etiqueta de grupo|usuario asignado|identificador de pedido; fi|Laitteen
sarjanumero|Windows-tuotetunnus|Laitteisto-hash; fr|Numéro de série de l’appareil|ID de produit Windows|hachage
matériel/Hachage du matériel|nom de fabricant|modèle d’appareil|étiquette de groupe/balise de groupe|utilisateur
attribué|ID de commande; he|מספר סידורי של המכשיר|מזהה המוצר של Windows|קוד Hash של החומרה; hu|Eszköz sorozatszáma|
Windows-termékazonosító|hardver-kivonat/Hardver kivonata|gyártó neve|eszköz modellje/Eszközmodell|csoportcímke; it|
Numero di serie del dispositivo|ID prodotto Windows|hash hardware/hash dell'hardware|nome produttore|modello di
dispositivo|tag di gruppo|utente assegnato|ID ordine; ja|デバイスのシリアル番号|Windows 製品 ID|ハードウェアハッシュ|
製造元名|デバイスモデル|グループ タグ|割り当てられたユーザー; ko|장치 일련 번호/디바이스 일련 번호|Windows 제품 ID|
하드웨어 해시|제조업체 이름|장치 모델/디바이스 모델|그룹 태그|할당된 사용자; nb|Enhetens serienummer|Produkt-ID for
Windows|Maskinvarens hash; nl|Serienummer van apparaat|Windows product-id/Product-id van Windows|hardware-hash|
fabrikantnaam/naam van fabrikant|apparaatmodel/model van apparaat|groepstag|toegewezen gebruiker|bestellings-id; pl|
Numer seryjny urządzenia|identyfikator produktu systemu Windows/Windows identyfikator produktu|skrót sprzętu/Skrót
sprzętowy|nazwa producenta|model urządzenia|tag grupy|przypisany użytkownik|identyfikator zamówienia; pt|Número de
série do dispositivo|ID do produto do Windows/Windows ID do produto/ID do Produto Windows|hash de hardware/Hash do
Hardware|nome do fabricante|modelo do dispositivo/modelo de dispositivo|marca de grupo/etiqueta de grupo|usuário
atribuído/utilizador atribuído|ID do pedido; ru|Серийный номер устройства|идентификатор продукта Windows|хэш
оборудования|имя производителя|модель устройства|тег группы|назначенный пользователь; sv|Enhetens serienummer/
Enhetsserienummer|Windows produkt-ID/Produkt-ID för Windows|maskinvaru-hash|tillverkarnamn/tillverkarens namn|
enhetsmodell|grupptagg|tilldelad användare|beställningsnummer; tr|Cihaz seri numarası|Windows ürün KIMLIĞI/Windows
Kimliği|donanım karması/Donanım Numarası|üretici adı|cihaz modeli|grup etiketi|atanmış kullanıcı|sipariş kimliği;
zh-cn|设备序列号|Windows 产品 ID|硬件哈希|制造商名称|设备型号|组标记|分配的用户; zh-tw|裝置序號|Windows 產品識別碼|
硬體雜湊|製造商名稱|裝置型號|群組標籤|指派的使用者
"""
"""By language, in the order of `_TRANSLATED`; a slash is between wordings. Serial number to model: the header line of
"Add devices to a customer's account" (`partner-center/autopilot.md` in partner-center-pr.* of MicrosoftDocs:
cs-cz de-de es-es fr-fr hu-hu it-it ja-jp ko-kr pt-br ru-ru zh-cn zh-tw, of isabella232: nl-nl pl-pl pt-pt sv-se tr-tr),
and those of "Device list CSV file" and "Add Autopilot devices and profile" (`microsoft-365/admin/misc/device-list.md`,
`microsoft-365/business/add-autopilot-devices-and-profile.md` in microsoft-365-docs-pr.* of MicrosoftDocs, isabella232,
Kaputt4, Pedrolitow). Group tag, user and the order id of before 2019: the sentence on the CSV file in
`intune/enrollment-autopilot.md` (IntuneDocs.*) and `memdocs/autopilot/add-devices.md` (memdocs.*), in the singular."""

USUAL_WORDS = """
ar|الرقم التسلسلي|الشركة المصنعة|الطراز; bg|Сериен номер|Производител|Модел; cs|Sériové číslo|Výrobce|Model; da|
Serienummer|Producent|Model; de|Seriennummer|Hersteller|Modell; el|Σειριακός αριθμός|Κατασκευαστής|Μοντέλο; es|Número
de serie|Fabricante|Modelo; et|Seerianumber|Tootja|Mudel; fi|Sarjanumero|Valmistaja|Malli; fr|Numéro de série|
Fabricant|Modèle; he|מספר סידורי|יצרן|דגם; hr|Serijski broj|Proizvođač|Model; hu|Sorozatszám|Gyártó|Modell; id|Nomor
seri|Pabrikan|Model; it|Numero di serie|Produttore|Modello; ja|シリアル番号|製造元|モデル; ko|일련 번호|제조업체|모델;
lt|Serijos numeris|Gamintojas|Modelis; lv|Sērijas numurs|Ražotājs|Modelis; nb|Serienummer|Produsent|Modell; nl|
Serienummer|Fabrikant|Model; pl|Numer seryjny|Producent|Model; pt|Número de série|Fabricante|Modelo; ro|Număr de
serie|Producător|Model; ru|Серийный номер|Производитель|Модель; sk|Sériové číslo|Výrobca|Model; sl|Serijska številka|
Proizvajalec|Model; sv|Serienummer|Tillverkare|Modell; th|หมายเลขซีเรียล|ผู้ผลิต|รุ่น; tr|Seri numarası|Üretici|Model; uk|
Серійний номер|Виробник|Модель; vi|Số sê-ri|Nhà sản xuất|Kiểu máy; zh-cn|序列号|制造商|型号; zh-tw|序號|製造商|型號
"""
"""Usual words for serial number, manufacturer and model, no page found with them as headers."""
_USUAL = (Column.SERIAL_NUMBER, Column.MANUFACTURER, Column.MODEL)

_ESCAPED = re.compile(r"_x([0-9a-f]{4})_", re.IGNORECASE)
"""How SharePoint writes a blank or a letter with accent in the internal name of a column: `_x0020_`."""
_REMARK = re.compile(r"[(\[<]([^()\[\]<>]*)[)\]>]")
_SPECIAL_LETTERS = str.maketrans({"ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_NOT_COMPARED = re.compile(r"[\W_]+")
_WRITTEN_UMLAUT = re.compile(r"(?<=\w)([aou])e(?=\w)")
_REPORT_PREFIX = re.compile(r"\s*details_table\d+_", re.IGNORECASE)
"""Configuration Manager names its report's cells `Details_Table0_SerialNumber`."""
_SEPARATORS = tuple(map(re.compile, (r"[()\[\]<>]", r"[|:;,\n]|\s[-\u2013\u2014/]\s", "/")))
"""Between two names of one thing: `Serial number (S/N)`, `Hersteller / Manufacturer`."""
_MOST_PARTS = 6
_SHORTEST_IN_SQL = 5
"""Names in Configuration Manager's SQL end in 0 or 00: `Model0`, `SerialNumber0`. `SN0` may be a serial number."""
_LONGEST_NAME = 128


def _split(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.replace("\n", "|").split("|"))


def _letters(text: str) -> str:
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.casefold())
        text = "".join(letter for letter in decomposed if not unicodedata.combining(letter)).translate(_SPECIAL_LETTERS)
    return _WRITTEN_UMLAUT.sub(r"\1", _NOT_COMPARED.sub("", text.casefold()))


_DEVICE_WORDS = _split(
    "device|pc|computer|notebook|laptop|desktop|tablet|workstation|system|machine|hardware|host|unit|gerate|gerat"
)
"""Before or behind a name they say whose serial number, hash, manufacturer or model is meant."""
_OF_THE_DEVICE = frozenset({Column.SERIAL_NUMBER, Column.HARDWARE_HASH, Column.MANUFACTURER, Column.MODEL})
_HARMLESS_REMARKS = frozenset(
    map(
        _letters,
        _split(
            """|required|optional|opt|mandatory|if available|if any|if known|if applicable|recommended|case sensitive
            exact|text|4K|s|Windows|Autopilot|BIOS|SMBIOS|OEM|CSP|max 500|13 digits|erforderlich|Pflicht|Pflichtfeld
            freiwillig|falls vorhanden|obligatoire|requis|facultatif|obligatorio|requerido|opcional|obbligatorio
            richiesto|facoltativo|opzionale|verplicht|vereist|optioneel|obrigatório|obligatorisk|valgfri|valfri|valfritt
            krävs|pakollinen|valinnainen|wymagane|opcjonalne|povinné|nepovinné|volitelné|kötelező|zorunlu|isteğe bağlı
            обязательно|необязательно|必須|任意|必填|必需|可选|可選|省略可能|필수|선택"""
        )
        + _DEVICE_WORDS,
    )
)
"""What may stand in brackets behind a name. Any other remark is part of it: `Serial number (monitor)`."""


def folded(name: str) -> str:
    """A name as it is compared: its letters and digits, without case, accents and harmless remarks in brackets."""
    name = _ESCAPED.sub(lambda escaped: chr(int(escaped[1], 16)), _REPORT_PREFIX.sub("", name, count=1))
    return _letters(_REMARK.sub(lambda remark: "" if _letters(remark[1]) in _HARMLESS_REMARKS else remark[0], name))


def meaning(name: str) -> tuple[Column, Sureness] | None:
    """The column that a name of up to 128 characters means, and how surely; `None` where it means none that is read."""
    return _meaning(name) if len(name) <= _LONGEST_NAME else None


@lru_cache(maxsize=4096)
def _meaning(name: str) -> tuple[Column, Sureness] | None:
    return None if is_template_text(name) else _known(folded(name)) or _of_parts(name)


def _of_parts(name: str) -> tuple[Column, Sureness] | None:
    """The meaning that all parts of a name have, besides harmless remarks: `Serial number (S/N)`."""
    separator = next((each for each in _SEPARATORS if each.search(name)), None)
    parts = separator.split(name, _MOST_PARTS) if separator else []
    if len(parts) > _MOST_PARTS:
        return None
    meanings = {_letters(part): _known(folded(part)) or _of_parts(part) for part in parts}
    sure = {letters: each for letters, each in meanings.items() if each is not None}
    if len({column for column, _ in sure.values()}) != 1 or not meanings.keys() - sure.keys() <= _HARMLESS_REMARKS:
        return None
    return max(sure.values())


def _known(compared: str) -> tuple[Column, Sureness] | None:
    if compared in _BY_NAME:
        return _BY_NAME[compared]
    of_sql = _BY_NAME.get(compared.removesuffix("0").removesuffix("0"))
    if of_sql is not None and of_sql[1] > Sureness.PLAIN and len(compared) > _SHORTEST_IN_SQL:
        return of_sql
    for word in _DEVICE_WORDS if compared.startswith(_DEVICE_WORDS) or compared.endswith(_DEVICE_WORDS) else ():
        rest = _BY_NAME.get(compared.removeprefix(word)) or _BY_NAME.get(compared.removesuffix(word))
        if rest is not None and rest[0] in _OF_THE_DEVICE:
            return rest[0], max(Sureness.COMMON, rest[1])
    return None


def all_names() -> Iterator[tuple[str, Column, Sureness]]:
    """Every name of the tables with its meaning."""
    for column, sureness, names in NAMES:
        yield from ((name, column, sureness) for name in _split(names))
    of_pages, usual = (TRANSLATIONS, _TRANSLATED, Sureness.STANDARD), (USUAL_WORDS, _USUAL, Sureness.COMMON)
    for table, columns, sureness in (of_pages, usual):
        for line in table.split(";"):
            _language, *cells = line.split("|")
            for cell, column in zip(cells, columns, strict=False):
                yield from ((" ".join(name.split()), column, sureness) for name in cell.split("/") if name.strip())


_BY_NAME: Mapping[str, tuple[Column, Sureness]] = MappingProxyType(
    {folded(name): (column, sureness) for name, column, sureness in sorted(all_names(), key=lambda entry: entry[2])}
)
"""A name that stands in several tables has the surest of its meanings."""

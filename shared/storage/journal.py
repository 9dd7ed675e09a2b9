"""The journal: the only record of files, submissions, outcomes, withdrawals, batches, gates, acts and uploads.

Beside them stand copies of Partner Center's list of the partner's customers, and of their registered devices.
"""

from collections.abc import Callable
from enum import StrEnum

from msgspec.structs import replace

from shared.storage.acts import Acts
from shared.storage.batches import Batches
from shared.storage.files import Files
from shared.storage.fitting_table import FittingTable
from shared.storage.gates import Gates
from shared.storage.inventories import Inventories
from shared.storage.outcomes import Outcomes
from shared.storage.partner_customers import PartnerCustomers
from shared.storage.records import DeviceFile
from shared.storage.submissions import Submissions
from shared.storage.tables import Table
from shared.storage.uploads import Uploads
from shared.storage.withdrawals import Withdrawals


class TableName(StrEnum):
    """The tables of the journal."""

    DEVICE_FILES = "DeviceFiles"
    SUBMISSIONS = "Submissions"
    DEVICE_OUTCOMES = "DeviceOutcomes"
    DEVICE_WITHDRAWALS = "DeviceWithdrawals"
    BATCHES = "Batches"
    OPEN_FILES = "OpenFiles"
    FILES_BY_TIME = "FilesByTime"
    DEVICES_BY_SERIAL = "DevicesBySerial"
    GATES = "Gates"
    ACTS = "Acts"
    PARTNER_CUSTOMERS = "PartnerCustomers"
    UPLOADS = "Uploads"
    INVENTORIES = "Inventories"


class Journal:
    """The tables of the journal, one attribute for each aggregate. Safe to share between threads."""

    def __init__(self, table: Callable[[TableName], Table]) -> None:
        self._tables = {name: FittingTable(table(name)) for name in TableName}
        open_files = self._tables[TableName.OPEN_FILES]
        self.files = Files(self._tables[TableName.DEVICE_FILES], open_files, self._tables[TableName.FILES_BY_TIME])
        self.submissions = Submissions(self._tables[TableName.SUBMISSIONS])
        self.outcomes = Outcomes(self._tables[TableName.DEVICE_OUTCOMES], self._tables[TableName.DEVICES_BY_SERIAL])
        self.withdrawals = Withdrawals(self._tables[TableName.DEVICE_WITHDRAWALS], open_files)
        self.batches = Batches(self._tables[TableName.BATCHES])
        self.gates = Gates(self._tables[TableName.GATES])
        self.acts = Acts(self._tables[TableName.ACTS])
        self.partner_customers = PartnerCustomers(self._tables[TableName.PARTNER_CUSTOMERS])
        self.uploads = Uploads(self._tables[TableName.UPLOADS])
        self.inventories = Inventories(self._tables[TableName.INVENTORIES])

    def prepare(self) -> None:
        """Create the tables that do not exist."""
        for table in self._tables.values():
            table.prepare()

    def forget_file(self, file: DeviceFile) -> None:
        """Delete everything about a file past its retention; the index entry that finds it goes last."""
        for reading in range(1, file.reading + 1):
            of_reading = replace(file, reading=reading)
            self.outcomes.delete_reading(of_reading)
            self.submissions.delete_reading(of_reading.reading_id)
        if file.withdrawal is not None:
            self.withdrawals.delete_reading(file.reading_id)
            self.withdrawals.end(file.file_id)
        self.uploads.forget_file(file.customer_id, file.file_id, file.content_digest)
        self.files.delete(file)

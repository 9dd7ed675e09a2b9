"""Audit records are read as the page shows them, whatever they are of."""

from datetime import UTC, date, datetime
from urllib.parse import parse_qs

from shared.partner_center.audit_records import AuditRecord, DeviceOperation, audit_query, decode_audit_page

DOCUMENTED = b"""{ "totalCount": 2, "items": [{ "partnerId": "3b33e682-00c3-41ee-9dd2-a548adf56438",
  "customerId": "0c39d6d5-c70d-4c55-bc02-f620844f3fd1", "customerName": "Relecloud",
  "userPrincipalName": "admin@domain.onmicrosoft.com", "resourceType": "order", "operationType": "create_order",
  "operationDate": "2017-06-15T22:56:05.0589308Z", "operationStatus": "succeeded",
  "customizedData": [{ "key": "OrderId", "value": "d51a052e" }, { "key": "PartnerOnRecord-0", "value": null }],
  "attributes": { "objectType": "AuditRecord" } }, {"applicationId": "an app", "operationType": "device_deleted"}],
  "links": { "self": { "uri": "/auditrecords?startDate=2017-06-01&size=500", "method": "GET", "headers": [] } } }"""


def test_the_documented_records_are_read() -> None:
    page = decode_audit_page(DOCUMENTED)
    order, deletion = page.items or ()
    assert (order.device_operation, order.by) == (None, "admin@domain.onmicrosoft.com")
    assert order.happened_at == datetime(2017, 6, 15, 22, 56, 5, 58930, tzinfo=UTC)
    assert (order.detail("orderid"), order.detail("PartnerOnRecord-0"), order.detail("x")) == ("d51a052e", None, None)
    assert (deletion.device_operation, deletion.by) == (DeviceOperation.DELETED, "an app")
    assert deletion.happened_at is None
    assert page.next_token is None


def test_an_operation_that_no_page_lists_is_kept_as_it_came() -> None:
    record = AuditRecord(operation_type="devices_beamed")
    assert (record.device_operation, record.operation_type) == (None, "devices_beamed")


def test_the_query_is_that_of_the_page() -> None:
    query = audit_query(date(2026, 11, 1), date(2026, 11, 2), "0c39d6d5")
    assert query.startswith("?startDate=2026-11-01&endDate=2026-11-02&size=500&filter=%7B%22Field%22")
    assert parse_qs(query[1:])["filter"] == ['{"Field":"CustomerId","Value":"0c39d6d5","Operator":"equals"}']
    assert audit_query(date(2026, 11, 1), None, None) == "?startDate=2026-11-01&size=500"

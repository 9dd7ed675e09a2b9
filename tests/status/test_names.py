"""The names of customers."""

from shared.status.names import CustomerNames
from shared.storage.customers import Customer
from tests.pipeline.world import CUSTOMER, START, World, numbered
from tests.status.client import FILE, UNKNOWN, Client, closed_file, pages


def customers(*named: tuple[str, str]) -> CustomerNames:
    return CustomerNames.of(Customer(name=name, customer_id=identifier, added_at=START) for name, identifier in named)


def test_a_customer_with_several_names_is_shown_with_the_first_and_found_by_each() -> None:
    names = customers(("Contoso", CUSTOMER), ("Contoso Ltd", CUSTOMER), ("Fabrikam", UNKNOWN))
    assert names.shown == ("Contoso", "Contoso Ltd", "Fabrikam")
    assert names.name_of(CUSTOMER) == "Contoso"
    assert (names.customer_id_of("contoso"), names.customer_id_of(" CONTOSO LTD ")) == (CUSTOMER, CUSTOMER)


def test_a_name_is_found_however_its_accents_are_encoded() -> None:
    names = customers(("\u00d6lm\u00fchle", CUSTOMER))
    assert names.customer_id_of("o\u0308lmu\u0308hle") == CUSTOMER


def test_an_id_needs_no_name_and_a_name_that_is_not_known_is_no_customer() -> None:
    names = customers(("Contoso", CUSTOMER))
    assert names.customer_id_of(UNKNOWN.upper()) == UNKNOWN.lower()
    assert names.customer_id_of("_") == "_", "files whose path names no customer"
    assert names.customer_id_of("Fabrikam") is None
    assert (names.name_of(UNKNOWN), names.name_of(None)) == (None, None)


def test_the_name_of_a_customer_is_shown_and_asked_for_whatever_its_case(world: World, client: Client) -> None:
    world.customers.add("Contoso", CUSTOMER, "", START)
    world.customers.add("Contoso Ltd", CUSTOMER, "", START)
    world.customers.add("Fabrikam", UNKNOWN, "", START)
    world.customers.add("Old name", CUSTOMER, "", START)
    world.customers.remove("Old name", START)
    closed = closed_file(world, numbered(1))
    still_open = world.drop_file(numbered(1, "Q-"), f"{CUSTOMER}/Test/open.csv")
    world.drop_file("x", "nowhere.csv")

    files = client.get("/api/files").json["files"]
    assert {file["file_id"]: file["customer_name"] for file in files if file["customer_id"]} == {
        closed: "Contoso",
        still_open: "Contoso",
    }
    assert [file["customer_name"] for file in files if not file["customer_id"]] == [None]
    assert client.get(FILE.format(closed)).json["file"]["customer_name"] == "Contoso"
    (device,) = client.get(f"/api/devices/{CUSTOMER}?serial=SN-00001").json["devices"]
    assert device["customer_name"] == "Contoso"
    assert b"Contoso" in client.get(FILE.format(closed) + "/report.html").body
    for name, found in (("cONTOSO%20ltd", {closed, still_open}), ("Fabrikam", set())):
        assert {file["file_id"] for file in pages(client, f"/api/files?customer={name}&limit=1", "files")} == found
    assert client.get("/api/files?customer=Old%20name").json["parameter"] == "customer"

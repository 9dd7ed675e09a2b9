"""The contract of a container, held by the fake and by Blob Storage."""

from collections.abc import Iterator

import pytest

from shared.storage.blobs import Container, VersionGone

Containers = tuple[str, Container, Container]
JSON = "application/json"


def test_what_is_written_is_read_back(containers: Containers) -> None:
    _, container, _ = containers
    container.write("folder/a b+ä#?.json", b"{}", JSON)
    assert container.read("folder/a b+ä#?.json") == b"{}"
    assert container.read("absent") is None


def test_a_blob_written_in_pieces_is_one_blob(containers: Containers) -> None:
    _, container, _ = containers
    container.write("pieces", (bytes([number]) * 700_000 for number in range(10)), "text/csv")
    assert container.read("pieces") == b"".join(bytes([number]) * 700_000 for number in range(10))


def test_a_blob_whose_writing_fails_half_way_is_not_there(containers: Containers) -> None:
    _, container, _ = containers

    def pieces() -> object:
        yield b"x" * 6_000_000
        raise RuntimeError("the power is out")

    with pytest.raises(RuntimeError):
        container.write("half", pieces(), "text/csv")  # type: ignore[arg-type]
    assert container.read("half") is None


def test_a_listing_is_taken_up_where_its_last_page_ended(containers: Containers) -> None:
    _, container, _ = containers
    for number in range(5):
        container.write(f"a/{number} ä&#", b"x", JSON)
    pages = [container.page(most=2)]
    while (marker := pages[-1].next_marker) is not None:
        container.write(f"b/{len(pages)}", b"new, behind the marker", JSON)
        pages.append(container.page(marker, most=2))
    listed = [[version.path for version in page.versions] for page in pages]
    assert sorted(path for paths in listed for path in paths) == [version.path for version in container.versions()]
    assert max(map(len, listed)) == 2
    assert container.page().versions == list(container.versions())


def test_the_listing_of_an_empty_container_is_one_empty_page(containers: Containers) -> None:
    _, container, _ = containers
    page = container.page()
    assert (list(page.versions), page.next_marker) == ([], None)


def test_a_stream_gives_the_blob_in_order(containers: Containers) -> None:
    _, container, _ = containers
    content = b"".join(number.to_bytes(4, "big") for number in range(1_300_000))
    container.write("large", content, "text/csv")
    pieces = list(container.stream("large"))
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 4 * 1024 * 1024


def test_a_stream_of_an_empty_blob_is_empty(containers: Containers) -> None:
    _, container, _ = containers
    container.write("empty", b"", "text/csv")
    assert b"".join(container.stream("empty")) == b""


def test_a_stream_of_a_missing_blob_says_that_it_is_gone(containers: Containers) -> None:
    _, container, _ = containers
    with pytest.raises(VersionGone):
        list(container.stream("absent"))


def test_a_version_names_path_size_and_a_new_etag_each_time(containers: Containers) -> None:
    _, container, _ = containers
    container.write("a", b"one", "text/csv")
    first = container.version("a")
    container.write("a", b"three", "text/csv")
    second = container.version("a")
    assert first is not None
    assert second is not None
    assert (first.path, first.size, second.size) == ("a", 3, 5)
    assert first.etag != second.etag
    assert '"' not in first.etag
    assert container.version("absent") is None


def test_versions_lists_a_folder(containers: Containers) -> None:
    _, container, _ = containers
    for path in ("a/1", "a/2", "b/1"):
        container.write(path, b"", "text/csv")
    assert [version.path for version in container.versions("a/")] == ["a/1", "a/2"]
    assert len(list(container.versions())) == 3


def test_exactly_the_named_version_is_copied(containers: Containers) -> None:
    name, drop, private = containers
    drop.write("customer/batch/file ä.csv", b"rows", "text/csv")
    version = drop.version("customer/batch/file ä.csv")
    assert version is not None
    private.copy_from(name, version, "id/device-file")
    assert private.read("id/device-file") == b"rows"


def test_an_overwritten_version_is_not_copied(containers: Containers) -> None:
    name, drop, private = containers
    drop.write("file", b"old", "text/csv")
    version = drop.version("file")
    drop.write("file", b"new", "text/csv")
    assert version is not None
    with pytest.raises(VersionGone):
        private.copy_from(name, version, "copy")
    assert private.read("copy") is None


def test_a_deleted_version_is_not_copied(containers: Containers) -> None:
    name, drop, private = containers
    drop.write("file", b"old", "text/csv")
    version = drop.version("file")
    drop.delete("file")
    assert version is not None
    with pytest.raises(VersionGone):
        private.copy_from(name, version, "copy")


def test_a_new_copy_bears_its_metadata_and_never_overwrites(containers: Containers) -> None:
    name, staging, drop = containers
    staging.write("id/file ä.csv", b"rows", "text/csv")
    version = staging.version("id/file ä.csv")
    assert version is not None
    made = drop.copy_new(name, version, "customer/file.csv", {"sent_by": "J%C3%B6rg"})
    assert made == drop.version("customer/file.csv")
    assert drop.read("customer/file.csv") == b"rows"
    assert drop.metadata("customer/file.csv") == {"sent_by": "J%C3%B6rg"}
    assert drop.metadata("absent") == {}
    assert drop.copy_new(name, version, "customer/file.csv", {"sent_by": "another"}) is None
    assert drop.metadata("customer/file.csv") == {"sent_by": "J%C3%B6rg"}


def test_a_new_copy_is_of_exactly_the_named_version(containers: Containers) -> None:
    name, staging, drop = containers
    staging.write("file", b"old", "text/csv")
    version = staging.version("file")
    assert version is not None
    staging.write("file", b"new", "text/csv")
    with pytest.raises(VersionGone):
        drop.copy_new(name, version, "copy", {})
    staging.delete("file")
    with pytest.raises(VersionGone):
        drop.copy_new(name, version, "copy", {})
    assert drop.version("copy") is None


def test_a_copy_that_stands_is_not_overwritten_by_a_late_one(containers: Containers) -> None:
    name, drop, private = containers
    drop.write("file", b"rows", "text/csv")
    version = drop.version("file")
    assert version is not None
    private.copy_from(name, version, "copy")
    first = private.version("copy")
    private.copy_from(name, version, "copy")
    assert private.version("copy") == first


def test_a_blob_overwritten_while_it_is_streamed_is_gone(containers: Containers) -> None:
    _, container, _ = containers
    container.write("large", bytes(9_000_000), "text/csv")
    pieces = container.stream("large")
    next(pieces)
    container.write("large", b"x" * 9_000_000, "text/csv")
    with pytest.raises(VersionGone):
        list(pieces)


def test_an_older_version_never_replaces_a_newer_one(containers: Containers) -> None:
    _, container, _ = containers
    assert container.write_newer("summary", b"read", JSON, 2)
    assert not container.write_newer("summary", b"received", JSON, 1)
    assert not container.write_newer("summary", b"read again", JSON, 2)
    assert container.write_newer("summary", b"closed", JSON, 3)
    assert container.read("summary") == b"closed"


def test_what_is_written_as_new_replaces_nothing(containers: Containers) -> None:
    _, container, _ = containers
    assert container.write_new("retry.csv", (piece for piece in (b"one", b" blob")), "text/csv", {"sent_by": "%C3%81"})
    assert container.metadata("retry.csv") == {"sent_by": "%C3%81"}
    assert not container.write_new("retry.csv", b"another", "text/csv")
    assert container.read("retry.csv") == b"one blob"


def test_what_fails_half_way_as_new_is_not_there(containers: Containers) -> None:
    _, container, _ = containers

    def pieces() -> Iterator[bytes]:
        yield b"x" * 6_000_000
        raise RuntimeError("the power is out")

    with pytest.raises(RuntimeError):
        container.write_new("half.csv", pieces(), "text/csv")
    assert container.read("half.csv") is None


def test_a_blob_already_gone_counts_as_deleted(containers: Containers) -> None:
    _, container, _ = containers
    container.write("a", b"", "text/csv")
    container.delete("a")
    container.delete("a")
    assert container.read("a") is None


@pytest.mark.parametrize("path", [".", "..", "a/../b", "../a", "a/."])
def test_a_path_that_a_client_resolves_is_no_blob(path: str, containers: Containers) -> None:
    assert containers[1].version(path) is None


@pytest.mark.parametrize("name", ["a\x7fb", "a\x81b", "a\tb", "a\u2028b", "%00", "?#&", "a.", "a ", "x" * 1_024])
def test_an_unusual_name_is_listed_as_it_was_written(name: str, containers: Containers) -> None:
    containers[1].write(name, b"1", "text/plain")
    assert [version.path for version in containers[1].versions()] == [name]
    version = containers[1].version(name)
    assert version is not None
    assert version.path == name

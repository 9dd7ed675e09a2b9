"""From what triggered a function to its argument, by the converters of the libraries the real worker uses."""

import json
from collections.abc import Mapping

import azure.functions as func
import azurefunctions.extensions.base as extensions
import azurefunctions.extensions.bindings.blob as blob_bindings  # noqa: F401 - registers
from azure.functions.meta import Datum


class _ModelBindingData:
    """What the host sends for an SDK-type parameter: where the blob is, not what is in it."""

    version = "1.0"
    source = "AzureStorageBlobs"
    content_type = "application/json"

    def __init__(self, place: Mapping[str, str]) -> None:
        self.content = json.dumps(place)


def argument(trigger: str, data: Datum, metadata: Mapping[str, Datum]) -> object:
    """The argument of a function whose trigger is of type `trigger`, such as `queueTrigger`."""
    converter = func.get_binding_registry().get(trigger)  # type: ignore[no-untyped-call]
    return converter.decode(data, trigger_metadata=metadata)


def is_sdk_type(annotation: type) -> bool:
    """Whether a parameter so annotated gets a client of the storage SDK instead of the blob's content."""
    return bool(extensions.get_binding_registry().check_supported_type(annotation))


def blob_client(annotation: type, *, connection: str, container: str, blob: str) -> object:
    """The argument of a parameter of an SDK type. `connection` is the name of an app setting."""
    place = {"Connection": connection, "ContainerName": container, "BlobName": blob}
    data = extensions.Datum(_ModelBindingData(place), "model_binding_data")
    converter = extensions.get_binding_registry().get("blobTrigger")
    client: object = converter.decode(data, trigger_metadata=None, pytype=annotation)
    return client

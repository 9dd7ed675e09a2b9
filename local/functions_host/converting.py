"""Makes the argument of a function from what triggered it, with the converters that the real worker uses."""

import json
from collections.abc import Mapping

import azure.functions as func
import azurefunctions.extensions.base as extensions
from azure.functions.meta import Datum
from azurefunctions.extensions.bindings.blob import BlobClient


class _ModelBindingData:
    """What the host sends for an SDK-type parameter: where the blob is, not its content."""

    version = "1.0"
    source = "AzureStorageBlobs"
    content_type = "application/json"

    def __init__(self, place: Mapping[str, str]) -> None:
        self.content = json.dumps(place)


def argument(trigger: str, data: Datum, metadata: Mapping[str, Datum]) -> object:
    """The argument of a function whose trigger is of type `trigger`, such as `queueTrigger`."""
    converter = func.get_binding_registry().get(trigger)  # type: ignore[no-untyped-call]
    return converter.decode(data, trigger_metadata=metadata)


def blob_client(*, connection: str, container: str, blob: str) -> object:
    """The argument of a blob-triggered function, a `BlobClient`. `connection` is the name of an app setting."""
    place = {"Connection": connection, "ContainerName": container, "BlobName": blob}
    data = extensions.Datum(_ModelBindingData(place), "model_binding_data")
    converter = extensions.get_binding_registry().get("blobTrigger")
    client: object = converter.decode(data, trigger_metadata=None, pytype=BlobClient)
    return client

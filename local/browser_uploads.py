"""Lets the status page on this machine upload to Azurite from a browser, as infra/storage.bicep does in Azure."""

from urllib.parse import urlsplit

from azure.storage.blob import BlobServiceClient, CorsRule

_METHODS = ["PUT"]
_HEADERS = ["content-type", "x-ms-*"]
_SECONDS = 3_600


def allow_uploads_from(page: str, storage: BlobServiceClient) -> None:
    """Allow uploads by a browser from the page at this address alone, by either name of this machine."""
    port = urlsplit(page).port
    origins = [f"http://{name}:{port}" for name in ("localhost", "127.0.0.1")]
    rule = CorsRule(origins, _METHODS, allowed_headers=_HEADERS, max_age_in_seconds=_SECONDS)
    storage.set_service_properties(cors=[rule])

"""Links in answers to scripts: absolute, on the host that the request names. Stored and displayed links are paths."""

from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import azure.functions as func
from msgspec.structs import asdict, replace

from shared.status.schemas import (
    ActPage,
    DevicePage,
    FileDetails,
    FileLinks,
    FilePage,
    RegisteredDevicePage,
    RegisteredDeviceView,
    RetryView,
    View,
)

AnyView = TypeVar("AnyView", bound=View)


@dataclass(frozen=True, slots=True)
class Origins:
    """What stands before a path in a link: scheme and host, and with PAGE_URL the path of a proxy."""

    scripts: str
    """Of the request, as the Functions host gives it. Headers of proxies are not trusted: every client can set them."""
    page: str
    """Of the page, where people can sign in."""


def origins(request: func.HttpRequest, page_url: str | None) -> Origins:
    """The origins of the links in the answer to `request`; paths stay paths where the host gives no address."""
    try:
        address = urlsplit(request.url)
    except ValueError:
        return Origins("", page_url or "")
    asked = f"{address.scheme}://{address.netloc}" if address.scheme and address.netloc else ""
    return Origins(asked, page_url or asked)


def with_origins(view: AnyView, to: Origins) -> AnyView:
    """`view` with absolute links."""
    match view:
        case FilePage():
            return replace(view, files=[replace(file, links=_absolute(file.links, to)) for file in view.files])
        case FileDetails():
            return replace(view, file=replace(view.file, links=_absolute(view.file.links, to)))
        case DevicePage():
            return replace(
                view, devices=[replace(device, links=_absolute(device.links, to)) for device in view.devices]
            )
        case ActPage():
            return replace(view, acts=[replace(act, link=to.page + act.link) if act.link else act for act in view.acts])
        case RegisteredDevicePage():
            return replace(view, devices=[_with_page(device, to) for device in view.devices])
        case RetryView(link=str(path)):
            return replace(view, link=to.scripts + path)
        case _:
            return view


def _with_page(device: RegisteredDeviceView, to: Origins) -> RegisteredDeviceView:
    registered_by = device.registered_by
    if registered_by is None:
        return device
    return replace(device, registered_by=replace(registered_by, page=to.page + registered_by.page))


def _absolute(links: FileLinks, to: Origins) -> FileLinks:
    absolute = {name: to.scripts + path for name, path in asdict(links).items() if path is not None}
    return replace(links, **absolute | {"page": to.page + links.page})

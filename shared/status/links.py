"""Links as scripts follow them: whole addresses on the host that was asked. What is stored or shown has paths alone."""

from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import azure.functions as func
from msgspec.structs import asdict, replace

from shared.status.schemas import DevicePage, FileDetails, FileLinks, FilePage, RetryView, View

AnyView = TypeVar("AnyView", bound=View)


@dataclass(frozen=True, slots=True)
class Origins:
    """Where paths lead: scheme and host, and for a proxy that is told of in PAGE_URL its path."""

    scripts: str
    """Of the request, as the Functions host gives it; headers of proxies are not believed, since anybody sets them."""
    page: str
    """Where people can sign in."""


def origins(request: func.HttpRequest, page_url: str | None) -> Origins:
    """The origins of the links in the answer to `request`; paths stay paths where the host gives no address."""
    try:
        address = urlsplit(request.url)
    except ValueError:
        return Origins("", page_url or "")
    asked = f"{address.scheme}://{address.netloc}" if address.scheme and address.netloc else ""
    return Origins(asked, page_url or asked)


def with_origins(view: AnyView, to: Origins) -> AnyView:
    """The same view, its links whole addresses."""
    match view:
        case FilePage():
            return replace(view, files=[replace(file, links=_whole(file.links, to)) for file in view.files])
        case FileDetails():
            return replace(view, file=replace(view.file, links=_whole(view.file.links, to)))
        case DevicePage():
            return replace(view, devices=[replace(device, links=_whole(device.links, to)) for device in view.devices])
        case RetryView(link=str(path)):
            return replace(view, link=to.scripts + path)
        case _:
            return view


def _whole(links: FileLinks, to: Origins) -> FileLinks:
    whole = {name: to.scripts + path for name, path in asdict(links).items() if path is not None}
    return replace(links, **whole | {"page": to.page + links.page})

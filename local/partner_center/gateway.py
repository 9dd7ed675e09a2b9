"""What a caller meets before the service: throttling, an outage, a refusal, a redirect."""

import json
import time
from email.utils import formatdate
from http import HTTPStatus

from local.partner_center.behaviour import Behaviour
from local.partner_center.contract import Answer, Refusal
from local.partner_center.faults import Fault


def gateway_answer(fault: Fault | None, behaviour: Behaviour, target: str) -> Answer | None:
    """The answer that comes before the service is reached; None when nothing stands in the way."""
    seconds = int(-(-behaviour.retry_after // 1))
    page = {"Content-Type": "text/html"}
    match fault:
        case Fault.THROTTLE | Fault.THROTTLE_UNTIL:
            as_date = formatdate(time.time() + behaviour.retry_after, usegmt=True)
            body = {"statusCode": 429, "message": f"Rate limit is exceeded. Try again in {seconds} seconds."}
            wait = str(seconds) if fault is Fault.THROTTLE else as_date
            headers = {"Retry-After": wait, "Content-Type": "application/json"}
            return Answer(HTTPStatus.TOO_MANY_REQUESTS, headers, json.dumps(body).encode())
        case Fault.UNAVAILABLE:
            text = b"<html><body><h1>503</h1><p>The service is unavailable.</p></body></html>"
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, page, text)
        case Fault.UNAUTHORISED:
            return Refusal(HTTPStatus.UNAUTHORIZED, "400", "Access denied").answer()
        case Fault.FORBIDDEN:
            text = b"The supplied role does not have the rights to perform the requested operation"
            return Answer(HTTPStatus.FORBIDDEN, {"Content-Type": "text/plain"}, text)
        case Fault.REDIRECT:
            return Answer(HTTPStatus.TEMPORARY_REDIRECT, {"Location": behaviour.redirect_to + target})
        case _:
            return None

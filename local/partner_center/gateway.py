"""The gateway between the caller and the service: its own answers, and the damage it does to the service's."""

import json
from dataclasses import replace
from email.utils import formatdate
from http import HTTPStatus

from local.partner_center.behaviour import Behaviour
from local.partner_center.contract import Answer, Refusal, Reply
from local.partner_center.faults import Fault

_HTML = {"Content-Type": "text/html"}


def gateway_answer(fault: Fault | None, behaviour: Behaviour, target: str, now: float) -> Answer | None:
    """The answer that comes before the service is reached; None when nothing stands in the way."""
    seconds = int(-(-behaviour.retry_after // 1))
    match fault:
        case Fault.THROTTLE | Fault.THROTTLE_UNTIL:
            as_date = formatdate(now + behaviour.retry_after, usegmt=True)
            body = {"statusCode": 429, "message": f"Rate limit is exceeded. Try again in {seconds} seconds."}
            wait = str(seconds) if fault is Fault.THROTTLE else as_date
            headers = {"Retry-After": wait, "Content-Type": "application/json"}
            return Answer(HTTPStatus.TOO_MANY_REQUESTS, headers, json.dumps(body).encode())
        case Fault.UNAVAILABLE:
            text = b"<html><body><h1>503</h1><p>The service is unavailable.</p></body></html>"
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, _HTML, text)
        case Fault.UNAUTHORISED:
            return Refusal(HTTPStatus.UNAUTHORIZED, "400", "Access denied").answer()
        case Fault.FORBIDDEN:
            text = b"The supplied role does not have the rights to perform the requested operation"
            return Answer(HTTPStatus.FORBIDDEN, {"Content-Type": "text/plain"}, text)
        case Fault.REDIRECT:
            return Answer(HTTPStatus.TEMPORARY_REDIRECT, {"Location": behaviour.redirect_to + target})
        case _:
            return None


def damaged(answer: Answer, fault: Fault | None) -> Reply:
    """How the answer of the service arrives."""
    match fault:
        case Fault.DROPPED_AFTER:
            return Reply(None)
        case Fault.WITHOUT_LOCATION if answer.status == HTTPStatus.ACCEPTED:
            return Reply(replace(answer, headers={}))
        case Fault.LINK_IN_BODY if answer.status == HTTPStatus.ACCEPTED:
            link = {"uri": answer.headers["Location"], "method": "GET", "headers": []}
            return Reply(Answer.of_json(answer.status, link))
        case Fault.TRUNCATED:
            return Reply(answer, is_cut_off=True)
        case Fault.GATEWAY_TIMEOUT:
            text = b"<html><body><h1>504</h1><p>The gateway timed out.</p></body></html>"
            return Reply(Answer(HTTPStatus.GATEWAY_TIMEOUT, _HTML, text))
        case Fault.NOT_JSON:
            text = b"<html><body>Please sign in to the network.</body></html>"
            return Reply(Answer(answer.status, _HTML, text))
        case _:
            return Reply(answer)

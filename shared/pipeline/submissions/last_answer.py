"""What the service said, as the journal keeps it. Pure."""

from shared.partner_center.errors import PartnerCenterError, ServiceIds
from shared.pipeline.submissions.state_machine import Said
from shared.storage.records import AnswerIds


def said_by(ids: ServiceIds) -> AnswerIds:
    """The ids of an answer."""
    return AnswerIds(
        request_id=ids.request_id,
        correlation_id=ids.correlation_id,
        trace_vector=ids.trace_vector,
        server_id=ids.server_id,
    )


def said_in(error: PartnerCenterError) -> Said:
    """What an answer that is an error said."""
    return Said(said_by(error.service_ids), error.status, error.code)

"""What the service said, as the journal keeps it. Pure."""

from shared.partner_center.errors import PartnerCenterError, ServiceIds
from shared.pipeline.submissions.state_machine import LastAnswer
from shared.storage.records import AnswerIds


def answer_ids_of(ids: ServiceIds) -> AnswerIds:
    """The ids of an answer."""
    return AnswerIds(
        request_id=ids.request_id,
        correlation_id=ids.correlation_id,
        correlation_vector=ids.correlation_vector,
        server_id=ids.server_id,
    )


def last_answer_of(error: PartnerCenterError) -> LastAnswer:
    """What an answer that is an error said."""
    return LastAnswer(answer_ids_of(error.service_ids), error.status, error.code)

"""The front door: each trigger binds its input and makes one call into shared/pipeline or shared/status. No logic.

What only some functions need is imported by them: an instance that takes wake-ups starts without what reads files and
what answers HTTP.
The Functions host tries routes in the order of the functions' names, so the last one is named to come last.
"""

import gc
import logging
import os

import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob_binding

from shared.pipeline.blob_names import DROP_CONTAINER
from shared.pipeline.composition import PreparedPipeline, compose
from shared.pipeline.dispatch import wake
from shared.settings import STORAGE_CONNECTION, settings_from
from shared.storage.connection import SUBMISSIONS_QUEUE

# By itself Python looks for circles of garbage after 700 new objects: a twenty-fifth of the CPU of a file, to find few.
gc.set_threshold(20_000, 20, 20)
# What the product says of its files reaches Application Insights, whose exporter takes this logger alone.
logging.getLogger("shared").setLevel(logging.INFO)
# Each storage request would be a line of its own.
logging.getLogger("azure.core.pipeline.policies.http_logging_policy").setLevel(logging.WARNING)

settings = settings_from(os.environ)
pipeline = PreparedPipeline(compose(settings))
app = func.FunctionApp()


@app.blob_trigger(
    arg_name="blob",
    path=f"{DROP_CONTAINER}/{{name}}",
    connection=STORAGE_CONNECTION,
    source=func.BlobSource(settings.blob_trigger_source),
)
def receive_device_file(blob: blob_binding.BlobClient) -> None:
    """A device file was dropped. The bound client gives its name alone: ours reads it, in small ranges."""
    from shared.pipeline.intake.receive import receive  # noqa: PLC0415

    receive(pipeline(), blob.blob_name)


@app.queue_trigger(arg_name="message", queue_name=SUBMISSIONS_QUEUE, connection=STORAGE_CONNECTION)
def advance_submission(message: func.QueueMessage) -> None:
    """A submission is due."""
    wake(pipeline(), message.get_body(), message.id)


@app.timer_trigger(arg_name="timer", schedule=settings.sweep_schedule, run_on_startup=False, use_monitor=True)
def sweep(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the host passes it
    """Every few minutes: find what was lost."""
    from shared.pipeline.sweep import sweep as sweep_all  # noqa: PLC0415

    sweep_all(pipeline())


@app.route("files", methods=["GET", "HEAD"], auth_level=func.AuthLevel.FUNCTION)
def list_files(req: func.HttpRequest) -> func.HttpResponse:
    """Device files, newest first."""
    from shared.status import handlers  # noqa: PLC0415

    return handlers.list_files(pipeline, req)


@app.route("files/{customer_id}/{file_id}", methods=["GET", "HEAD"], auth_level=func.AuthLevel.FUNCTION)
def read_file(req: func.HttpRequest) -> func.HttpResponse:
    """One device file."""
    from shared.status import handlers  # noqa: PLC0415

    return handlers.read_file(pipeline, req)


@app.route("files/{customer_id}/{file_id}/outcomes", methods=["GET", "HEAD"], auth_level=func.AuthLevel.FUNCTION)
def list_outcomes(req: func.HttpRequest) -> func.HttpResponse:
    """The outcomes of a file's rows."""
    from shared.status import handlers  # noqa: PLC0415

    return handlers.list_outcomes(pipeline, req)


@app.route("files/{customer_id}/{file_id}/results.csv", methods=["GET", "HEAD"], auth_level=func.AuthLevel.FUNCTION)
def download_results(req: func.HttpRequest) -> func.HttpResponse:
    """results.csv of a file."""
    from shared.status import handlers  # noqa: PLC0415

    return handlers.download_results(pipeline, req)


@app.route("files/{customer_id}/{file_id}/to_fix.csv", methods=["GET", "HEAD"], auth_level=func.AuthLevel.FUNCTION)
def download_to_fix(req: func.HttpRequest) -> func.HttpResponse:
    """The rows of a file that a person can fix."""
    from shared.status import handlers  # noqa: PLC0415

    return handlers.download_to_fix(pipeline, req)


@app.route("files/{customer_id}/{file_id}/report.html", methods=["GET", "HEAD"], auth_level=func.AuthLevel.FUNCTION)
def download_report(req: func.HttpRequest) -> func.HttpResponse:
    """All of a file as one page."""
    from shared.status import handlers  # noqa: PLC0415

    return handlers.download_report(pipeline, req)


@app.route("files/{customer_id}/{file_id}/retry", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
def retry_file(req: func.HttpRequest) -> func.HttpResponse:
    """Rows of a file are to be sent again."""
    from shared.status import handlers  # noqa: PLC0415

    return handlers.retry_file(pipeline, req)


@app.route("files/{customer_id}/{file_id}/withdraw", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
def withdraw_file(req: func.HttpRequest) -> func.HttpResponse:
    """The devices that a file newly registered are to be deleted."""
    from shared.status import handlers  # noqa: PLC0415

    return handlers.withdraw_file(pipeline, req)


@app.route("devices/{customer_id}/{*serial}", methods=["GET", "HEAD"], auth_level=func.AuthLevel.FUNCTION)
def find_device(req: func.HttpRequest) -> func.HttpResponse:
    """Where a serial number was."""
    from shared.status import handlers  # noqa: PLC0415

    return handlers.find_device(pipeline, req)


@app.route("openapi.json", methods=["GET", "HEAD"], auth_level=func.AuthLevel.FUNCTION)
def show_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """What may be asked, as an OpenAPI document."""
    from shared.status import handlers  # noqa: PLC0415

    return handlers.show_openapi(req)


# --- the page: people sign in at App Service authentication, which adds them to the request


@app.route("status", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def page_of_all_files(req: func.HttpRequest) -> func.HttpResponse:
    """The list of files, for people."""
    from shared.status.page import handlers  # noqa: PLC0415

    return handlers.show_files(pipeline, req)


@app.route("status/static/{name}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def page_assets(req: func.HttpRequest) -> func.HttpResponse:
    """Style, script and mark of the page. Its name puts it before `page_of_file`, whose route it fits as well."""
    from shared.status.page import handlers  # noqa: PLC0415

    return handlers.serve_static(req)


@app.route("status/{customer_id}/{file_id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def page_of_file(req: func.HttpRequest) -> func.HttpResponse:
    """One file, for people."""
    from shared.status.page import handlers  # noqa: PLC0415

    return handlers.show_file(pipeline, req)


@app.route("status/{customer_id}/{file_id}/report.html", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def page_report(req: func.HttpRequest) -> func.HttpResponse:
    """report.html of a file, for people."""
    from shared.status.page import handlers  # noqa: PLC0415

    return handlers.download_report(pipeline, req)


@app.route("status/{customer_id}/{file_id}/results.csv", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def page_results(req: func.HttpRequest) -> func.HttpResponse:
    """results.csv of a file, for people."""
    from shared.status.page import handlers  # noqa: PLC0415

    return handlers.download_results(pipeline, req)


@app.route("status/{customer_id}/{file_id}/to_fix.csv", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def page_to_fix(req: func.HttpRequest) -> func.HttpResponse:
    """to_fix.csv of a file, for people."""
    from shared.status.page import handlers  # noqa: PLC0415

    return handlers.download_to_fix(pipeline, req)


@app.route("status/{customer_id}/{file_id}/retry", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def page_retry(req: func.HttpRequest) -> func.HttpResponse:
    """The form that sends rows again."""
    from shared.status.page import handlers  # noqa: PLC0415

    return handlers.retry_file(pipeline, req)


@app.route("status/{customer_id}/{file_id}/withdraw", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def page_withdraw(req: func.HttpRequest) -> func.HttpResponse:
    """The form that withdraws a file."""
    from shared.status.page import handlers  # noqa: PLC0415

    return handlers.withdraw_file(pipeline, req)


@app.route("status/{customer_id}/{file_id}/withdraw", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def page_withdraw_asking(req: func.HttpRequest) -> func.HttpResponse:
    """Asks to confirm that a file is to be withdrawn."""
    from shared.status.page import handlers  # noqa: PLC0415

    return handlers.ask_to_withdraw(pipeline, req)


@app.route("{*path}", auth_level=func.AuthLevel.ANONYMOUS)
def wrong_address(req: func.HttpRequest) -> func.HttpResponse:
    """Whatever nothing else answers to."""
    from shared.status import handlers  # noqa: PLC0415

    return handlers.refuse_address(req)

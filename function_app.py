"""The front door: each trigger binds its input and makes one call into shared/pipeline or shared/status. No logic.

The HTTP functions are those of the table in shared/status/routes.py.
Modules that only some functions need are imported inside them: an instance that handles wake-ups starts without the
reader of files and the HTTP handlers.
"""

import gc

# The objects of the imports below stay: to search them for garbage cycles takes a tenth of a cold start. They are set
# apart (`freeze`) before the search begins.
gc.disable()

import logging
import os
from collections.abc import Callable

import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob_binding

from shared.failures import logged_failure
from shared.log_lines import put_fields_in_lines
from shared.pipeline.blob_names import DROP_CONTAINER
from shared.pipeline.composition import PreparedPipeline, compose
from shared.pipeline.dispatch import wake
from shared.settings import STORAGE_CONNECTION, settings_from
from shared.status.routes import ROUTES, Access, Route
from shared.storage.connection import SUBMISSIONS_QUEUE
from shared.telemetry import invocation

gc.freeze()
# By default Python searches after 700 new objects: a twenty-fifth of a file's CPU time, to find few.
gc.set_threshold(20_000, 20, 20)
gc.enable()
# The product's logs about its files reach Application Insights, whose exporter reads only this logger.
logging.getLogger("shared").setLevel(logging.INFO)
put_fields_in_lines(os.environ)
# Otherwise each storage request would write a line.
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
def receive_device_file(blob: blob_binding.BlobClient, context: func.Context) -> None:
    """A device file was dropped. The bound client only gives its name: our own client reads it, in small ranges."""
    from shared.pipeline.intake.receive import receive_dropped  # noqa: PLC0415

    with invocation(context.trace_context), logged_failure(context):
        receive_dropped(pipeline(), blob.blob_name)


@app.queue_trigger(arg_name="message", queue_name=SUBMISSIONS_QUEUE, connection=STORAGE_CONNECTION)
def advance_submission(message: func.QueueMessage, context: func.Context) -> None:
    """A submission is due."""
    with invocation(context.trace_context), logged_failure(context):
        wake(pipeline(), message.get_body(), message.id)


@app.timer_trigger(arg_name="timer", schedule=settings.advanced.sweep_schedule, run_on_startup=False, use_monitor=True)
def sweep(timer: func.TimerRequest, context: func.Context) -> None:  # noqa: ARG001 - the host passes it
    """Every few minutes: find lost work."""
    from shared.pipeline.sweep import sweep as sweep_all  # noqa: PLC0415

    with invocation(context.trace_context), logged_failure(context):
        sweep_all(pipeline())


@app.timer_trigger(arg_name="timer", schedule=settings.reconcile_schedule, run_on_startup=False, use_monitor=True)
def reconcile(timer: func.TimerRequest, context: func.Context) -> None:  # noqa: ARG001 - the host passes it
    """Each night: read the registered devices, if the setting says so."""
    from shared.pipeline.inventory.reconciliation import reconcile as reconcile_all  # noqa: PLC0415

    with invocation(context.trace_context), logged_failure(context):
        reconcile_all(pipeline())


def _answering(route: Route) -> Callable[[func.HttpRequest, func.Context], func.HttpResponse]:
    """The function of `route`."""

    def answer(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        from shared.status import router  # noqa: PLC0415

        with invocation(context.trace_context), logged_failure(context):
            return router.answer(route, pipeline, req)

    return answer


for route in ROUTES:
    level = func.AuthLevel.FUNCTION if route.access is Access.KEY else func.AuthLevel.ANONYMOUS
    bound = app.route(route.template, methods=route.methods or None, auth_level=level)(_answering(route))
    app.function_name(route.name)(bound)

"""The front door: each trigger binds its input and makes one call into shared/pipeline. No logic."""

import logging
import os

import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob_binding

from shared.pipeline.composition import PreparedPipeline, compose
from shared.pipeline.device_file import DROP_CONTAINER
from shared.pipeline.receive import receive
from shared.pipeline.sweep import sweep as sweep_all
from shared.pipeline.wake import wake
from shared.settings import STORAGE_CONNECTION, settings_from
from shared.storage.connection import SUBMISSIONS_QUEUE

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
    receive(pipeline(), blob.blob_name)


@app.queue_trigger(arg_name="message", queue_name=SUBMISSIONS_QUEUE, connection=STORAGE_CONNECTION)
def advance_submission(message: func.QueueMessage) -> None:
    """A submission is due."""
    wake(pipeline(), message.get_body(), message.id)


@app.timer_trigger(arg_name="timer", schedule=settings.sweep_schedule, run_on_startup=False, use_monitor=True)
def sweep(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the host passes it
    """Every few minutes: find what was lost."""
    sweep_all(pipeline())

"""A small app whose functions write down that they were called, and fail or dawdle when their input says so."""

import json
import os
import time
import uuid
from typing import Any

import azure.functions as func
from azure.storage.blob import BlobClient, ContainerClient
from azurefunctions.extensions.bindings import blob

app = func.FunctionApp()


def write_down(function: str, **what: object) -> None:
    """One blob for each call in the container `calls-...`: what happened and when, by which process."""
    record = {"function": function, "process": os.getpid(), "time": time.time(), **what}
    calls = ContainerClient.from_connection_string(
        os.environ["DeviceStorage"],  # noqa: SIM112 - as Azure spells it
        os.environ["CALLS"],
    )
    calls.upload_blob(f"{time.time():.6f}-{uuid.uuid4()}", json.dumps(record))


@app.blob_trigger(
    arg_name="dropped",
    path=f"{os.environ['FILES']}/{{name}}",
    connection="DeviceStorage",
    source=func.BlobSource.LOGS_AND_CONTAINER_SCAN,
)
def receive(dropped: blob.BlobClient) -> None:
    client: BlobClient = dropped
    content = client.download_blob().readall().decode()
    write_down("receive", blob=client.blob_name, content=content)
    if content == "fail":
        raise RuntimeError("told to fail")


@app.queue_trigger(arg_name="message", queue_name=os.environ["WORK"], connection="DeviceStorage")
def work(message: func.QueueMessage) -> Any:
    body = message.get_body().decode()
    write_down("work", body=body, taken=message.dequeue_count)
    if body.startswith("sleep "):
        time.sleep(float(body.split()[1]))
        write_down("worked", body=body)
    if body == "fail":
        raise RuntimeError("told to fail")
    return "a value" if body == "return" else None


@app.timer_trigger(arg_name="timer", schedule=os.environ["SCHEDULE"])
def tick(timer: func.TimerRequest) -> None:
    write_down("tick", past_due=timer.past_due)


@app.route(route="hello/{name}", methods=["GET"])
def hello(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(
        f"{req.route_params['name']} {req.params.get('q')}", status_code=203, headers={"X-Seen": "yes"}
    )

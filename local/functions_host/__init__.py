"""A functions host for machines without Azure Functions Core Tools.

It runs a function app of the Python v2 programming model, with the real host's semantics wherever these decide
whether work is lost or done twice: at-least-once delivery, leases, poison queues, blob receipts, one scanner and one
timer among all instances. Sources: the Azure Functions documentation of the blob, queue, timer and HTTP triggers, and
the code of the storage extension (Azure/azure-sdk-for-net) and the timer extension
(Azure/azure-webjobs-sdk-extensions).

It serves what `function_app.py` uses: one blob trigger (source LogsAndContainerScan), queue, timer and HTTP triggers of
synchronous functions with one parameter, and connection strings. It refuses, with a sentence, an app that needs more.
"""

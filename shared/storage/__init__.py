"""Files, submissions, outcomes, batches and gates in tables; blobs; wake-ups and events in queues.

    journal         the tables, by aggregate: files, submissions, outcomes, withdrawals, batches, gates
    records         the fields of each kind of record; `codec` writes it as a row, `keys` makes its keys
    record_table    reads records with their ETags and changes them only under these: claims, and why two never succeed
    tables          one table; `table_service`, `transactions` and `pages` speak Table Storage's protocol for it
    customers       the names of customers; `partner_customers` is a copy of Partner Center's list of them
    blobs  wakeups  file_events
    connection      opens them all

Knows neither the pipeline nor Partner Center.
"""

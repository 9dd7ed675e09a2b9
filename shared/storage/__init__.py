"""Where the truth is kept: the journal (tables), the files (blobs), the alarm clock (queue)."""

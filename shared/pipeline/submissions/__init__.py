"""One submission from pending to final: ask the service, decide, write."""

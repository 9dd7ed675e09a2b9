"""Device files: bytes to rows to checked devices. Pure: knows no storage, no network, no pipeline."""

"""A service that accepts every upload, and answers each request after a fixed time, however many arrive at once.

The stand-in does real work for each upload, one after the other, which would be measured as the product's. This is a
separate program: `python -m local.bench.thinking_service SECONDS`; it prints its address.
"""

import asyncio
import json
import sys
from uuid import uuid4

from local.bench.counting_proxy import HOST, read_head

_NO_BATCHES = json.dumps({"totalCount": 0, "items": []}).encode()


def answer_to(first: str) -> bytes:
    """The answer to a request that begins with the line `first`. Pure but for the id of a job."""
    if first.startswith("POST "):
        place = f"/customers/c/batchJobStatus/{uuid4()}"
        return f"HTTP/1.1 202 Accepted\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(_NO_BATCHES) + _NO_BATCHES


async def _serve(seconds: float) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (head := await read_head(reader)) is not None:
                due = asyncio.get_running_loop().time() + seconds
                await reader.readexactly(int(head.headers.get("content-length", "0")))
                await asyncio.sleep(due - asyncio.get_running_loop().time())
                writer.write(answer_to(head.first))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the caller hung up
        finally:
            writer.close()

    server = await asyncio.start_server(talk, HOST, 0)
    print(f"Thinking: http://{HOST}:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))

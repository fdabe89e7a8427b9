"""The child process of the `decord` source: pictures by their number, in chunks. Run as a script; knows nothing of capstream.

argv: the path, width and height of the pictures to give, how many pictures the file must have, and how many threads to use.
stdin: a JSON list of numbers, one line for each chunk. stdout: the pictures of each chunk, rgb24, one after the other.

A chunk is decoded as a whole and its reader dropped before it is written: an open reader goes on decoding into memory for
as long as its pictures are not taken. One chunk is written while the next is decoded.
"""

import json
import os
import sys
from queue import Queue
from threading import Thread

import numpy as np

BATCH = 16


def main() -> None:
    import decord

    decord.logging.set_level(decord.logging.ERROR)
    path, width, height, count, threads = sys.argv[1], *map(int, sys.argv[2:6])
    decoded: Queue[list[np.ndarray] | None] = Queue(maxsize=1)
    writer = Thread(target=write, args=(decoded,))
    writer.start()
    try:
        for line in sys.stdin:
            numbers = json.loads(line)
            reader = decord.VideoReader(path, width=width, height=height, num_threads=threads)
            if len(reader) != count:
                raise ValueError(f"{len(reader)} pictures instead of {count}")
            decoded.put([reader.get_batch(numbers[i : i + BATCH]).asnumpy() for i in range(0, len(numbers), BATCH)])
            del reader
    finally:
        decoded.put(None)
        writer.join()


def write(decoded: "Queue[list[np.ndarray] | None]") -> None:
    try:
        while (batches := decoded.get()) is not None:
            while batches:
                sys.stdout.buffer.write(batches.pop(0).data)
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        os._exit(1)


if __name__ == "__main__":
    main()

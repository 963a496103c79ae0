"""Emits numbers as fast as they are handled: `count` of them, then `done`."""
import os
import sys

sys.path.insert(0, os.environ["CLIENT"])
from bootstrap_process import BufferFull, Process  # noqa: E402


def on_command(name, data):
    if name == "echo":
        process.emit("echo", data)
    elif name == "crash":
        os._exit(3)
    elif name == "fail":
        raise RuntimeError("as it was told")


with Process(on_command) as process:
    process.emit("ready", process.metadata)
    count = process.metadata["count"]
    number, full = 0, 0
    while not process.stopping.wait(0.002):
        if number == count:
            continue
        try:
            process.emit("tick", number + 1)
            number += 1
        except BufferFull:
            full += 1
        if number == count:
            process.emit("done", None)
    process.emit("stopping", full)

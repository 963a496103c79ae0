"""The client of a process that bootstrap supervises. One file, Python 3.8 or later, no other packages.

    from bootstrap_process import Process

    with Process() as process:
        while not process.stopping.wait(1.0):
            process.emit("tick", {"level": 7})

Events are kept until the service has handled and acknowledged them, also while it is restarted: none is lost, and none handled
twice. They are lost if this process ends before; `close`, at the end of `with`, waits for the service for 3 seconds.

At most 10,000 events or 16 MiB are kept. Then `emit` raises `BufferFull`, and keeps nothing: emit it again later, or wait with
`flush`. `SIGTERM` sets `stopping`; in a process that this one has forked, it does what it does by default.

A program that does jobs of the service, one each time that it is started:

    from bootstrap_process import Job

    with Job() as job:
        job.progress("half")
        job.complete({"width": job.payload["width"]})
"""

import json
import os
import queue
import random
import signal
import socket
import sys
import threading
import time
import traceback

__all__ = ["BufferFull", "Channel", "Job", "Process"]

LONGEST_LINE = 1 << 20
DEEPEST = 100
LARGEST = 1 << 1023


class BufferFull(Exception):
    """So many messages are not acknowledged that no more are kept."""


class Channel:
    """Numbered messages to the service, each kept until it is acknowledged, over connections that are made for ever.

    It knows nothing of events and commands. `on_message(message)` gets each message that is not one of the channel itself, on the
    thread that reads.
    """

    def __init__(self, path, token, heartbeat=None, on_message=None, most=10_000, most_bytes=16 << 20):
        self._path = path
        self._token = token
        self._heartbeat = heartbeat
        self._on_message = on_message or (lambda message: None)
        self._most = most
        self._most_bytes = most_bytes
        self._changed = threading.Condition()
        self._kept = {}
        self._bytes = 0
        self._last = 0
        self._sent = 0
        self._socket = None
        self._closed = False
        for run in (self._read_for_ever, self._write_for_ever):
            threading.Thread(target=run, daemon=True).start()

    def post(self, type, **fields):
        """Keeps a message, to be sent until it is acknowledged. Returns its number.

        Raises `BufferFull`, or `ValueError` or `TypeError` for a type that is not a string, and for what JSON can't hold or is longer than 1 MiB.
        """
        _check_name(type)
        _check(fields, 0)
        with self._changed:
            if self._closed:
                raise ValueError("the channel is closed")
            line = _line(dict(fields, type=type, seq=self._last + 1))
            if len(self._kept) >= self._most or self._bytes + len(line) > self._most_bytes:
                raise BufferFull("%d messages are not acknowledged" % len(self._kept))
            self._last += 1
            self._kept[self._last] = line
            self._bytes += len(line)
            self._changed.notify_all()
            return self._last

    def flush(self, timeout=None):
        """Waits until all messages are acknowledged. Returns whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._kept, timeout)

    def close(self):
        """Closes the connection for good, without waiting. What is not acknowledged is lost."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            sock = self._socket
        if sock is None:
            return
        try:
            # A service that does not read does not hold this up.
            sock.send(_line({"type": "disconnecting"}), socket.MSG_DONTWAIT)
        except OSError:
            pass
        try:
            # It ends the threads, which may wait for the service.
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _read_for_ever(self):
        pause = 0.05
        while not self._closed:
            try:
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.connect(self._path)
                    sock.sendall(self._hello())
                    for line in sock.makefile("rb"):
                        if self._closed:
                            return
                        if self._received(sock, json.loads(line)):
                            pause = 0.05
            except (OSError, ValueError, KeyError):
                pass
            with self._changed:
                self._socket = None
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, 1.0)

    def _hello(self):
        with self._changed:
            first = next(iter(self._kept), self._last + 1)
            return _line({"type": "connected", "token": self._token, "first": first, "last": self._last})

    def _received(self, sock, message):
        """Returns whether the service has accepted the connection."""
        type = message["type"]
        if type == "welcome":
            with self._changed:
                self._acknowledged(message["acknowledged"])
                self._sent = message["acknowledged"]
                self._socket = sock
                self._changed.notify_all()
        elif type == "acknowledged":
            with self._changed:
                self._acknowledged(message["seq"])
        else:
            self._on_message(message)
        return type == "welcome"

    def _acknowledged(self, seq):
        while self._kept and next(iter(self._kept)) <= seq:
            self._bytes -= len(self._kept.pop(next(iter(self._kept))))
        self._changed.notify_all()

    def _write_for_ever(self):
        beat = time.monotonic()
        while True:
            with self._changed:
                pause = None if self._heartbeat is None else beat - time.monotonic()
                if pause is None or pause > 0:
                    self._changed.wait_for(self._has_work, pause)
                if self._closed:
                    return
                sock, lines = self._socket, []
                while sock is not None and self._sent < self._last and len(lines) < 64:
                    self._sent += 1
                    lines.append(self._kept.get(self._sent, b""))
            if self._heartbeat is not None and time.monotonic() >= beat:
                beat = time.monotonic() + self._heartbeat
                lines.append(_line({"type": "heartbeat"}))
            if sock is not None:
                try:
                    sock.sendall(b"".join(lines))
                except OSError:
                    # The thread that reads connects again.
                    with self._changed:
                        if self._socket is sock:
                            self._socket = None

    def _has_work(self):
        return self._closed or (self._socket is not None and self._sent < self._last)


class Process:
    """This process, as the service that started it sees it. Its settings are in the environment.

    `on_command(name, data)` is called for each command, in their order, on a thread of its own. What it raises is printed, and the
    next command goes on. `on_stop()` is called once after `SIGTERM`, on another thread.
    """

    def __init__(self, on_command=None, on_stop=None):
        try:
            self.id = os.environ["BOOTSTRAP_PROCESS_ID"]
            path, token = os.environ["BOOTSTRAP_SOCKET_PATH"], os.environ["BOOTSTRAP_TOKEN"]
        except KeyError as error:
            raise RuntimeError("%s is not set: let bootstrap start this process" % error) from None
        self.metadata = json.loads(os.environ.get("BOOTSTRAP_METADATA", "null"))
        self.on_command = on_command
        self.stopping = threading.Event()
        self._commands = queue.Queue()
        self._on_stop = on_stop
        self._pid = os.getpid()
        self._is_terminated = False
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._terminated)
        threading.Thread(target=self._command_for_ever, daemon=True).start()
        beat = os.environ.get("BOOTSTRAP_HEARTBEAT_MS")
        self.channel = Channel(path, token, int(beat) / 1000 if beat else None, self._received)

    def emit(self, event, data=None):
        """Emits an event. Returns at once; the service handles it some time later. Raises as `Channel.post` does."""
        _check_name(event)
        return self.channel.post("event", event=event, data=data)

    def flush(self, timeout=None):
        """Waits until the service has handled all events. Returns whether it has."""
        return self.channel.flush(timeout)

    def close(self, timeout=3.0):
        """Flushes, and closes the connection for good. Returns whether all events were handled."""
        flushed = self.channel.flush(timeout)
        self.channel.close()
        if not flushed:
            print("bootstrap_process: events were not acknowledged in time, and are lost", file=sys.stderr)
        return flushed

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def _terminated(self, number, frame):
        if os.getpid() != self._pid:
            # A fork has inherited this handler, and no thread.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        elif not self._is_terminated:
            self._is_terminated = True
            # Not in the handler itself: it may have interrupted a `wait` that holds the lock.
            threading.Thread(target=self._stop, daemon=True).start()

    def _stop(self):
        self.stopping.set()
        if self._on_stop is not None:
            self._on_stop()

    def _received(self, message):
        if message["type"] == "command":
            self._commands.put((message["name"], message.get("data")))

    def _command_for_ever(self):
        while True:
            name, data = self._commands.get()
            try:
                if self.on_command is None:
                    print("bootstrap_process: no handler for the command %r" % name, file=sys.stderr)
                else:
                    self.on_command(name, data)
            except Exception:
                traceback.print_exc()


class Job:
    """The job that this process was started for. Made when the service has sent it.

    Raises `RuntimeError` if the process is asked to end before that.

    `payload` is the payload, `id` and `name` are those of the job, and `attempt` counts from 1 on. `traceparent` is the trace that the job
    belongs to, as the header of that name has it, or `None`. `cancelled` is an event that is set when the job should end: it is not wanted
    any more, or the service stops.

    At the end of `with`, a job that has neither completed nor failed has failed, with what was raised.
    """

    def __init__(self):
        self.cancelled = threading.Event()
        self._given = queue.Queue()
        self._has_ended = False
        self.process = Process(on_command=self._command, on_stop=self._cancel)
        given = self._given.get()
        if given is None:
            self.process.channel.close()
            raise RuntimeError("the process was asked to end before it had a job")
        self.id, self.name, self.attempt = given["id"], given["name"], given["attempt"]
        self.traceparent = given.get("traceparent")
        self.payload = given["payload"]
        self.process.emit("started")

    def progress(self, text):
        """Says how far the job is."""
        self.process.emit("progress", str(text))

    def log(self, text, level="info"):
        """Writes to the log of the service: `debug`, `info`, `warn` or `error`."""
        self.process.emit("log", {"level": str(level), "text": str(text)})

    def complete(self, result=None):
        """The job is done, with what JSON can hold as its result. Returns whether the service has stored that within 30 seconds."""
        self._end("completed", result)
        return self.process.flush(30.0)

    def fail(self, error, retry=True):
        """The job failed. `retry` is whether another attempt may help. Returns as `complete` does."""
        self._end("failed", {"error": str(error), "retry": bool(retry)})
        return self.process.flush(30.0)

    def _end(self, event, data):
        if self._has_ended:
            raise RuntimeError("the job has ended already")
        self.process.emit(event, data)
        self._has_ended = True

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if not self._has_ended:
            text = "".join(traceback.format_exception_only(kind, error)).strip() if kind else "the program said nothing"
            self.fail(text)
        self.process.close()

    def _command(self, name, data):
        if name == "job":
            # Again after each interruption of the connection.
            self._given.put(data)
        elif name == "cancel":
            self.cancelled.set()

    def _cancel(self):
        self.cancelled.set()
        # If it has its job already, nothing reads this.
        self._given.put(None)


def _line(message):
    # Raises for what is no Unicode, and for NaN.
    line = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    if len(line) > LONGEST_LINE:
        raise ValueError("a message has %d bytes, more than %d" % (len(line), LONGEST_LINE))
    return line + b"\n"


def _check_name(name):
    """Refuses a name that the service could not read."""
    if not isinstance(name, str):
        raise TypeError("a name is a string, and not %r" % (name,))


def _check(value, depth):
    """Refuses what the service could not read: it would close the connection each time that the message is sent again."""
    if depth > DEEPEST:
        raise ValueError("the data is nested more than %d times" % DEEPEST)
    if isinstance(value, int) and abs(value) >= LARGEST:
        raise ValueError("a number is too large")
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    for item in items:
        _check(item, depth + 1)

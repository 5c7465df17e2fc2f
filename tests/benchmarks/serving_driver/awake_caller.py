"""A caller that was at work until it calls, and that needs little for a call: what it waits for is
the server's and the machine's. The load generator comes from idleness itself, and meets 400 pages
of its memory on the way, two thirds of what the server does."""

import socket
import struct
import time

from generators import framed

# Of HTTP/2's frames: kinds, and flags.
DATA, HEADERS, RST_STREAM, SETTINGS, PING = 0, 1, 3, 4, 6
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

REHEARSAL_SECONDS = 0.002
PATIENCE_SECONDS = 10


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream) + payload


def frames(received):
    """(kind, flags, stream, payload) of those that are whole."""
    found, place = [], 0
    while len(received) >= place + 9:
        size_and_kind, flags, stream = struct.unpack_from(">IBI", received, place)
        begin, place = place + 9, place + 9 + (size_and_kind >> 8)
        if len(received) >= place:
            found.append((size_and_kind & 0xFF, flags, stream, received[begin:place]))
    return found


def predict(stream, message):
    def field(name, value):
        return bytes((0, len(name))) + name + bytes((len(value),)) + value

    # The first two, POST and http, have numbers.
    fields = b"\x83\x86" + field(b":path", b"/mdn.v1.MdnService/Predict") + field(
        b":authority", b"localhost") + field(b"te", b"trailers") + field(
            b"content-type", b"application/grpc")
    return (frame(HEADERS, END_HEADERS, stream, fields) +
            frame(DATA, END_STREAM, stream, framed(message)))


def ends(kind, flags, stream, wanted):
    return stream == wanted and (kind == RST_STREAM or
                                 (kind in (DATA, HEADERS) and flags & END_STREAM))


def exchange(connection, sent, stream):
    """Seconds until the answer on `stream` was there, and all that came until then."""
    received = b""
    begin = time.perf_counter()
    connection.sendall(sent)
    while time.perf_counter() < begin + PATIENCE_SECONDS:
        try:
            part = connection.recv(65536)
        except BlockingIOError:
            continue
        received += part
        if any(ends(*found[:3], stream) for found in frames(received)):
            return time.perf_counter() - begin, received
        if not part:
            break
    raise ConnectionError(f"no answer on stream {stream} after {received!r}")


def looking(connection):
    """As that of a caller that looks for its answer, and does not sleep meanwhile."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setblocking(False)
    return connection


class AwakeCaller:
    """Sends one Predict after another to "host:port", on one connection. Until a call is due it
    exchanges the last one's bytes with itself, over TCP too."""

    def __init__(self, address, message):
        host, port = address.split(":")
        self.message = message
        self.server = looking(socket.create_connection((host, int(port))))
        with socket.create_server((host, 0)) as listener:
            self.itself = looking(socket.create_connection(listener.getsockname()))
            self.mirror = looking(listener.accept()[0])
        self.mirror.settimeout(PATIENCE_SECONDS)
        self.stream, self.sent, self.received = -1, b"", b""
        self.server.sendall(PREFACE + frame(SETTINGS, 0, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in (self.server, self.itself, self.mirror):
            connection.close()

    def call(self):
        """Seconds. Raises ConnectionError where no message answers."""
        self.stream += 2
        self.sent = predict(self.stream, self.message)
        seconds, self.received = exchange(self.server, self.sent, self.stream)
        found = frames(self.received)
        if not any(kind == DATA and len(payload) > len(framed(b""))
                   for kind, _, _, payload in found):
            raise ConnectionError(f"no message in {self.received!r}")
        for kind, flags, _, payload in found:
            if kind in (SETTINGS, PING) and not flags & ACK:
                self.server.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
        return seconds

    def call_at(self, due):
        """As call(), after another one; `due` by time.perf_counter()."""
        time.sleep(max(0, due - REHEARSAL_SECONDS - time.perf_counter()))
        while time.perf_counter() < due:
            self.mirror.sendall(self.received)
            exchange(self.itself, self.sent, self.stream)
            self.mirror.recv(len(self.sent))
        return self.call()

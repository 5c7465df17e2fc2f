"""The load generators: `mdn_client bench`, and h2load as a second one that knows nothing of gRPC.
Both give dictionaries as bench's JSON has them, one for each level of load."""

import json
import pathlib
import re
import resource
import signal
import struct
import subprocess
import sys
import threading
import time

from processes import CLIENT

PAUSE_SECONDS = 0.005
PAUSE_PERIOD_SECONDS = 0.1


def bench_command(server, flags, unix=False):
    address = server.unix if unix else server.tcp
    return [CLIENT, "bench", f"--server={address}", "--format=json",
            *(f"--{name}={value}" for name, value in flags.items())]


def parse(output):
    return [json.loads(line) for line in output.splitlines()]


def bench(server, flags, unix=False):
    """With what a request costs the server."""
    return _bench(server, {**flags, "server_pid": server.pid}, unix)


def bench_beside(server, flags, other_flags):
    """While a second generator sends something else, whose figures are in `beside`."""
    command = bench_command(server, {**other_flags, "duration": "1h", "warmup": "0s"})
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        results = _bench(server, flags)
        other.send_signal(signal.SIGINT)
        beside, = parse(other.communicate(timeout=10)[0])
    finally:
        other.kill()
        other.wait()
    return [{**result, "beside": beside} for result in results]


def bench_with_pauses(server, flags):
    """While the server stands still again and again, as where others have its processor."""
    over = threading.Event()

    def pause():
        while not over.wait(PAUSE_PERIOD_SECONDS):
            server.stand_still(PAUSE_SECONDS)

    pauses = threading.Thread(target=pause)
    pauses.start()
    try:
        return bench(server, flags)
    finally:
        over.set()
        pauses.join()


def _bench(server, flags, unix=False):
    run = subprocess.run(bench_command(server, flags, unix), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    if not run.stdout:
        sys.exit(f"serving: {server.name}: {run.stderr.strip()}")
    return parse(run.stdout)


def framed(message):
    """As gRPC sends it: not compressed, and its length."""
    return struct.pack(">BI", 0, len(message)) + message


def predict_request():
    """Of one row with one feature."""
    from mdn.v1 import mdn_pb2  # Made from the contract by ../serving.
    return mdn_pb2.PredictRequest(x=mdn_pb2.Tensor(shape=[1, 1], values=[0.5])).SerializeToString()


def parse_h2load(output):
    """Of `--requests`, so that everything was counted. Raises ValueError unless each answer has
    brought a message of the same size, which refusals would lack."""
    seconds, unit = re.search(r"finished in ([\d.]+)(us|ms|s),", output).groups()
    seconds = float(seconds) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit]
    total, succeeded = map(int, re.search(
        r"requests: (\d+) total, .* (\d+) succeeded", output).groups())
    data = int(re.search(r"\((\d+)\) data", output).group(1))
    if succeeded != total or data % total != 0 or data // total <= len(framed(b"")):
        raise ValueError(f"not all of the requests were answered:\n{output}")
    return {"answers": total, "seconds": seconds, "requests_per_second": total / seconds,
            "rows_per_second": total / seconds, "response_bytes": data // total - len(framed(b"")),
            "errors": {}, "late": 0}


class H2Load:
    """Sends the same request over and over."""

    FIRST_REQUESTS = 1000
    BUSY = 0.95

    def __init__(self, folder):
        self.body = pathlib.Path(folder) / "predict_request"

    def run(self, server, flags, seconds):
        if not self.body.exists():
            self.body.write_bytes(framed(predict_request()))
        # The second one tells how many the server answers in the time.
        for _ in range(2):
            rate = self._send(server, flags, self.FIRST_REQUESTS)["requests_per_second"]
        cpu, switches = server.cpu_seconds(), server.context_switches()
        result = self._send(server, flags, max(self.FIRST_REQUESTS, int(rate * seconds)))
        requests = result["answers"]
        result["server"] = {
            "cpu_us_per_request": (server.cpu_seconds() - cpu) * 1e6 / requests,
            "context_switches_per_request": (server.context_switches() - switches) / requests}
        return [result]

    def _send(self, server, flags, requests):
        command = ["h2load", "--threads=1", f"--clients={flags['connections']}",
                   f"--max-concurrent-streams={flags['concurrency'] // flags['connections']}",
                   f"--requests={requests}", f"--data={self.body}",
                   "--header=content-type: application/grpc", "--header=te: trailers",
                   f"http://{server.tcp}/mdn.v1.MdnService/Predict"]
        begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begin
        load = (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) / wall
        limit = f"busy for {100 * load:.0f} % of its time" if load >= self.BUSY else ""
        return {**parse_h2load(output), **flags, "generator": {"load": load, "limit": limit}}

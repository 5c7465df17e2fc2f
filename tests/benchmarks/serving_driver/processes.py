"""Starts servers and the load generator, each pinned to its processor, and reads what they use."""

import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = ROOT / "build" / "release"
BENCHMARKS = BUILD / "benchmarks"
CLIENT = BUILD / "bin" / "mdn_client"
PEERS = ROOT / "tests" / "benchmarks" / "serving_peers"
START_SECONDS = 60
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Processors:
    """The server's, and the load generator's, which this process shares."""

    def __init__(self):
        usable = sorted(os.sched_getaffinity(0))
        if len(usable) < 2:
            sys.exit("serving: two processors are needed, one for the server, one for the load")
        self.server, self.load = usable[0], usable[1]
        os.sched_setaffinity(0, {self.load})

    def busy_seconds(self):
        """That both have worked, or were taken away by the host, so far."""
        total = 0
        for line in pathlib.Path("/proc/stat").read_text().splitlines():
            name, *fields = line.split()
            if name in (f"cpu{self.server}", f"cpu{self.load}"):
                user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
                total += user + nice + system + irq + softirq + steal
        return total / TICKS


class Server:
    """A server on a port of 127.0.0.1 and a Unix socket, once it listens on both."""

    def __init__(self, processors, folder, name, command, environment=None):
        self.name = name
        self.tcp = f"127.0.0.1:{free_port()}"
        stem = re.sub(r"[^0-9A-Za-z]+", "_", name)
        self.unix = f"unix:{folder}/{stem}.sock"
        self.log = open(folder / f"{stem}.log", "w+", encoding="utf-8")
        command = [str(part).replace("LISTEN", f"{self.tcp},{self.unix}") for part in command]
        self.process = subprocess.Popen(
            ["taskset", "-c", str(processors.server), *command],
            stdout=subprocess.PIPE, stderr=self.log, text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
                 "PYTHONPATH": str(BENCHMARKS / "stubs"), **(environment or {})})

    @property
    def pid(self):
        return self.process.pid

    def wait_until_listening(self):
        for _ in range(2):
            line = self.process.stdout.readline()
            if not line.startswith("listening on "):
                self.log.seek(0)
                sys.exit(f"serving: {self.name} does not start:\n{line}{self.log.read()}")

    def cpu_seconds(self):
        # Linux's identity of another process's clock: clock_getcpuclockid, which Python lacks.
        return time.clock_gettime((~self.pid << 3) | 2)

    def context_switches(self):
        """Of the threads that it has now."""
        statuses = pathlib.Path(f"/proc/{self.pid}/task").glob("*/status")
        return sum(int(count) for status in statuses for count in
                   re.findall(r"ctxt_switches:\s*(\d+)", status.read_text()))

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return 1024 * int(status.split("VmRSS:")[1].split()[0])

    def stand_still(self, seconds):
        self.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            self.process.send_signal(signal.SIGCONT)

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


def start(processors, folder, commands):
    """Servers by their names, from {name: (command, environment)}; they start side by side."""
    servers = {name: Server(processors, folder, name, *command)
               for name, command in commands.items()}
    try:
        for server in servers.values():
            server.wait_until_listening()
    except SystemExit:
        stop(servers)
        raise
    return servers


def stop(servers):
    for server in servers.values():
        server.stop()


class Load:
    """Runs a load generator, again where something else had more than its share of the processors
    meanwhile."""

    # Of the time of one processor. Ticks are coarse: nothing foreign looks like 0.06 at times.
    MOST_FOREIGN = 0.10
    MOST_TRIES = 3
    LOOK_SECONDS = 0.1
    PATIENCE_SECONDS = 2

    def __init__(self, processors):
        self.processors = processors
        self.disturbed = 0

    def run(self, server, generate):
        """What `generate` gives: a measurement for each level of load."""
        for tries in range(self.MOST_TRIES):
            self._await_quiet()
            before = self._accounts(server)
            levels = generate()
            wall, busy, ours = (b - a for a, b in zip(before, self._accounts(server)))
            foreign = max(0.0, (busy - ours) / wall)
            if foreign <= self.MOST_FOREIGN:
                break
            self.disturbed += 1
        for level in levels:
            level["foreign_load"] = round(foreign, 3)
            level["tries"] = tries + 1
        return levels

    def _await_quiet(self):
        """Until the processors idle, within reason."""
        for _ in range(int(self.PATIENCE_SECONDS / self.LOOK_SECONDS)):
            before = self.processors.busy_seconds()
            time.sleep(self.LOOK_SECONDS)
            if self.processors.busy_seconds() - before <= 0.2 * self.LOOK_SECONDS:
                return

    def _accounts(self, server):
        own = resource.getrusage(resource.RUSAGE_SELF)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        ours = (server.cpu_seconds() + own.ru_utime + own.ru_stime + children.ru_utime +
                children.ru_stime)
        return time.monotonic(), self.processors.busy_seconds(), ours

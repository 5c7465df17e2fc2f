"""What is measured. A scenario runs each of its servers once a round, in random order, so that what
drifts on the machine drifts for all of them alike."""

import concurrent.futures
import dataclasses
import random
import statistics
import subprocess
import time

from processes import (BENCHMARKS, BUILD, PEERS, AllocationCounter, load_command, parse, start)

ECHO, OURS = "echo", "ours"
TORCH, UNBATCHED = "ours --engine=torch", "ours --max_batch_rows=1"
TIMER = "ours --max_batch_delay=100us"
PLAIN, PLAIN_CALLBACK = "C++ LibTorch sync", "C++ LibTorch callback"
ASYNCIO, SYNC = "Python asyncio", "Python sync"
ALL = (ECHO, OURS, TORCH, UNBATCHED, TIMER, PLAIN, PLAIN_CALLBACK, ASYNCIO, SYNC)

SATURATING = {"concurrency": 64, "connections": 8}


# Of the plain servers the better one each, by the full form: for development.
QUICK = (ECHO, OURS, PLAIN_CALLBACK, SYNC)


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    servers: tuple
    flags: dict
    widths: tuple = (50, 128)
    # With --quick; None leaves it out.
    quick_widths: tuple = (50,)
    quick_servers: tuple = (ECHO, OURS)
    # Levels of load that one run goes through.
    levels: int = 1
    unix: bool = False
    # Open loop: a factor, the scenario in which a server answered at its fastest, and which server;
    # None, each its own.
    rate_of: tuple = ()


SCENARIOS = (
    Scenario("saturated", "64 requests under way, one row each", ALL, SATURATING,
             widths=(50, 128, 512, 1024), quick_widths=(50, 1024), quick_servers=QUICK),
    Scenario("peak", "512 requests under way, one row each", (ECHO, OURS, TORCH, UNBATCHED, PLAIN),
             {"concurrency": 512, "connections": 8}, widths=(50, 128, 512, 1024)),
    Scenario("streamed", "512 requests under way, one row each, over streams", (OURS,),
             {"concurrency": 512, "connections": 8, "stream": "true"}),
    Scenario("one_caller", "one request under way", (ECHO, OURS, TORCH, TIMER, PLAIN),
             {"concurrency": 1, "connections": 1}),
    Scenario("tail", "Poisson arrivals at 70 % of the peak", (ECHO, OURS, PLAIN),
             {"connections": 8}, rate_of=(0.7, "peak", None)),
    # In a closed loop a faster server keeps the generator busier, which then need not be woken for
    # every answer. In an open loop it never sleeps.
    Scenario("same_rate", "Poisson arrivals at half of the server's peak, for the echo as well",
             (ECHO, OURS), {"connections": 8}, rate_of=(0.5, "peak", OURS)),
    # Many rows, so that the server's limit is well below the load generator's.
    Scenario("peak_of_8_rows", "128 requests under way, 8 rows each", (OURS,),
             {"concurrency": 128, "connections": 8, "rows": 8}, widths=(1024,),
             quick_widths=(1024,)),
    Scenario("overload", "Poisson arrivals at twice that peak, 8 rows each, 100 ms to answer",
             (OURS,), {"connections": 8, "rows": 8, "timeout": "100ms"}, widths=(1024,),
             quick_widths=(1024,), rate_of=(2, "peak_of_8_rows", None)),
    Scenario("bulk", "1024 rows per request", (ECHO, OURS, PLAIN),
             {"rows": 1024, "concurrency": 4, "connections": 2}),
    Scenario("draws", "samples: 1000 draws of one row", (ECHO, OURS, PLAIN),
             {"rpc": "sample", "num_samples": 1000, "concurrency": 16, "connections": 4}),
    Scenario("unix", "64 requests under way, Unix socket", (ECHO, OURS), SATURATING,
             widths=(50,), unix=True),
    Scenario("unix_one_caller", "one request under way, Unix socket", (ECHO, OURS),
             {"concurrency": 1, "connections": 1}, widths=(50,), quick_widths=None, unix=True),
    *(Scenario(f"connections_{count}", f"64 requests under way on {count} connections",
               (ECHO, OURS), {"concurrency": 64, "connections": count}, widths=(50,),
               quick_widths=(50,) if count in (1, 1000) else None)
      for count in (1, 10, 100, 1000)),
    Scenario("sweep", "1 to 512 requests under way", (ECHO, OURS, PLAIN),
             {"concurrency": "1,2,8,32,128,512", "connections": 8}, levels=6, quick_widths=None),
)


def model(folder, width, kind):
    return f"{folder}/h{width:04}.{kind}"


def commands(folder, width):
    """How each server is started: its command and its environment."""
    ours = [BUILD / "bin" / "mdn_server", f"--model={model(folder, width, 'pt')}",
            "--listen=LISTEN"]
    plain = [BENCHMARKS / "plain_server", f"--model={model(folder, width, 'ts')}",
             "--listen=LISTEN"]
    python = ["/usr/bin/python3", PEERS / "python_server.py",
              f"--model={model(folder, width, 'pt')}", f"--hidden={width}", "--listen=LISTEN"]
    return {
        ECHO: ([BENCHMARKS / "echo_server", f"--model_name=h{width:04}", "--listen=LISTEN"], {}),
        OURS: (ours, {}),
        TORCH: (ours + ["--engine=torch"], {}),
        UNBATCHED: (ours + ["--max_batch_rows=1"], {}),
        TIMER: (ours + ["--max_batch_delay=100us"], {}),
        PLAIN: (plain + ["--api=sync"], {}),
        PLAIN_CALLBACK: (plain + ["--api=callback"], {}),
        ASYNCIO: (python + ["--api=asyncio"], {}),
        SYNC: (python + ["--api=sync"], {}),
    }


class Run:
    """Measures scenarios; `results` has an entry for each server, round and level."""

    def __init__(self, options, processors, load, folder, progress):
        self.options, self.processors, self.load = options, processors, load
        self.folder, self.progress = folder, progress
        self.results = []

    def all(self, scenarios):
        for width in sorted({w for scenario in scenarios for w in self._widths(scenario)}):
            here = [s for s in scenarios if width in self._widths(s)]
            names = {name for scenario in here for name in self._servers(scenario)}
            chosen = {name: command for name, command in commands(self.folder, width).items()
                      if name in names}
            servers = start(self.processors, self.folder, chosen)
            try:
                for scenario in here:
                    self.scenario(scenario, width, servers)
            finally:
                for server in servers.values():
                    server.stop()

    def _widths(self, scenario):
        widths = scenario.widths
        if self.options.quick and scenario.quick_widths is not None:
            widths = scenario.quick_widths
        return [w for w in widths if not self.options.widths or w in self.options.widths]

    def _servers(self, scenario):
        chosen = scenario.quick_servers if self.options.quick else scenario.servers
        return [name for name in scenario.servers if name in chosen]

    def scenario(self, scenario, width, servers):
        self.progress(f"{scenario.title}, hidden width {width}")
        names = [name for name in self._servers(scenario) if name in servers]
        for turn in range(self.options.rounds):
            for name in random.sample(names, len(names)):
                flags = self._flags(scenario, width, name)
                if flags is None:
                    continue
                for level in self.load.run(servers[name], flags, scenario.unix):
                    self.results.append({"scenario": scenario.name, "width": width,
                                         "peer": name, "round": turn, **level,
                                         "resident_bytes": servers[name].resident_bytes()})

    def _flags(self, scenario, width, name):
        seconds = self.options.seconds
        flags = {**scenario.flags, "duration": f"{seconds}s", "warmup": f"{seconds / 4}s"}
        if scenario.rate_of:
            factor, peak, whose = scenario.rate_of
            peaks = [r["requests_per_second"] for r in self.results
                     if (r["scenario"], r["width"], r["peer"]) == (peak, width, whose or name)]
            if not peaks:
                return None
            flags["rate"] = round(factor * statistics.median(peaks))
        return flags

    def idle(self, seconds, times):
        """Latency of requests that come after `seconds` of idleness. The servers idle together."""
        self.progress(f"first request after {seconds} s of idleness, {times} times")
        names = (ECHO, OURS) if self.options.quick else (ECHO, OURS, PLAIN, PLAIN_CALLBACK)
        chosen = {name: command for name, command in commands(self.folder, 50).items()
                  if name in names}
        servers = start(self.processors, self.folder, chosen)
        # The connection's first request, which costs more, is the warm-up's.
        flags = {"rate": 1 / seconds, "arrivals": "constant", "connections": 1,
                 "warmup": f"{1.1 * seconds}s", "duration": f"{(times + 0.1) * seconds}s"}

        def measure(turn):
            place, name = turn
            # The generators share a processor: none is to send when another one does.
            time.sleep(place * seconds / len(servers))
            self.load.run(servers[name], {"concurrency": 1, "duration": "0.1s", "warmup": "0s"})
            result = subprocess.run(load_command(servers[name], flags), stdout=subprocess.PIPE,
                                    text=True, check=True)
            return {"scenario": "idle", "width": 50, "peer": name, "round": 0,
                    **parse(result.stdout)[0]}

        try:
            with concurrent.futures.ThreadPoolExecutor() as pool:
                self.results += pool.map(measure, enumerate(servers))
        finally:
            for server in servers.values():
                server.stop()

    def allocations(self, names, requests):
        """Allocations of the whole process for a request, in steady state."""
        self.progress("allocations")
        counters = {name: AllocationCounter(self.folder, name.split()[0]) for name in names}
        chosen = {name: (commands(self.folder, 50)[name][0], counters[name].environment)
                  for name in names}
        servers = start(self.processors, self.folder, chosen)
        try:
            for name, server in servers.items():
                counts = []
                for factor in (1, 1, 3):
                    before = counters[name].read()
                    self.load.run_once(server, {**SATURATING, "requests": factor * requests,
                                                "warmup": "0s"})
                    counts.append(counters[name].read() - before)
                # Connections and the first requests cost the same in both of the last two.
                self.results.append({
                    "scenario": "allocations", "width": 50, "peer": name, "round": 0,
                    "allocations_per_request": (counts[2] - counts[1]) / (2 * requests)})
        finally:
            for server in servers.values():
                server.stop()

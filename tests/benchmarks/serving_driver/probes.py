"""What needs more than a load generator: a server that idles, what a server allocates, and what its
memory does in the long run."""

import concurrent.futures
import statistics
import subprocess
import sys
import time

import generators
from awake_caller import AwakeCaller
from peers import CAT, ECHO, ECHO_AWAKE, OURS, OURS_AWAKE, PAGING_CAT, PLAIN, PLAIN_CALLBACK
from processes import BENCHMARKS, stop
from scenarios import SATURATING

WIDTH = 50
SAMPLE_SECONDS = 1
# What take a byte through pipes and return it, and when: not while another one does.
CATS = {CAT: (["cat"], 0), PAGING_CAT: ([BENCHMARKS / "paging_cat", "500"], 0.1)}


def round_trips(processors, name, seconds, times):
    """Of a byte to the server's processor and back, after `seconds` of idleness each: what the
    machine itself takes. Microseconds."""
    command, place = CATS[name]
    latencies = []
    with subprocess.Popen(["taskset", "-c", str(processors.server), *command], bufsize=0,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
        time.sleep(place * seconds)
        for _ in range(times):
            time.sleep(seconds)
            begin = time.perf_counter()
            cat.stdin.write(b".")
            cat.stdout.read(1)
            latencies.append(1e6 * (time.perf_counter() - begin))
    return latencies


def awake_calls(server, seconds, times):
    """What a call takes after `seconds` of idleness each, where only the server idles.
    Microseconds."""
    with AwakeCaller(server.tcp, generators.predict_request()) as caller:
        caller.call()
        begin = time.perf_counter()
        return [1e6 * caller.call_at(begin + seconds * turn) for turn in range(1, times + 1)]


def summary(latencies):
    return {"answers": len(latencies), "latency_us": {"p50": statistics.median(latencies),
                                                      "max": max(latencies)}}


def idle(run, seconds, times):
    """Latency of requests that come after `seconds` of idleness. The servers idle together."""
    run.progress(f"first request after {seconds} s of idleness, {times} times")
    names = (ECHO, ECHO_AWAKE, OURS, OURS_AWAKE)
    names += () if run.options.quick else (PLAIN, PLAIN_CALLBACK)
    servers = run.start(names, WIDTH)
    # The connection's first request, which costs more, is the warm-up's.
    flags = {"rate": 1 / seconds, "arrivals": "constant", "connections": 1,
             "warmup": f"{1.1 * seconds}s", "duration": f"{(times + 0.1) * seconds}s"}

    def measure(turn):
        place, name = turn
        # The generators share a processor: none is to send when another one does.
        time.sleep(place * seconds / len(servers))
        generators.bench(servers[name], {"concurrency": 1, "duration": "0.1s", "warmup": "0s"})
        if name in (ECHO_AWAKE, OURS_AWAKE):
            result = summary(awake_calls(servers[name], seconds, times))
        else:
            result = generators.bench(servers[name], flags)[0]
        run.add("idle", WIDTH, name, 0, result)

    try:
        with concurrent.futures.ThreadPoolExecutor(len(CATS) + len(servers)) as pool:
            cats = {name: pool.submit(round_trips, run.processors, name, seconds, times)
                    for name in CATS}
            list(pool.map(measure, enumerate(servers)))
    finally:
        stop(servers)
    for name, trips in cats.items():
        run.add("idle", WIDTH, name, 0, summary(trips.result()))


class AllocationCounter:
    """Counts the allocations of a server that is started with its environment."""

    def __init__(self, folder, name):
        self.path = folder / f"{name}.allocations"
        self.path.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": str(BENCHMARKS / "allocation_counter.so"),
                            "ALLOCATION_COUNTER_FILE": str(self.path)}

    def read(self):
        return int.from_bytes(self.path.read_bytes(), sys.byteorder)


def allocations(run, requests):
    """Allocations of the whole process for a request, in steady state: by a call of its own, and
    over a stream."""
    run.progress("allocations")
    counters = {name: AllocationCounter(run.folder, name) for name in (ECHO, OURS)}
    servers = run.start(counters, WIDTH, {n: c.environment for n, c in counters.items()})
    try:
        for name, server in servers.items():
            for scenario, flags in (("allocations", SATURATING),
                                    ("allocations_streamed", {**SATURATING, "stream": "true"})):
                if (name, scenario) == (ECHO, "allocations_streamed"):
                    continue
                count = allocations_per_request(server, counters[name], flags, requests)
                run.add(scenario, WIDTH, name, 0, {"allocations_per_request": count})
    finally:
        stop(servers)


def allocations_per_request(server, counter, flags, requests):
    counts = []
    for factor in (1, 1, 3):
        before = counter.read()
        generators.bench(server, {**flags, "requests": factor * requests, "warmup": "0s"})
        counts.append(counter.read() - before)
    # Connections and the first requests cost the same in both of the last two.
    return (counts[2] - counts[1]) / (2 * requests)


def slope(samples):
    """Of the least squares' line through (x, y)."""
    mean_x, mean_y = (statistics.fmean(values) for values in zip(*samples))
    return (sum((x - mean_x) * (y - mean_y) for x, y in samples) /
            sum((x - mean_x) ** 2 for x, _ in samples))


def soak(run, seconds):
    """How much resident memory grows with time at saturation, in the second half: the allocator
    keeps for each thread the most that it ever needed, which takes minutes to come about."""
    run.progress(f"memory over {seconds} s at saturation")
    servers = run.start((OURS,), WIDTH)
    server = servers[OURS]
    flags = {**SATURATING, "duration": f"{seconds}s", "warmup": f"{seconds / 10}s"}
    try:
        load = subprocess.Popen(generators.bench_command(server, flags), stdout=subprocess.PIPE,
                                text=True)
        samples = memory_while(load, server)
        result = generators.parse(load.communicate()[0])[0]
    finally:
        stop(servers)
    samples = [s for s in samples if s[0] >= seconds / 2]
    run.add("soak", WIDTH, OURS, 0, {**result, "resident_bytes": samples[-1][1],
                                     "resident_bytes_per_second": slope(samples)})


def memory_while(process, server):
    """Pairs of seconds and bytes, until the process ends."""
    begin, samples = time.monotonic(), []
    while process.poll() is None:
        samples.append((time.monotonic() - begin, server.resident_bytes()))
        time.sleep(SAMPLE_SECONDS)
    return samples

"""What one generator alone does not show: small requests in the company of large ones, and what a
server's memory does in the long run."""

import statistics
import subprocess
import time

from processes import load_command, parse, start
from scenarios import OURS, SATURATING, commands

# Rows of the large requests, of which two are always under way.
LARGE_ROWS = 8192
SAMPLE_SECONDS = 1


def _serve(run, measure):
    """`measure` of our server with the smallest model."""
    servers = start(run.processors, run.folder, {OURS: commands(run.folder, 50)[OURS]})
    try:
        return measure(servers[OURS])
    finally:
        servers[OURS].stop()


def fairness(run, seconds):
    """Latency of small requests on one connection, alone and while large ones keep the server busy
    on another."""
    run.progress(f"small requests beside requests of {LARGE_ROWS} rows")

    def measure(server):
        small = {"rate": 200, "arrivals": "constant", "connections": 1,
                 "duration": f"{seconds}s", "warmup": f"{seconds / 4}s"}
        alone = run.load.run(server, small)[0]
        large = subprocess.Popen(
            load_command(server, {"rows": LARGE_ROWS, "concurrency": 2, "connections": 1,
                                  "duration": f"{2 * seconds}s", "warmup": "0s"}),
            stdout=subprocess.PIPE, text=True)
        beside = run.load.run_once(server, small)[0][0]
        large_result = parse(large.communicate()[0])[0]
        return alone, beside, large_result

    for name, result in zip(("small_alone", "small_beside_large", "large"), _serve(run, measure)):
        run.results.append({"scenario": name, "width": 50, "peer": OURS, "round": 0, **result})


def slope(samples):
    """Of the least squares' line through (x, y)."""
    mean_x, mean_y = (statistics.fmean(values) for values in zip(*samples))
    return (sum((x - mean_x) * (y - mean_y) for x, y in samples) /
            sum((x - mean_x) ** 2 for x, _ in samples))


def soak(run, seconds):
    """How much resident memory grows with time at saturation, after a tenth of the time."""
    run.progress(f"memory over {seconds} s at saturation")

    def measure(server):
        load = subprocess.Popen(
            load_command(server, {**SATURATING, "duration": f"{seconds}s",
                                  "warmup": f"{seconds / 10}s"}),
            stdout=subprocess.PIPE, text=True)
        begin, samples = time.monotonic(), []
        while load.poll() is None:
            samples.append((time.monotonic() - begin, server.resident_bytes()))
            time.sleep(SAMPLE_SECONDS)
        return parse(load.communicate()[0])[0], [s for s in samples if s[0] >= seconds / 10]

    result, samples = _serve(run, measure)
    run.results.append({"scenario": "soak", "width": 50, "peer": OURS, "round": 0, **result,
                        "resident_bytes": samples[-1][1],
                        "resident_bytes_per_second": slope(samples)})

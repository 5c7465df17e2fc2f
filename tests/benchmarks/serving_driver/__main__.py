"""The serving benchmark; see ../serving, which builds what this runs."""

import argparse
import json
import os
import pathlib
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time

import probes
import report
import scenarios
from processes import BENCHMARKS, PEERS, ROOT, Load, Processors
from results import Results
from runner import Run

PROBES = ("allocations", "idle")


def parse_arguments():
    names = [s.name for s in scenarios.SCENARIOS] + list(PROBES)
    parser = argparse.ArgumentParser(prog="tests/benchmarks/serving", description=(
        "Compares the server with an echo on its own transport, a plain C++ server with LibTorch "
        "and a Python server, on one processor each, and tells what the goals are."))
    parser.add_argument("--quick", action="store_true", help="a minute and a half, for development")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[],
                        help="scenarios, separated by commas: " + ", ".join(names))
    parser.add_argument("--rounds", type=int, help="default 7; 2 with --quick")
    parser.add_argument("--seconds", type=float,
                        help="of each run; default 1; 0.4 with --quick; at least 3 for the tail "
                             "and 1 for pauses")
    parser.add_argument("--widths", type=lambda text: [int(w) for w in text.split(",")],
                        default=[], help="of the hidden layers, of 50,128,512,1024")
    parser.add_argument("--soak", type=float, metavar="SECONDS",
                        help="only this: watch the server's memory for so long at saturation")
    parser.add_argument("--report", type=lambda text: text.split(","), default=[],
                        metavar="FILE,...", help="measure nothing: report what these results.json "
                        "of several runs tell together")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the servers")
    options = parser.parse_args()
    unknown = set(options.only) - set(names)
    if unknown:
        parser.error(f"there is no scenario {', '.join(sorted(unknown))}")
    options.rounds = options.rounds or (2 if options.quick else 7)
    options.seconds = options.seconds or (0.4 if options.quick else 1)
    return options


def chosen(options, scenario):
    if options.only:
        return scenario.name in options.only
    return not options.quick or scenario.quick_widths is not None


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()
    return {"processor": cpu, "processors": os.cpu_count(), "kernel": platform.release(),
            "commit": commit, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def measure(run):
    options = run.options
    if options.soak:
        probes.soak(run, options.soak)
        return
    run.scenarios([s for s in scenarios.SCENARIOS if chosen(options, s)])
    if not options.only or "allocations" in options.only:
        probes.allocations(run, 2000 if options.quick else 20000)
    if not options.only or "idle" in options.only:
        probes.idle(run, 5, 2 if options.quick else 50)


def make_run(options, folder):
    subprocess.run(["/usr/bin/python3", PEERS / "make_models.py", folder,
                    "50", "128", "512", "1024"], check=True,
                   env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    processors = Processors()
    return Run(options, processors, Load(processors), folder,
               lambda text: print(f"serving: {text}", file=sys.stderr, flush=True))


def measure_and_write(options, path):
    with tempfile.TemporaryDirectory(prefix="mdn_serving_") as folder:
        run = make_run(options, pathlib.Path(folder))
        begin = time.monotonic()
        try:
            measure(run)
        finally:  # What was measured until then is as good.
            path.write_text(json.dumps({"machine": machine(), "options": vars(options),
                                        "results": run.results}, indent=1))
            print(f"serving: {time.monotonic() - begin:.0f} s; runs that something disturbed: "
                  f"{run.load.disturbed}; wrote {path}", file=sys.stderr)


def measured(files):
    return Results([result for file in files
                    for result in json.loads(pathlib.Path(file).read_text())["results"]])


def main():
    options = parse_arguments()
    random.seed(options.seed)
    sys.path.append(str(BENCHMARKS / "stubs"))
    # So that the servers are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    output = ROOT / "build" / "benchmarks" / "serving"
    output.mkdir(parents=True, exist_ok=True)
    files = options.report
    if not files:
        files = [output / "results.json"]
        measure_and_write(options, files[0])
    results = measured(files)
    print(report.text(results))
    report.picture(results, output / "cpu_per_request.png")


if __name__ == "__main__":
    main()

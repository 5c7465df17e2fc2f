"""Prints the results of tests/benchmarks/engine: FILE..., Google Benchmark's JSON, as tables."""

import collections
import json
import statistics
import sys


def read(paths):
    """Of each benchmark the median time in ns, and the medians of its counters."""
    times = collections.defaultdict(list)
    counters = collections.defaultdict(lambda: collections.defaultdict(list))
    for path in paths:
        with open(path, encoding="utf-8") as file:
            runs = json.load(file)["benchmarks"]
        for run in runs:
            if run["run_type"] != "iteration" or "error_message" in run:
                continue
            times[run["run_name"]].append(run["cpu_time"])
            for key in ("multiply_adds", "items_per_second"):
                if key in run:
                    counters[run["run_name"]][key].append(run[key])
    return (
        {name: statistics.median(values) for name, values in times.items()},
        {
            name: {key: statistics.median(values) for key, values in keys.items()}
            for name, keys in counters.items()
        },
    )


def size_and_rows(name):
    _, size, rows = name.split("/")
    return [int(number) for number in size.split(",")] + [int(rows)]


def ratio(dividend, divisor):
    return f"{dividend / divisor:8.2f}" if dividend is not None else " " * 8


def print_engine(times, counters):
    names = sorted((name for name in times if name.startswith("native/")), key=size_and_rows)
    if not names:
        return
    peak = counters.get("peak", {}).get("multiply_adds")
    if peak is not None:
        print(f"peak: {peak / 1e9:.1f} billion multiply-adds a second")
    print(
        f"{'dim_in,D,K,H':>14} {'rows':>5} {'native us':>10} {'libtorch':>8} {'torch':>8}"
        f" {'of peak':>8} {'of read':>8}"
    )
    for name in names:
        _, size, rows = name.split("/")
        native = times[name]
        of_peak = counters[name]["multiply_adds"] / peak if peak is not None else None
        print(
            f"{size:>14} {rows:>5} {native / 1e3:10.2f}"
            f" {ratio(times.get(f'libtorch/{size}/{rows}'), native)}"
            f" {ratio(times.get(f'torch/{size}/{rows}'), native)}"
            f" {ratio(of_peak, 1)} {ratio(times.get(f'read/{size}'), native)}"
        )
    print(
        "libtorch, torch: their time over the native engine's; the module's forward, and the torch\n"
        "engine. of peak: share of the core's multiply-adds. of read: time to read the weights once\n"
        "over the native engine's time."
    )


def print_mixture(counters):
    rows = sorted(
        (name, keys["items_per_second"])
        for name, keys in counters.items()
        if "items_per_second" in keys
    )
    if not rows:
        return
    print()
    for name, rate in rows:
        print(f"{name:<44} {rate / 1e6:10.1f} million a second")


def main():
    times, counters = read(sys.argv[1:])
    print_engine(times, counters)
    print_mixture(counters)


if __name__ == "__main__":
    main()

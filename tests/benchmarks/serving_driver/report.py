"""What the results say: medians over the rounds with their spread, ratios within the rounds, the
goals, a picture."""

import statistics
import subprocess

from processes import Load
from scenarios import (ASYNCIO, ECHO, OURS, PLAIN, PLAIN_CALLBACK, SCENARIOS, SYNC, TORCH)

CPU = ("server", "cpu_us_per_request")
SWITCHES = ("server", "context_switches_per_request")
RATE = ("requests_per_second",)
ROWS = ("rows_per_second",)


def latency(quantile):
    return ("latency_us", quantile)


def disturbed(result):
    return result.get("foreign_load", 0) > Load.MOST_FOREIGN


def value(result, path):
    for key in path:
        result = result[key]
    return result


class Results:
    def __init__(self, results):
        self.results = results

    def of(self, scenario, width, server):
        """Without the rounds that something disturbed, unless all were."""
        here = [r for r in self.results
                if (r["scenario"], r["width"], r["peer"]) == (scenario, width, server)]
        return [r for r in here if not disturbed(r)] or here

    def widths(self, scenario):
        return sorted({r["width"] for r in self.results if r["scenario"] == scenario})

    def servers(self, scenario, width):
        return list(dict.fromkeys(r["peer"] for r in sorted(
            self.results, key=lambda r: list(ORDER).index(r["peer"]))
            if (r["scenario"], r["width"]) == (scenario, width)))

    def median(self, scenario, width, server, path):
        values = [value(r, path) for r in self.of(scenario, width, server)]
        return statistics.median(values) if values else None

    def spread(self, scenario, width, server, path):
        """Of the rounds: half of what lies between the quartiles, relative to the median."""
        values = [value(r, path) for r in self.of(scenario, width, server)]
        if len(values) < 3 or statistics.median(values) == 0:
            return None
        low, _, high = statistics.quantiles(values, n=4)
        return (high - low) / 2 / statistics.median(values)

    def ratio(self, scenario, width, server, other, path):
        """The median of the ratios within the rounds."""
        others = {r["round"]: value(r, path) for r in self.of(scenario, width, other)}
        ratios = [value(r, path) / others[r["round"]] for r in self.of(scenario, width, server)
                  if others.get(r["round"])]
        return statistics.median(ratios) if ratios else None

    def best(self, scenario, width, servers, path):
        """The server of these that has least of it."""
        known = [s for s in servers if self.of(scenario, width, s)]
        return min(known, key=lambda s: self.median(scenario, width, s, path), default=None)


ORDER = dict.fromkeys(s for scenario in SCENARIOS for s in scenario.servers)
ORDER.update(dict.fromkeys((PLAIN_CALLBACK, ASYNCIO, SYNC, TORCH)))


def number(x, digits=3):
    if x is None:
        return "-"
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.{digits}g}"


def table(results, scenario, width):
    rows = [("server", "requests/s", "rows/s", "CPU us", "+-", "p50 us", "p99 us", "p99.9 us",
             "switches", "errors", "late", "CPU/echo", "")]
    for server in results.servers(scenario, width):
        runs = results.of(scenario, width, server)

        def median(path):
            return number(results.median(scenario, width, server, path))

        spread = results.spread(scenario, width, server, CPU)
        rows.append((
            server, median(RATE), median(ROWS), median(CPU),
            "-" if spread is None else f"{100 * spread:.0f} %", median(latency("p50")),
            median(latency("p99")), median(latency("p99.9")), median(SWITCHES),
            number(sum(sum(r["errors"].values()) for r in runs)),
            number(sum(r["late"] for r in runs)),
            number(results.ratio(scenario, width, server, ECHO, CPU)),
            notes(runs)))
    return aligned(rows)


def notes(runs):
    limits = sum(bool(r["generator"]["limit"]) for r in runs)
    return ", ".join(
        [f"the generator was the limit in {limits} of {len(runs)}"] * (limits > 0) +
        ["the machine was busy with something else"] * any(map(disturbed, runs)))


def sweep_table(results, width):
    rows = [("server", "concurrency", "requests/s", "CPU us", "p50 us", "p99 us", "p99.9 us")]
    for server in results.servers("sweep", width):
        runs = results.of("sweep", width, server)
        for level in sorted({r["concurrency"] for r in runs}):
            here = [r for r in runs if r["concurrency"] == level]
            rows.append((server, str(level), *(
                number(statistics.median(value(r, path) for r in here))
                for path in (RATE, CPU, latency("p50"), latency("p99"), latency("p99.9")))))
    return aligned(rows)


def aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(
        cell.ljust(width) if i in (0, len(row) - 1 if row[-1] == "" else -1) else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows)


class Goals:
    """Measured figures beside what is asked of them."""

    def __init__(self):
        self.rows = [("goal", "measured", "floor", "goal", "")]

    def add(self, text, measured, floor, goal, less_is_better):
        if measured is None:
            return
        reaches = (lambda bound: measured <= bound) if less_is_better else (
            lambda bound: measured >= bound)
        verdict = "goal" if reaches(goal) else "floor" if reaches(floor) else "MISSED"
        self.rows.append((text, number(measured), number(floor), number(goal), verdict))


def goals(results):
    g = Goals()
    for width in results.widths("saturated"):
        plain = results.best("saturated", width, (PLAIN, PLAIN_CALLBACK), CPU)
        python = results.best("saturated", width, (ASYNCIO, SYNC), CPU)
        if width <= 128:
            g.add(f"CPU per request / echo, H={width}",
                  results.ratio("saturated", width, OURS, ECHO, CPU), 1.10, 1.03, True)
            g.add(f"saturated requests/s / echo, H={width}",
                  results.ratio("saturated", width, OURS, ECHO, RATE), 0.92, 0.98, False)
        g.add(f"{plain}'s CPU per request / ours, H={width}",
              results.ratio("saturated", width, plain, OURS, CPU),
              2 if width <= 128 else 2.5, 3 if width <= 128 else 4, False)
        g.add(f"{python}'s CPU per request / ours, H={width}",
              results.ratio("saturated", width, python, OURS, CPU), 10, 20, False)
    for width in results.widths("same_rate"):
        g.add(f"CPU per request / echo at the same rate, H={width}",
              results.ratio("same_rate", width, OURS, ECHO, CPU), 1.10, 1.03, True)
    one_caller_goals(results, g)
    for width in results.widths("tail"):
        g.add(f"p99 at 70 % of the peak / echo, H={width}",
              results.ratio("tail", width, OURS, ECHO, latency("p99")), 2, 1.2, True)
    for width in results.widths("bulk"):
        g.add(f"1024 rows: rows/s / echo, H={width}",
              results.ratio("bulk", width, OURS, ECHO, ROWS), 0.7, 0.9, False)
    for width in results.widths("streamed"):
        calls = results.median("peak", width, OURS, ROWS)
        if calls:
            g.add(f"rows/s over streams / over calls, H={width}",
                  results.median("streamed", width, OURS, ROWS) / calls, 4, 10, False)
    for width in results.widths("draws"):
        g.add(f"1000 draws: requests/s / echo, H={width}",
              results.ratio("draws", width, OURS, ECHO, RATE), 0.8, 0.95, False)
    overload_goals(results, g)
    connection_goals(results, g)
    probe_figures(results, g)
    return aligned(g.rows)


def one_caller_goals(results, g):
    for width in results.widths("one_caller"):
        medians = [results.median("one_caller", width, s, latency("p50")) for s in (OURS, ECHO)]
        if None not in medians:
            # The kernel's own time, which the bounds also allow, is left out.
            g.add(f"one caller: p50 - echo's, us, H={width}", medians[0] - medians[1], 5, 2, True)
    for result in results.of("idle", 50, OURS):
        g.add("worst first request after idleness, ms", result["latency_us"]["max"] / 1000, 2, 1,
              True)
    for result in results.of("idle", 50, ECHO):
        g.rows.append(("the same for the echo", number(result["latency_us"]["max"] / 1000), "", "",
                       ""))


def overload_goals(results, g):
    for width in results.widths("overload"):
        peak = results.median("peak_of_8_rows", width, OURS, RATE)
        goodput = results.median("overload", width, OURS, RATE)
        if peak and goodput is not None:
            g.add(f"goodput at twice the peak / peak, H={width}", goodput / peak, 0.9, 0.98,
                  False)
            g.add(f"accepted past their deadline, H={width}",
                  sum(r["late"] for r in results.of("overload", width, OURS)), 0, 0, True)


def connection_goals(results, g):
    counts = [int(s.name.split("_")[1]) for s in SCENARIOS if s.name.startswith("connections_")]
    cost = {c: results.median(f"connections_{c}", 50, OURS, CPU) for c in counts}
    if cost[1] and cost[1000]:
        g.add("CPU per request, 1000 connections / 1", cost[1000] / cost[1], 1.3, 1.1, True)
        g.rows.append(("the same for the echo", number(
            results.median("connections_1000", 50, ECHO, CPU) /
            results.median("connections_1", 50, ECHO, CPU)), "", "", ""))
    tcp, unix = (results.median(s, 50, OURS, CPU) for s in ("saturated", "unix"))
    if tcp and unix:
        g.rows.append(("CPU per request, Unix socket / TCP", number(unix / tcp), "", "", ""))
    for server in (ECHO, OURS):
        for result in results.of("allocations", 50, server):
            g.rows.append((f"allocations per request, {server}",
                           number(result["allocations_per_request"]), "", "", ""))


def probe_figures(results, g):
    for scenario, name in (("small_alone", "small requests alone"),
                           ("small_beside_large", "small requests beside large ones")):
        for result in results.of(scenario, 50, OURS):
            g.rows.append((f"{name}: p50, p99 in us", number(result["latency_us"]["p50"]),
                           number(result["latency_us"]["p99"]), "", ""))
    for result in results.of("large", 50, OURS):
        g.rows.append(("the large ones: p50 in us", number(result["latency_us"]["p50"]), "", "", ""))
    for result in results.of("soak", 50, OURS):
        g.rows.append(("memory at saturation: MiB, and growth in KiB/s",
                       number(result["resident_bytes"] / 2**20),
                       number(result["resident_bytes_per_second"] / 2**10), "", ""))


def text(results):
    parts = []
    for scenario in SCENARIOS:
        for width in results.widths(scenario.name):
            body = (sweep_table(results, width) if scenario.levels > 1
                    else table(results, scenario.name, width))
            parts.append(f"== {scenario.title}; hidden width {width}\n{body}")
    idle = [r for r in results.results if r["scenario"] == "idle"]
    if idle:
        parts.append("== first request after idleness\n" + aligned(
            [("server", "requests", "p50 us", "worst us")] +
            [(r["peer"], str(r["answers"]), number(r["latency_us"]["p50"]),
              number(r["latency_us"]["max"])) for r in idle]))
    parts.append("== goals\n" + goals(results))
    return "\n\n".join(parts)


def picture(results, path):
    """Bars: processor time for a request by server and hidden width, the saturated case."""
    widths = results.widths("saturated")
    if not widths:
        return
    servers = [s for s in ORDER if any(results.of("saturated", w, s) for w in widths)]
    data = path.with_suffix(".dat")
    lines = ["hidden " + " ".join(f'"{s}"' for s in servers)]
    for width in widths:
        medians = [results.median("saturated", width, s, CPU) for s in servers]
        lines.append(f"H={width} " + " ".join("?" if m is None else f"{m:.2f}" for m in medians))
    data.write_text("\n".join(lines) + "\n")
    script = f"""
      set terminal pngcairo size 1000,560 font "sans,11"
      set output "{path}"
      set datafile missing "?"
      set style data histograms
      set style histogram clustered gap 2
      set style fill solid 0.85 noborder
      set logscale y
      set yrange [1:*]
      set grid ytics lc rgb "#dddddd"
      set border 3
      set tics nomirror
      set ylabel "server processor time per request, microseconds"
      set key outside right top noenhanced
      set title "64 requests under way, one row each; server on one processor"
      plot for [i=2:{len(servers) + 1}] "{data}" using i:xtic(1) title columnheader(i)
    """
    subprocess.run(["gnuplot"], input=script, text=True, check=True)

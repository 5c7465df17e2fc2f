"""The results as text, and as a picture."""

import statistics
import subprocess

from goals import figures
from peers import ECHO
from results import CPU, RATE, ROWS, SWITCHES, disturbed, latency, value
from scenarios import SCENARIOS


def number(x, digits=3):
    if x is None:
        return "-"
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.{digits}g}"


def aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(
        cell.ljust(width) if i in (0, len(row) - 1 if row[-1] == "" else -1) else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows)


def table(results, scenario, width):
    rows = [("server", "requests/s", "rows/s", "CPU us", "+-", "p50 us", "p99 us", "p99.9 us",
             "switches", "errors", "late", "requests/s/echo", "CPU/echo", "")]
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
            number(results.ratio(scenario, width, server, ECHO, RATE)),
            number(results.ratio(scenario, width, server, ECHO, CPU)),
            notes(runs)))
    return aligned(rows)


def notes(runs):
    limits = sum(bool(r["generator"]["limit"]) for r in runs)
    beside = [r["beside"]["rows_per_second"] for r in runs if "beside" in r]
    return ", ".join(
        [f"the generator was the limit in {limits} of {len(runs)}"] * (limits > 0) +
        [f"the others had {number(statistics.median(beside))} rows/s" for _ in beside[:1]] +
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


def idle_table(results):
    rows = [("server", "requests", "p50 us", "worst us")]
    for width in results.widths("idle"):
        for server in results.servers("idle", width):
            rows += [(server, str(r["answers"]), number(r["latency_us"]["p50"]),
                      number(r["latency_us"]["max"])) for r in results.of("idle", width, server)]
    return aligned(rows)


def goals_table(results):
    rows = [("what", "measured", "floor", "goal", "")]
    for figure in figures(results):
        bounds = ("", "") if figure.floor is None else (number(figure.floor), number(figure.goal))
        rows.append((figure.text, number(figure.measured), *bounds, figure.verdict))
    return aligned(rows)


def text(results):
    parts = []
    for scenario in SCENARIOS:
        for width in results.widths(scenario.name):
            body = (sweep_table(results, width) if scenario.levels > 1
                    else table(results, scenario.name, width))
            parts.append(f"== {scenario.name}: {scenario.title}; hidden width {width}\n{body}")
    if results.widths("idle"):
        parts.append(f"== idle: first request after idleness\n{idle_table(results)}")
    parts.append(f"== figures\n{goals_table(results)}")
    return "\n\n".join(parts)


def picture(results, path):
    """Bars: processor time for a request by server and hidden width, the saturated case."""
    widths = results.widths("saturated")
    if not widths:
        return
    servers = list(dict.fromkeys(s for w in widths for s in results.servers("saturated", w)))
    data = path.with_suffix(".dat")
    lines = ["hidden " + " ".join(f'"{s}"' for s in servers)]
    for width in widths:
        medians = [results.median("saturated", width, s, CPU) for s in servers]
        lines.append(f"H={width} " + " ".join("?" if m is None else f"{m:.2f}" for m in medians))
    data.write_text("\n".join(lines) + "\n")
    count, gap = len(servers), 1
    script = f"""
      set terminal pngcairo size 1200,640 font "sans,11"
      set output "{path}"
      set datafile missing "?"
      set style data histograms
      set style histogram clustered gap {gap}
      set style fill solid 0.85 noborder
      set logscale y
      set yrange [1:*]
      set grid ytics lc rgb "#dddddd"
      set border 3
      set tics nomirror
      set xrange [-0.6:{len(widths) - 0.4}]
      set xlabel "width of the hidden layers"
      set ylabel "server's processor time per request, microseconds"
      set key outside bottom center horizontal noenhanced
      set title "Predict of one row, 64 requests under way; server on one processor; less is better"
      place(i) = (i - 1 - ({count} - 1) / 2.0) / ({count} + {gap})
      short(x) = sprintf(x < 100 ? "%.1f" : "%.0f", x)
      plot for [i=2:{count + 1}] "{data}" using i:xtic(1) title columnheader(i), \\
           for [i=2:{count + 1}] "" using ($0 - 1 + place(i - 1)):i:(short(column(i))) \\
             with labels offset 0,0.6 font "sans,9" notitle
    """
    subprocess.run(["gnuplot"], input=script, text=True, check=True)

"""What is asked of the server, beside what was measured."""

import dataclasses
import typing

from peers import (ASYNCIO, CAT, DEDICATED, ECHO, ECHO_AWAKE, METRICS, OURS, OURS_AWAKE, PAGING_CAT,
                   PLAIN, PLAIN_CALLBACK, SYNC, TIMER, UNBATCHED)
from results import CPU, RATE, ROWS, SWITCHES, latency
from scenarios import CONNECTIONS

SMALL, LARGE = (50, 128), (512, 1024)
# repeated_metrics_server measures so much more often.
REPEATED = 10


@dataclasses.dataclass(frozen=True)
class Figure:
    """`measured`, with its verdict where there are bounds."""
    text: str
    measured: float
    floor: float = None
    goal: float = None
    less_is_better: bool = True

    @property
    def verdict(self):
        if self.floor is None:
            return ""
        for bound, verdict in ((self.goal, "goal"), (self.floor, "floor")):
            if self.measured <= bound if self.less_is_better else self.measured >= bound:
                return verdict
        return "MISSED"


def figures(results):
    """Those that the results tell."""
    everything = (against_echo, against_others, one_caller, tail, bulk_and_streams, overload,
                  connections, allocations, fairness, policies, metrics, soak)
    return [f for part in everything for f in part(results) if f.measured is not None]


def by_width(widths, make) -> typing.Iterator[Figure]:
    for width in widths:
        yield from make(width, f"H={width}")


def against_echo(results):
    def make(width, tag):
        for scenario, how in (("saturated", ""), ("h2load", " (h2load)")):
            yield Figure(f"CPU per request / echo{how}, {tag}",
                         results.ratio(scenario, width, OURS, ECHO, CPU), 1.10, 1.03)
            yield Figure(f"saturated requests/s / echo{how}, {tag}",
                         results.ratio(scenario, width, OURS, ECHO, RATE), 0.92, 0.98, False)
        yield Figure(f"CPU per request / echo at the same rate, {tag}",
                     results.ratio("same_rate", width, OURS, ECHO, CPU), 1.10, 1.03)

    yield from by_width(SMALL, make)
    yield from by_width(LARGE, lambda width, tag: [
        Figure(f"CPU per request / echo, {tag}",
               results.ratio("saturated", width, OURS, ECHO, CPU))])
    yield Figure("CPU per request, Unix socket / TCP, H=50",
                 quotient(results.median("unix", 50, OURS, CPU),
                          results.median("saturated", 50, OURS, CPU)))


def quotient(a, b):
    return a / b if a is not None and b else None


def difference(a, b):
    return a - b if a is not None and b is not None else None


def against_others(results):
    def make(width, tag):
        bounds = (2, 3) if width in SMALL else (2.5, 4)
        for scenario, how in (("saturated", ""), ("h2load", " (h2load)")):
            plain = results.best(scenario, width, (PLAIN, PLAIN_CALLBACK), CPU)
            python = results.best(scenario, width, (ASYNCIO, SYNC), CPU)
            yield Figure(f"{plain}'s CPU per request / ours{how}, {tag}",
                         results.ratio(scenario, width, plain, OURS, CPU), *bounds, False)
            yield Figure(f"{python}'s CPU per request / ours{how}, {tag}",
                         results.ratio(scenario, width, python, OURS, CPU), 10, 20, False)

    yield from by_width(SMALL + LARGE, make)


def one_caller(results):
    def make(width, tag):
        ours, echo = (results.median("one_caller", width, s, latency("p50")) for s in (OURS, ECHO))
        # The kernel's own time, which the bounds also allow, is left out.
        yield Figure(f"one caller: p50 - echo's, us, {tag}", difference(ours, echo),
                     *((5, 2) if width in SMALL else ()))

    yield from by_width((*SMALL, 1024), make)
    for server, text, bounds in ((OURS, "worst first request after idleness, ms", (2, 1)),
                                 (OURS_AWAKE, "the same where the caller is awake", (2, 1)),
                                 (ECHO, "the same for the echo", ()),
                                 (ECHO_AWAKE, "the echo's where the caller is awake", ()),
                                 (CAT, "the same for a byte through pipes", ()),
                                 (PAGING_CAT, "the same where it touches 500 pages", ())):
        yield Figure(text, quotient(results.median("idle", 50, server, latency("max")), 1000),
                     *bounds)


def tail(results):
    yield from by_width(SMALL, lambda width, tag: [
        Figure(f"p99 at 70 % of the peak / echo, {tag}",
               results.ratio("tail", width, OURS, ECHO, latency("p99")), 2, 1.2),
        *(Figure(f"{quantile} with pauses / echo, {tag}",
                 results.ratio("pauses", width, OURS, ECHO, latency(quantile)))
          for quantile in ("mean", "p99"))])


def bulk_and_streams(results):
    def make(width, tag):
        yield Figure(f"1024 rows: rows/s / echo, {tag}",
                     results.ratio("bulk", width, OURS, ECHO, ROWS), 0.7, 0.9, False)
        for scenario, how in (("streamed", "512 under way"), ("streamed_full", "2048 under way")):
            yield Figure(f"rows/s over streams / over calls, {how}, {tag}",
                         quotient(results.median(scenario, width, OURS, ROWS),
                                  results.median("peak", width, OURS, ROWS)), 4, 10, False)
            yield Figure(f"CPU per row over calls / over streams, {how}, {tag}",
                         quotient(results.median("peak", width, OURS, CPU),
                                  results.median(scenario, width, OURS, CPU)))
        yield Figure(f"1000 draws: requests/s / echo, {tag}",
                     results.ratio("draws", width, OURS, ECHO, RATE), 0.8, 0.95, False)

    yield from by_width(SMALL, make)


def overload(results):
    peak, goodput = (results.median(s, 1024, OURS, RATE) for s in ("peak_of_8_rows", "overload"))
    yield Figure("goodput at twice the peak / peak, H=1024", quotient(goodput, peak), 0.9, 0.98,
                 False)
    late = results.values("overload", 1024, OURS, ("late",))
    yield Figure("accepted past their deadline, H=1024", sum(late) if late else None, 0, 0)


def connections(results):
    few, many = CONNECTIONS[0], CONNECTIONS[-1]
    for kind, how in (("connections", "64 under way"), ("spread", "4000 requests/s")):
        for server, bounds in ((OURS, (1.3, 1.1)), (ECHO, ())):
            yield Figure(f"{server}: CPU per request, {many} connections / {few}, {how}",
                         cost_between(results, f"{kind}_{many}", f"{kind}_{few}", server),
                         *bounds)
        for count in CONNECTIONS:
            yield Figure(f"CPU per request / echo, {count} connections, {how}",
                         results.ratio(f"{kind}_{count}", 50, OURS, ECHO, CPU))


def cost_between(results, scenario, other, server):
    return quotient(results.median(scenario, 50, server, CPU),
                    results.median(other, 50, server, CPU))


def allocations(results):
    count = ("allocations_per_request",)
    ours, echo = (results.median("allocations", 50, s, count) for s in (OURS, ECHO))
    yield Figure("allocations per request of our own: beyond the echo's", difference(ours, echo),
                 2, 0)
    yield Figure("allocations per request", ours)
    yield Figure("the same for the echo", echo)
    yield Figure("allocations per request over a stream",
                 results.median("allocations_streamed", 50, OURS, count))
    yield from by_width(SMALL, lambda width, tag: [
        Figure(f"context switches per request at half of the peak / echo, {tag}",
               results.ratio("same_rate", width, OURS, ECHO, SWITCHES))])


def fairness(results):
    def make(width, tag):
        for scenario, alone, what in (
                ("polite_beside_greedy", "polite", "beside a greedy connection"),
                ("small_beside_1024", "small", "beside requests of 1024 rows"),
                ("small_beside_8192", "small", "beside requests of 8192 rows")):
            for server in (OURS, ECHO):
                its = results.median(scenario, width, server, latency("p99"))
                yield Figure(f"{server}: p99 {what} / alone, {tag}", quotient(
                    its, results.median(alone, width, server, latency("p99"))))

    yield from by_width((50, 1024), make)


def policies(results):
    def make(width, tag):
        for server in (UNBATCHED, TIMER, DEDICATED):
            for scenario, path, what in (("peak", RATE, "requests/s at the peak"),
                                         ("peak", CPU, "CPU per request at the peak"),
                                         ("same_rate", CPU, "CPU per request at half of it"),
                                         ("same_rate", latency("p50"), "p50 at half of it"),
                                         ("same_rate", latency("p99"), "p99 at half of it"),
                                         ("one_caller", latency("p50"), "p50 of one caller")):
                yield Figure(f"{server} / ours: {what}, {tag}",
                             results.ratio(scenario, width, server, OURS, path))

    yield from by_width((50, 1024), make)


def metrics(results):
    more = results.ratio("metrics", 50, METRICS, OURS, CPU)
    yield Figure("metrics: % of the CPU per request, H=50",
                 None if more is None else 100 * (more - 1) / REPEATED, 2, 2)


def soak(results):
    held, growth = (results.median("soak", 50, OURS, (path,))
                    for path in ("resident_bytes", "resident_bytes_per_second"))
    yield Figure("memory at saturation, MiB", quotient(held, 2**20))
    yield Figure("its growth, KiB/s", quotient(growth, 2**10))

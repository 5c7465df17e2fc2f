"""Medians over the rounds with their spread, and ratios within the rounds."""

import statistics

from peers import ORDER
from processes import Load

CPU = ("server", "cpu_us_per_request")
SWITCHES = ("server", "context_switches_per_request")
RATE = ("requests_per_second",)
ROWS = ("rows_per_second",)


def latency(quantile):
    return ("latency_us", quantile)


def disturbed(result):
    return result.get("foreign_load", 0) > Load.MOST_FOREIGN


def value(result, path):
    """None where the result does not tell."""
    for key in path:
        result = result.get(key)
        if result is None:
            return None
    return result


class Results:
    """`results` are dictionaries with a scenario, width, peer and round, and what was measured."""

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
        present = {r["peer"] for r in self.results
                   if (r["scenario"], r["width"]) == (scenario, width)}
        return [name for name in ORDER if name in present]

    def values(self, scenario, width, server, path):
        values = (value(r, path) for r in self.of(scenario, width, server))
        return [v for v in values if v is not None]

    def median(self, scenario, width, server, path):
        values = self.values(scenario, width, server, path)
        return statistics.median(values) if values else None

    def spread(self, scenario, width, server, path):
        """Of the rounds: half of what lies between the quartiles, relative to the median."""
        values = self.values(scenario, width, server, path)
        if len(values) < 3 or statistics.median(values) == 0:
            return None
        low, _, high = statistics.quantiles(values, n=4)
        return (high - low) / 2 / statistics.median(values)

    def ratio(self, scenario, width, server, other, path):
        """The median of the ratios within the rounds."""
        others = {r["round"]: value(r, path) for r in self.of(scenario, width, other)}
        pairs = [(value(r, path), others.get(r["round"]))
                 for r in self.of(scenario, width, server)]
        ratios = [mine / its for mine, its in pairs if mine is not None and its]
        return statistics.median(ratios) if ratios else None

    def best(self, scenario, width, servers, path):
        """The server of these that has least of it."""
        known = [s for s in servers if self.median(scenario, width, s, path) is not None]
        return min(known, key=lambda s: self.median(scenario, width, s, path), default=None)

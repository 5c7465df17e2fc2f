"""Runs scenarios."""

import functools
import random
import statistics

import generators
from peers import commands
from processes import start, stop


class Run:
    """Measures; `results` has an entry for each scenario, width, server, round and level."""

    def __init__(self, options, processors, load, folder, progress):
        self.options, self.processors, self.load = options, processors, load
        self.folder, self.progress = folder, progress
        self.h2load = generators.H2Load(folder)
        self.results = []

    def scenarios(self, scenarios):
        for width in sorted({w for scenario in scenarios for w in self._widths(scenario)}):
            here = [s for s in scenarios if width in self._widths(s)]
            servers = self.start({name for s in here for name in self._servers(s)}, width)
            try:
                for scenario in here:
                    self._scenario(scenario, width, servers)
            finally:
                stop(servers)

    def start(self, names, width, environments=None):
        """Servers by name, with more in the environments of some."""
        chosen = {name: (command, {**environment, **(environments or {}).get(name, {})})
                  for name, (command, environment) in commands(self.folder, width).items()
                  if name in names}
        return start(self.processors, self.folder, chosen)

    def add(self, scenario, width, peer, turn, result):
        self.results.append(
            {"scenario": scenario, "width": width, "peer": peer, "round": turn, **result})

    def _widths(self, scenario):
        widths = scenario.widths
        if self.options.quick and scenario.quick_widths is not None:
            widths = scenario.quick_widths
        return [w for w in widths if not self.options.widths or w in self.options.widths]

    def _servers(self, scenario):
        return [name for name in scenario.servers
                if not self.options.quick or name in scenario.quick_servers]

    def _scenario(self, scenario, width, servers):
        self.progress(f"{scenario.title}, hidden width {width}")
        names = self._servers(scenario)
        for turn in range(self.options.rounds):
            for name in random.sample(names, len(names)):
                flags = self._flags(scenario, width, name)
                if flags is None:
                    continue
                generate = self._generate(scenario, servers[name], flags)
                for level in self.load.run(servers[name], generate):
                    level["resident_bytes"] = servers[name].resident_bytes()
                    self.add(scenario.name, width, name, turn, level)

    def _generate(self, scenario, server, flags):
        seconds = max(self.options.seconds, scenario.least_seconds)
        if scenario.h2load:
            return functools.partial(self.h2load.run, server, flags, seconds)
        flags = {**flags, "duration": f"{seconds}s", "warmup": f"{seconds / 4}s"}
        if scenario.beside:
            return functools.partial(generators.bench_beside, server, flags, scenario.beside)
        if scenario.pauses:
            return functools.partial(generators.bench_with_pauses, server, flags)
        return functools.partial(generators.bench, server, flags, scenario.unix)

    def _flags(self, scenario, width, name):
        if not scenario.rate_of:
            return scenario.flags
        factor, peak, whose = scenario.rate_of
        peaks = [r["requests_per_second"] for r in self.results
                 if (r["scenario"], r["width"], r["peer"]) == (peak, width, whose or name)]
        if not peaks:
            return None
        return {**scenario.flags, "rate": round(factor * statistics.median(peaks))}

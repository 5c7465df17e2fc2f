"""What is measured. A scenario runs each of its servers once a round, in random order, so that what
drifts on the machine drifts for all of them alike."""

import dataclasses

from peers import (ASYNCIO, DEDICATED, ECHO, METRICS, OURS, PLAIN, PLAIN_CALLBACK, SYNC, TIMER,
                   TORCH, UNBATCHED)

# A caller that sleeps whenever it waits has to be woken. Here, where the server's processor and the
# caller's are of one machine, that is work of the server's (an interrupt through the hypervisor,
# some microseconds), and the more the slower it is: an echo keeps its caller busy. A caller
# elsewhere costs no server that. So callers under load stay awake; one_caller, fairness and h2load
# have those that sleep.
AWAKE = {"awake": "true"}
MANY = {"concurrency": 64, "connections": 8}
SATURATING = {**MANY, **AWAKE}
SPARSE = {"rate": 200, "arrivals": "constant", "connections": 1}
CONNECTIONS = (1, 10, 100, 1000)


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    servers: tuple
    # Of `mdn_client bench`.
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
    # Flags of another load at the same time. What a request costs is not known then.
    beside: dict = None
    # The server stands still for 5 ms ten times a second.
    pauses: bool = False
    # By h2load instead.
    h2load: bool = False
    # Of a run, whatever was asked for.
    least_seconds: float = 0


# Under full load as well as with one caller.
POLICIES = (OURS, UNBATCHED, TIMER, DEDICATED)

SCENARIOS = (
    # Of the plain servers --quick has the better one each, by the full form.
    Scenario("saturated", "64 requests under way, one row each",
             (ECHO, OURS, TORCH, UNBATCHED, PLAIN, PLAIN_CALLBACK, ASYNCIO, SYNC), SATURATING,
             widths=(50, 128, 512, 1024), quick_widths=(50, 1024),
             quick_servers=(ECHO, OURS, PLAIN_CALLBACK, SYNC)),
    # A generator that needs a part of the server's time for a request, so that the server is the
    # limit, and that knows nothing of gRPC.
    Scenario("h2load", "64 requests under way, one row each, by h2load",
             (ECHO, OURS, TORCH, UNBATCHED, PLAIN, PLAIN_CALLBACK, ASYNCIO, SYNC), MANY,
             widths=(50, 128, 512, 1024), h2load=True),
    Scenario("peak", "512 requests under way, one row each",
             (ECHO, OURS, TORCH, UNBATCHED, TIMER, DEDICATED, PLAIN),
             {"concurrency": 512, "connections": 8, **AWAKE}, widths=(50, 128, 512, 1024)),
    Scenario("streamed", "512 requests under way, one row each, over streams", (OURS,),
             {"concurrency": 512, "connections": 8, "stream": "true", **AWAKE},
             widths=(50, 128, 512, 1024)),
    # As many as make the messages full.
    Scenario("streamed_full", "2048 requests under way, one row each, over streams", (OURS,),
             {"concurrency": 2048, "connections": 8, "stream": "true", **AWAKE}),
    Scenario("metrics", "64 requests under way, metrics once and 11 times", (OURS, METRICS),
             SATURATING, widths=(50,), quick_servers=(OURS, METRICS)),
    Scenario("one_caller", "one request under way",
             (ECHO, OURS, TORCH, TIMER, DEDICATED, PLAIN), {"concurrency": 1, "connections": 1},
             widths=(50, 128, 1024)),
    # The machine stands still for milliseconds now and then. In half a second that happens or does
    # not, and is the whole tail.
    Scenario("tail", "Poisson arrivals at 70 % of the peak", (ECHO, OURS, PLAIN),
             {"connections": 8}, rate_of=(0.7, "peak", None), least_seconds=3),
    # In an open loop no server gets more requests than another.
    Scenario("same_rate", "Poisson arrivals at half of our peak, for all alike", (ECHO, *POLICIES),
             {"connections": 8}, widths=(50, 128, 1024), rate_of=(0.5, "peak", OURS)),
    # How soon a server has caught up.
    Scenario("pauses", "the same, while the server stands still for 5 ms ten times a second",
             (ECHO, OURS), {"connections": 8}, rate_of=(0.5, "peak", OURS), least_seconds=1,
             pauses=True),
    # Many rows, so that the server's limit is well below the load generator's.
    Scenario("peak_of_8_rows", "128 requests under way, 8 rows each", (OURS,),
             {"concurrency": 128, "connections": 8, "rows": 8, **AWAKE}, widths=(1024,),
             quick_widths=(1024,)),
    Scenario("overload", "Poisson arrivals at twice that peak, 8 rows each, 100 ms to answer",
             (OURS,), {"connections": 8, "rows": 8, "timeout": "100ms"}, widths=(1024,),
             quick_widths=(1024,), rate_of=(2, "peak_of_8_rows", None)),
    Scenario("bulk", "1024 rows per request", (ECHO, OURS, PLAIN),
             {"rows": 1024, "concurrency": 4, "connections": 2, **AWAKE}),
    Scenario("draws", "samples: 1000 draws of one row", (ECHO, OURS, PLAIN),
             {"rpc": "sample", "num_samples": 1000, "concurrency": 16, "connections": 4, **AWAKE}),
    Scenario("unix", "64 requests under way, Unix socket", (ECHO, OURS), SATURATING,
             widths=(50,), unix=True),
    Scenario("unix_one_caller", "one request under way, Unix socket", (ECHO, OURS),
             {"concurrency": 1, "connections": 1}, widths=(50,), quick_widths=None, unix=True),
    # On few connections many requests share a read and a write.
    *(Scenario(f"connections_{count}", f"64 requests under way on {count} connections",
               (ECHO, OURS), {"concurrency": 64, "connections": count, **AWAKE}, widths=(50,),
               quick_widths=(50,) if count in (1, 1000) else None)
      for count in CONNECTIONS),
    # So few that hardly any two do: what connections as such cost.
    *(Scenario(f"spread_{count}", f"4000 requests/s, evenly, on {count} connections in turn",
               (ECHO, OURS), {"rate": 4000, "arrivals": "constant", "connections": count},
               widths=(50,), quick_widths=(50,) if count in (1, 1000) else None)
      for count in CONNECTIONS),
    # Fairness: what a caller's answers take, alone and beside others who ask for much.
    Scenario("polite", "8 callers on a connection each, one request under way each", (ECHO, OURS),
             {"concurrency": 8, "connections": 8}, widths=(50, 1024), quick_widths=None),
    Scenario("polite_beside_greedy", "the same beside one connection with 256 under way",
             (ECHO, OURS), {"concurrency": 8, "connections": 8}, widths=(50, 1024),
             quick_widths=None, beside={"concurrency": 256, "connections": 1}),
    Scenario("small", "200 requests/s of one row, evenly", (ECHO, OURS),
             SPARSE, widths=(50, 1024), quick_servers=(OURS,)),
    *(Scenario(f"small_beside_{rows}", f"the same beside 2 requests of {rows} rows under way",
               (ECHO, OURS), SPARSE, widths=(50, 1024), quick_servers=(OURS,),
               beside={"rows": rows, "concurrency": 2, "connections": 1})
      for rows in (1024, 8192)),
    Scenario("sweep", "1 to 512 requests under way", (ECHO, OURS, PLAIN),
             {"concurrency": "1,2,8,32,128,512", "connections": 8, **AWAKE}, levels=6,
             quick_widths=None),
)

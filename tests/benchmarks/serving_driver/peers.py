"""The servers that are compared, and how each is started."""

from processes import BENCHMARKS, BUILD, PEERS

ECHO, OURS = "echo", "ours"
# Ours with one feature off, or done otherwise.
TORCH, UNBATCHED = "ours --engine=torch", "ours --max_batch_rows=1"
TIMER, DEDICATED = "ours --max_batch_delay=100us", "ours, dedicated thread"
METRICS = "ours, metrics 11 times"
PLAIN, PLAIN_CALLBACK = "C++ LibTorch sync", "C++ LibTorch callback"
ASYNCIO, SYNC = "Python asyncio", "Python sync"
# The same, called by awake_caller.
ECHO_AWAKE, OURS_AWAKE = "echo, caller awake", "ours, caller awake"
# No servers: they return a byte through pipes, the second when it has touched about as many pages
# of its memory as the server does for a request.
CAT, PAGING_CAT = "cat", "cat that touches 500 pages"
# In the order of tables and pictures.
ORDER = (CAT, PAGING_CAT, ECHO, ECHO_AWAKE, OURS, OURS_AWAKE, TORCH, UNBATCHED, TIMER, DEDICATED,
         METRICS, PLAIN, PLAIN_CALLBACK, ASYNCIO, SYNC)


def model(folder, width, kind):
    return f"{folder}/h{width:04}.{kind}"


def commands(folder, width):
    """The command and the environment of each."""
    flags = [f"--model={model(folder, width, 'pt')}", "--listen=LISTEN"]
    echo = [BENCHMARKS / "echo_server", f"--model_name=h{width:04}", "--listen=LISTEN"]
    ours = [BUILD / "bin" / "mdn_server", *flags]
    plain = [BENCHMARKS / "plain_server", f"--model={model(folder, width, 'ts')}",
             "--listen=LISTEN"]
    python = ["/usr/bin/python3", PEERS / "python_server.py", *flags, f"--hidden={width}"]
    return {
        ECHO: (echo, {}),
        ECHO_AWAKE: (echo, {}),
        OURS: (ours, {}),
        OURS_AWAKE: (ours, {}),
        TORCH: (ours + ["--engine=torch"], {}),
        UNBATCHED: (ours + ["--max_batch_rows=1"], {}),
        TIMER: (ours + ["--max_batch_delay=100us"], {}),
        DEDICATED: ([BENCHMARKS / "dedicated_thread_server", *flags], {}),
        METRICS: ([BENCHMARKS / "repeated_metrics_server", *flags], {}),
        PLAIN: (plain + ["--api=sync"], {}),
        PLAIN_CALLBACK: (plain + ["--api=callback"], {}),
        ASYNCIO: (python + ["--api=asyncio"], {}),
        SYNC: (python + ["--api=sync"], {}),
    }

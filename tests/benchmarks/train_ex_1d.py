"""The loop of the reference's ex_1d example in PyTorch, on one thread, to compare mdn_train with.

    OPENBLAS_NUM_THREADS=1 /usr/bin/python3 tests/benchmarks/train_ex_1d.py [DATA.csv]

DATA.csv has columns x and y, as mdn_train writes them; without it the rows are drawn here. Prints one
line of JSON: the seconds of the loop alone, the seconds since the program began, and the last loss on
the reference's scale.
"""

import time

BEGIN = time.perf_counter()

import json  # noqa: E402
import math  # noqa: E402
import pathlib  # noqa: E402
import sys  # noqa: E402

import torch  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from reference_network import MixtureDensityNetwork  # noqa: E402

ITERATIONS = 2000


def rows():
    if len(sys.argv) > 1:
        lines = pathlib.Path(sys.argv[1]).read_text().split()[1:]
        return torch.tensor([[float(field) for field in line.split(",")] for line in lines])
    y = torch.linspace(-1, 1, 512)
    x = 7 * torch.sin(5 * y) + 0.5 * y + 0.5 * torch.randn_like(y)
    return torch.stack((x, y), dim=1)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = rows()
    x, y = data[:, :1].contiguous(), data[:, 1:].contiguous()
    network = MixtureDensityNetwork(1, 1, n_components=3, hidden_dim=50)
    adam = torch.optim.Adam(network.parameters(), lr=0.005)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, ITERATIONS)
    start = time.perf_counter()
    for _ in range(ITERATIONS):
        adam.zero_grad()
        loss = network.loss(x, y).mean()
        loss.backward()
        adam.step()
        schedule.step()
    end = time.perf_counter()
    assert math.isfinite(loss.item())
    print(json.dumps({"seconds": round(end - start, 3), "total_seconds": round(end - BEGIN, 3),
                      "final_loss": round(loss.item(), 4)}))


if __name__ == "__main__":
    main()

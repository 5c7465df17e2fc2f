"""Writes the models of the serving benchmark: for each width of the hidden layers a state dict, its
configuration and the same network as a TorchScript archive. 50 is the checkpoint of tests/data.

    /usr/bin/python3 make_models.py FOLDER WIDTH...
"""

import json
import pathlib
import shutil
import sys

import torch

TESTS = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TESTS / "support"))
from reference_network import MixtureDensityNetwork  # noqa: E402

COMPONENTS = 3


def write(folder, width):
    network = MixtureDensityNetwork(1, 1, COMPONENTS, width)
    weights = folder / f"h{width:04}.pt"
    if width == 50:
        shutil.copyfile(TESTS / "data" / "ex_1d.pt", weights)
        network.load_state_dict(torch.load(weights))
    else:
        torch.save(network.state_dict(), weights)
    weights.with_name(weights.name + ".json").write_text(json.dumps({"noise_type": "diagonal"}))
    network.eval()
    # Last: whoever finds it finds the others.
    torch.jit.trace(network, torch.zeros(2, 1)).save(str(folder / f"h{width:04}.ts"))


def main():
    torch.manual_seed(0)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for width in map(int, sys.argv[2:]):
        if not (folder / f"h{width:04}.ts").exists():
            write(folder, width)


if __name__ == "__main__":
    main()

"""PyTorch's part of pytorch_round_trip_test.

    pytorch_round_trip.py take DIR       for each DIR/*/model.pt, which C++ wrote: load it into the
                                         reference network, save returned.pt and forward.json; then make
                                         DIR/python_*/original.pt for C++ to take
    pytorch_round_trip.py compare DIR    each DIR/python_*/model.pt, which C++ wrote from original.pt, must
                                         have the same bits
"""

import json
import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from reference_network import MixtureDensityNetwork  # noqa: E402


def network_of(config):
    return MixtureDensityNetwork(
        config["dim_in"], config["dim_out"], config["n_components"], config["hidden_dim"],
        config["noise_type"], config.get("fixed_noise_level"),
        config.get("isotropic_layout", "tiled"))


def bits(state):
    return {name: (tensor.shape, tensor.dtype, tensor.contiguous().view(torch.int32).tolist())
            for name, tensor in state.items()}


def take_back(folder):
    state = torch.load(folder / "model.pt")
    careful = torch.load(folder / "model.pt", weights_only=True)
    assert bits(state) == bits(careful), folder
    network = network_of(json.loads((folder / "model.json").read_text()))
    assert list(state) == list(network.state_dict()), list(state)
    network.load_state_dict(state, strict=True)
    torch.save(network.state_dict(), folder / "returned.pt")
    x = torch.linspace(-1, 1, 8 * state["pi_network.0.weight"].shape[1]).reshape(8, -1)
    with torch.no_grad():
        log_pi, mu, sigma = network(x)
    (folder / "forward.json").write_text(json.dumps({
        "x": x.flatten().tolist(), "log_pi": log_pi.flatten().tolist(),
        "mu": mu.flatten().tolist(), "sigma": sigma.flatten().tolist()}))


def make_original(root, noise_type):
    config = {"dim_in": 3, "dim_out": 2, "n_components": 4, "hidden_dim": 16,
              "noise_type": noise_type}
    if noise_type == "fixed":
        config["fixed_noise_level"] = 0.25
    folder = root / f"python_{noise_type}"
    folder.mkdir()
    torch.save(network_of(config).state_dict(), folder / "original.pt")
    (folder / "original.json").write_text(json.dumps(config))


def main():
    action, root = sys.argv[1], pathlib.Path(sys.argv[2])
    torch.manual_seed(0)
    if action == "take":
        folders = sorted(path.parent for path in root.glob("*/model.pt"))
        for folder in folders:
            take_back(folder)
        for noise_type in ("diagonal", "isotropic", "isotropic_across_clusters", "fixed", "full"):
            make_original(root, noise_type)
    else:
        folders = sorted(root.glob("python_*"))
        for folder in folders:
            original, written = torch.load(folder / "original.pt"), torch.load(folder / "model.pt")
            assert bits(original) == bits(written), folder
            assert list(original) == list(written), folder
    print(len(folders))


if __name__ == "__main__":
    main()

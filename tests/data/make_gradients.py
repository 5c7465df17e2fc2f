"""Writes gradients.json beside itself: the losses of small networks and their gradients by PyTorch's
autograd through torch.distributions, in float64 and float32, for every noise type.

    /usr/bin/python3 tests/data/make_gradients.py
"""

import json
import pathlib
import sys

import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from reference_network import MixtureDensityNetwork  # noqa: E402

DIM_IN, HIDDEN, ROWS = 2, 4, 5
NOISE = [("diagonal", None), ("isotropic", "tiled"), ("isotropic", "per_component"),
         ("isotropic_across_clusters", None), ("fixed", None), ("full", None)]


def short(tensor):
    """Rounded to multiples of 1/64: few digits, and the same number in float32."""
    return torch.round(tensor * 64) / 64


def numbers(tensor, digits=12):
    values = [float(f"{value:.{digits}g}") for value in tensor.detach().flatten().tolist()]
    return {"shape": list(tensor.shape), "values": values}


def gradients(network, x, y):
    network.zero_grad()
    loss = -network.distribution(x).log_prob(y)
    loss.mean().backward()
    named = {name: numbers(value.grad, 12 if x.dtype == torch.float64 else 9)
             for name, value in network.named_parameters()
             if value.grad is not None}
    return loss, named


def case(noise_type, layout, dims, components):
    level = 0.3 if noise_type == "fixed" else None
    network = MixtureDensityNetwork(DIM_IN, dims, components, HIDDEN, noise_type, level,
                                    layout or "tiled").double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(short(0.5 * torch.randn_like(parameter)))
    x = short(torch.randn(ROWS, DIM_IN, dtype=torch.float64))
    y = short(torch.randn(ROWS, dims, dtype=torch.float64))
    loss, exact = gradients(network, x, y)
    tensors = {name: numbers(value) for name, value in network.state_dict().items()}
    single = gradients(network.float(), x.float(), y.float())[1]
    return {"noise_type": noise_type, "isotropic_layout": layout, "fixed_noise_level": level,
            "dim_in": DIM_IN, "dim_out": dims, "n_components": components, "hidden_dim": HIDDEN,
            "tensors": tensors, "x": numbers(x), "y": numbers(y), "loss": numbers(loss),
            "gradients": exact, "gradients_float32": single}


def main():
    torch.manual_seed(5)
    cases = [case(noise_type, layout, dims, components)
             for noise_type, layout in NOISE for dims in (1, 3) for components in (1, 4)]
    lines = ",\n".join(json.dumps(each, separators=(",", ":")) for each in cases)
    (HERE / "gradients.json").write_text(f"[{lines}]\n")


if __name__ == "__main__":
    main()

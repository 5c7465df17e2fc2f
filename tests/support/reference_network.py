"""The mixture density network as PyTorch users know it, for tests: the sub-modules, and so the keys of
state dicts, are those of the reference implementation, as are its noise models, its tiled isotropic
layout and its loss, which leaves out (D/2) log 2 pi. Two extensions follow this project: the isotropic
layout "per_component", and the noise type "full"."""

import torch
from torch import nn

EPSILON = 1e-6


def perceptron(inputs, hidden, outputs):
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(),
        nn.Linear(hidden, hidden), nn.ReLU(),
        nn.Linear(hidden, outputs))


def scale_channels(noise_type, components, dims):
    return {
        "diagonal": components * dims,
        "isotropic": components,
        "isotropic_across_clusters": 1,
        "fixed": 0,
        "full": components * dims * (dims + 1) // 2,
    }[noise_type]


class MixtureDensityNetwork(nn.Module):
    def __init__(self, dim_in, dim_out, n_components, hidden_dim, noise_type="diagonal",
                 fixed_noise_level=None, isotropic_layout="tiled"):
        super().__init__()
        self.dims, self.components = dim_out, n_components
        self.noise_type, self.fixed_noise_level = noise_type, fixed_noise_level
        self.isotropic_layout = isotropic_layout
        channels = scale_channels(noise_type, n_components, dim_out)
        self.pi_network = perceptron(dim_in, hidden_dim, n_components)
        self.normal_network = perceptron(dim_in, hidden_dim, dim_out * n_components + channels)

    def raw(self, x):
        means = self.dims * self.components
        outputs = self.normal_network(x)
        mu = outputs[:, :means].reshape(-1, self.components, self.dims)
        return torch.log_softmax(self.pi_network(x), dim=-1), mu, outputs[:, means:]

    def scale_tril(self, raw):
        """[N, K * D(D+1)/2], triangles in row-major order, to L [N, K, D, D]."""
        rows, columns = torch.tril_indices(self.dims, self.dims)
        entries = raw.reshape(len(raw), self.components, -1)
        values = torch.where(rows == columns, torch.exp(entries + EPSILON), entries)
        tril = raw.new_zeros(len(raw), self.components, self.dims, self.dims)
        tril[:, :, rows, columns] = values
        return tril

    def forward(self, x):
        log_pi, mu, raw = self.raw(x)
        if self.noise_type == "full":
            return log_pi, mu, self.scale_tril(raw).square().sum(-1).sqrt()
        if self.noise_type == "fixed":
            return log_pi, mu, torch.full_like(mu, self.fixed_noise_level)
        sigma = torch.exp(raw + EPSILON)
        if self.noise_type == "isotropic_across_clusters":
            sigma = sigma.expand(-1, self.components * self.dims)
        if self.noise_type == "isotropic" and self.isotropic_layout == "tiled":
            sigma = sigma.repeat(1, self.dims)
        if self.noise_type == "isotropic" and self.isotropic_layout == "per_component":
            sigma = sigma.repeat_interleave(self.dims, dim=1)
        return log_pi, mu, sigma.reshape(mu.shape)

    def loss(self, x, y):
        log_pi, mu, sigma = self(x)
        z = (y.unsqueeze(1) - mu) / sigma
        log_normal = -0.5 * torch.einsum("nkd,nkd->nk", z, z) - torch.log(sigma).sum(dim=-1)
        return -torch.logsumexp(log_pi + log_normal, dim=-1)

    def distribution(self, x):
        """The same mixture by torch.distributions, which share no formula with loss."""
        log_pi, mu, sigma = self(x)
        if self.noise_type == "full":
            tril = self.scale_tril(self.raw(x)[2])
            parts = torch.distributions.MultivariateNormal(mu, scale_tril=tril)
        else:
            parts = torch.distributions.Independent(torch.distributions.Normal(mu, sigma), 1)
        return torch.distributions.MixtureSameFamily(
            torch.distributions.Categorical(logits=log_pi), parts)

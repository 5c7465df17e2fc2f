"""A server as the documentation of grpcio and PyTorch would have one write it: one evaluation of the
network per request, one thread for PyTorch.

    PYTHONPATH=STUBS /usr/bin/python3 python_server.py --model=FILE.pt --hidden=N --api=sync|asyncio
        --listen=ADDRESS,...
"""

import argparse
import asyncio
import concurrent.futures
import pathlib
import sys

import grpc
import torch

from mdn.v1 import mdn_pb2, mdn_pb2_grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from reference_network import MixtureDensityNetwork  # noqa: E402

THREADS = 10


def to_tensor(message):
    return torch.tensor(message.values).reshape(tuple(message.shape))


def write(tensor, message):
    message.shape.extend(tensor.shape)
    message.values.extend(tensor.flatten().tolist())


class Network:
    def __init__(self, path, hidden):
        weights = torch.load(path, map_location="cpu")
        self.dim_in = weights["pi_network.0.weight"].shape[1]
        self.components = weights["pi_network.4.weight"].shape[0]
        self.dims = weights["normal_network.4.weight"].shape[0] // (2 * self.components)
        self.module = MixtureDensityNetwork(self.dim_in, self.dims, self.components, hidden)
        self.module.load_state_dict(weights)
        self.module.eval()
        self.spec = mdn_pb2.ModelSpec(name=pathlib.Path(path).stem, version=1)

    @torch.inference_mode()
    def predict(self, request):
        response = mdn_pb2.PredictResponse(model=self.spec)
        log_pi, mu, sigma = self.module(to_tensor(request.x))
        write(log_pi, response.log_pi)
        write(mu, response.mu)
        write(sigma, response.sigma)
        return response

    @torch.inference_mode()
    def sample(self, request):
        response = mdn_pb2.SampleResponse(model=self.spec)
        samples = self.module.distribution(to_tensor(request.x)).sample((request.num_samples,))
        write(samples.transpose(0, 1), response.samples)
        return response

    @torch.inference_mode()
    def log_likelihood(self, request):
        response = mdn_pb2.LogLikelihoodResponse(model=self.spec)
        mixture = self.module.distribution(to_tensor(request.x))
        write(mixture.log_prob(to_tensor(request.y)), response.log_likelihood)
        return response

    def info(self):
        return mdn_pb2.ModelInfo(model=self.spec, dim_in=self.dim_in, dim_out=self.dims,
                                 n_components=self.components,
                                 noise_type=mdn_pb2.NOISE_TYPE_DIAGONAL, engine="python torch")


class SynchronousService(mdn_pb2_grpc.MdnServiceServicer):
    def __init__(self, network):
        self.network = network

    def Predict(self, request, context):
        return self.network.predict(request)

    def Sample(self, request, context):
        return self.network.sample(request)

    def LogLikelihood(self, request, context):
        return self.network.log_likelihood(request)

    def GetModel(self, request, context):
        return self.network.info()


class AsynchronousService(mdn_pb2_grpc.MdnServiceServicer):
    def __init__(self, network):
        self.network = network

    async def Predict(self, request, context):
        return self.network.predict(request)

    async def Sample(self, request, context):
        return self.network.sample(request)

    async def LogLikelihood(self, request, context):
        return self.network.log_likelihood(request)

    async def GetModel(self, request, context):
        return self.network.info()


def prepare(server, service, addresses):
    mdn_pb2_grpc.add_MdnServiceServicer_to_server(service, server)
    for address in addresses:
        server.add_insecure_port(address)


def announce(addresses):
    for address in addresses:
        print(f"listening on {address}", flush=True)


def serve(network, addresses):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=THREADS))
    prepare(server, SynchronousService(network), addresses)
    server.start()
    announce(addresses)
    server.wait_for_termination()


async def serve_asyncio(network, addresses):
    server = grpc.aio.server()
    prepare(server, AsynchronousService(network), addresses)
    await server.start()
    announce(addresses)
    await server.wait_for_termination()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--hidden", type=int, required=True)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--api", choices=("sync", "asyncio"), default="asyncio")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    network = Network(arguments.model, arguments.hidden)
    addresses = arguments.listen.split(",")
    if arguments.api == "sync":
        serve(network, addresses)
    else:
        asyncio.run(serve_asyncio(network, addresses))


if __name__ == "__main__":
    main()

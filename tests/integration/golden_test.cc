#include "tests/support/golden.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "mdn/v1/mdn.grpc.pb.h"
#include "server/repository/model_loader.h"
#include "server/repository/model_repository.h"
#include "server/server.h"
#include "tests/support/connected_channel.h"

namespace mdn {
namespace {

/// A server of one checkpoint of tests/data, on a free port.
class CheckpointServer {
 public:
  explicit CheckpointServer(const std::string& file, NoiseType noise_type, int threads = 1) {
    ModelOptions options;
    options.load.allow_torchscript = true;
    options.load.flags.origin = "the flags";
    options.load.flags.noise_type = noise_type;
    options.batching.concurrency = threads;
    auto model = LoadModel(std::string(MDN_TEST_DATA) + "/" + file, "model", 1, options);
    EXPECT_TRUE(model.ok()) << model.status();
    repository_.Add(*std::move(model));
    Server::Options server_options;
    server_options.listen = {"127.0.0.1:0"};
    server_options.pollers = threads + 1;
    auto server = Server::Start(server_options, repository_);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::MdnService::NewStub(ConnectedChannel(server_->addresses().front()));
  }

  v1::PredictResponse Predict(const v1::Tensor& x) {
    v1::PredictRequest request;
    v1::PredictResponse response;
    *request.mutable_x() = x;
    grpc::ClientContext context;
    const grpc::Status status = stub_->Predict(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  v1::LogLikelihoodResponse LogLikelihood(const v1::Tensor& x, const v1::Tensor& y) {
    v1::LogLikelihoodRequest request;
    v1::LogLikelihoodResponse response;
    *request.mutable_x() = x;
    *request.mutable_y() = y;
    grpc::ClientContext context;
    const grpc::Status status = stub_->LogLikelihood(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  v1::MdnService::Stub& stub() { return *stub_; }

 private:
  ModelRepository repository_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::MdnService::Stub> stub_;
};

v1::Tensor Matrix(int64_t width, const std::vector<float>& values) {
  v1::Tensor tensor;
  tensor.add_shape(static_cast<int64_t>(values.size()) / width);
  tensor.add_shape(width);
  tensor.mutable_values()->Add(values.begin(), values.end());
  return tensor;
}

double WorstError(const std::vector<double>& got, const std::vector<double>& expected) {
  EXPECT_EQ(got.size(), expected.size());
  double worst = 0;
  for (size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    worst = std::max(worst, std::abs(got[i] - expected[i]));
  }
  return worst;
}

std::vector<double> Doubles(const v1::Tensor& tensor) {
  return {tensor.values().begin(), tensor.values().end()};
}

/// log p(y|x) = -loss - (D/2) log 2 pi.
std::vector<double> LogLikelihoods(const GoldenCase& golden, const std::vector<double>& loss) {
  std::vector<double> values;
  const double constant = 0.5 * static_cast<double>(golden.dim_out) * std::log(2 * M_PI);
  for (const double value : loss) values.push_back(-value - constant);
  return values;
}

/// At most four times the error that PyTorch makes itself in float32.
void ExpectParity(const std::vector<double>& ours, const std::vector<double>& torch_float32,
                  const std::vector<double>& torch_float64, const std::string& what) {
  const double own = WorstError(ours, torch_float64);
  const double allowed = 4 * WorstError(torch_float32, torch_float64);
  EXPECT_LE(own, allowed) << what;
  testing::Test::RecordProperty(what, std::to_string(own / allowed));
}

constexpr int64_t kSamples = 100;

class GoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(GoldenTest, AgreesWithTheReferenceAsWellAsPyTorchDoes) {
  const GoldenCase golden = ReadGolden(GetParam());
  CheckpointServer server(golden.checkpoint, *ParseNoiseType(golden.noise_type));
  const v1::Tensor x = Matrix(golden.dim_in, golden.x);
  const v1::PredictResponse prediction = server.Predict(x);
  ExpectParity(Doubles(prediction.log_pi()), golden.float32.log_pi, golden.float64.log_pi,
               "log_pi");
  ExpectParity(Doubles(prediction.mu()), golden.float32.mu, golden.float64.mu, "mu");
  if (golden.noise_type == "fixed") {
    for (const float sigma : prediction.sigma().values()) EXPECT_EQ(sigma, 0.3f);
  } else {
    ExpectParity(Doubles(prediction.sigma()), golden.float32.sigma, golden.float64.sigma, "sigma");
  }
  const auto log_likelihood =
      server.LogLikelihood(x, Matrix(golden.dim_out, golden.y)).log_likelihood();
  ExpectParity(Doubles(log_likelihood), LogLikelihoods(golden, golden.float32.loss),
               LogLikelihoods(golden, golden.float64.loss), "log_likelihood");
}

INSTANTIATE_TEST_SUITE_P(Cases, GoldenTest,
                         testing::Values("ex_1d", "small_diagonal", "small_isotropic",
                                         "small_isotropic_across_clusters", "small_fixed",
                                         "small_torch26_diagonal"));

/// Files that hold the network of another golden case, and how far their numbers may be off.
struct Variant {
  std::string file;
  std::string same_as;
  double tolerance;
};

class VariantTest : public testing::TestWithParam<Variant> {};

TEST_P(VariantTest, MeansTheSameModel) {
  const GoldenCase golden = ReadGolden(GetParam().same_as);
  CheckpointServer server(GetParam().file, NoiseType::kDiagonal);
  const v1::PredictResponse prediction = server.Predict(Matrix(golden.dim_in, golden.x));
  EXPECT_LE(WorstError(Doubles(prediction.mu()), golden.float64.mu), GetParam().tolerance);
  EXPECT_LE(WorstError(Doubles(prediction.log_pi()), golden.float64.log_pi),
            10 * GetParam().tolerance);
}

INSTANTIATE_TEST_SUITE_P(
    Files, VariantTest,
    testing::Values(Variant{"small_training_checkpoint.pt", "small_diagonal", 1e-5},
                    Variant{"small_data_parallel.pt", "small_diagonal", 1e-5},
                    Variant{"small_whole_module_pickle.pt", "small_diagonal", 1e-5},
                    Variant{"small_legacy_format.pt", "small_diagonal", 1e-5},
                    Variant{"small_float64.pt", "small_diagonal", 1e-5},
                    Variant{"small_strided.pt", "small_diagonal", 1e-5},
                    Variant{"small_float16.pt", "small_diagonal", 1e-2},
                    Variant{"small_bfloat16.pt", "small_diagonal", 1e-1},
                    Variant{"small_torchscript.ts", "small_diagonal", 1e-5},
                    Variant{"small_torch26_torchscript.ts", "small_torch26_diagonal", 1e-5}),
    [](const auto& info) {
      std::string name = info.param.file;
      std::replace(name.begin(), name.end(), '.', '_');
      return name;
    });

/// The samples of the golden rows as bytes, with `strangers` rows after them in the same request.
std::string SamplesWithSeed(CheckpointServer& server, int64_t strangers) {
  std::vector<float> features = ReadGolden("ex_1d").x;
  const size_t bytes = features.size() * kSamples * sizeof(float);
  features.resize(features.size() + strangers, 0.5f);
  v1::SampleRequest request;
  v1::SampleResponse response;
  *request.mutable_x() = Matrix(1, features);
  request.set_num_samples(kSamples);
  request.set_seed(7);
  request.set_encoding(v1::TENSOR_ENCODING_RAW);
  grpc::ClientContext context;
  const grpc::Status status = server.stub().Sample(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_GE(response.samples().raw().size(), bytes);
  return response.samples().raw().substr(0, bytes);
}

TEST(SeedTest, GivesTheSameSamplesInAnyBatchAndOnAnyNumberOfThreads) {
  CheckpointServer one("ex_1d.pt", NoiseType::kDiagonal, 1);
  CheckpointServer four("ex_1d.pt", NoiseType::kDiagonal, 4);
  const std::string alone = SamplesWithSeed(one, 0);
  EXPECT_EQ(SamplesWithSeed(one, 1000), alone);
  for (CheckpointServer* server : {&one, &four}) {
    std::vector<std::future<std::string>> together;
    for (int64_t i = 0; i < 16; ++i) {
      together.push_back(
          std::async(std::launch::async, SamplesWithSeed, std::ref(*server), 37 * i));
    }
    for (auto& samples : together) EXPECT_EQ(samples.get(), alone);
  }
}

}  // namespace
}  // namespace mdn

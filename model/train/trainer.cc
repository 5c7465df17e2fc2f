#include "model/train/trainer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "model/engine/torch/intra_op_threads.h"
#include "model/train/network.h"
#include "model/train/training_identity.h"

namespace mdn {
namespace {

constexpr double kPi = 3.14159265358979323846;
// Rows evaluated at once when no gradient is needed.
constexpr int64_t kEvaluatedRows = 4096;

// Tensors over the rows of a data set, which they do not own.
struct TensorData {
  explicit TensorData(const Dataset& data)
      : x(View(data.x, data.rows, data.dim_in())), y(View(data.y, data.rows, data.dim_out())) {}

  static torch::Tensor View(const std::vector<float>& values, int64_t rows, int64_t columns) {
    return torch::from_blob(const_cast<float*>(values.data()), {rows, columns}, torch::kFloat);
  }

  int64_t rows() const { return x.size(0); }

  const torch::Tensor x, y;
};

// Which rows each step takes: the rows in one random order after another, cut into batches. A
// step's rows follow from its number alone. Confined to one thread.
class BatchOrder {
 public:
  BatchOrder(int64_t rows, int64_t batch_size, uint64_t seed)
      : rows_(rows), batch_size_(batch_size), seed_(seed) {}

  torch::Tensor Rows(int64_t iteration) {
    std::vector<int64_t> indices(batch_size_);
    for (int64_t i = 0; i < batch_size_; ++i) {
      const int64_t position = iteration * batch_size_ + i;
      indices[i] = Order(position / rows_)[position % rows_];
    }
    return torch::tensor(indices, torch::kLong);
  }

 private:
  const std::vector<int64_t>& Order(int64_t epoch) {
    if (epoch != epoch_) order_ = Permutation(rows_, seed_, static_cast<uint64_t>(epoch));
    epoch_ = epoch;
    return order_;
  }

  const int64_t rows_, batch_size_;
  const uint64_t seed_;
  int64_t epoch_ = -1;
  std::vector<int64_t> order_;
};

// Of a step, so that a step's noise follows from its number alone.
at::Generator NoiseGenerator(uint64_t seed, int64_t iteration) {
  constexpr uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;
  return at::make_generator<at::CPUGeneratorImpl>((seed + 1) * kGoldenRatio ^
                                                  static_cast<uint64_t>(iteration));
}

torch::Tensor WithNoise(const torch::Tensor& values, double deviation, at::Generator& generator) {
  if (deviation == 0) return values;
  return values + deviation * torch::randn(values.sizes(), generator, values.options());
}

// Of a network: a file of more would be larger than a server reads.
constexpr double kMostWeights = 1e9;

double CountWeights(const ModelConfig& config) {
  const auto in = static_cast<double>(config.dim_in);
  const auto hidden = static_cast<double>(config.hidden_dim);
  const double out =
      static_cast<double>(config.n_components) +
      static_cast<double>(config.n_components * config.dim_out) +
      static_cast<double>(SigmaChannels(config.noise_type, config.n_components, config.dim_out));
  return 2 * ((in + 1) * hidden + (hidden + 1) * hidden) + (hidden + 1) * out;
}

// LibTorch's errors go on with a backtrace.
std::string FirstLine(const std::exception& error) {
  const std::string text = error.what();
  return absl::StrCat("LibTorch: ", text.substr(0, text.find('\n')));
}

double Unset(const std::optional<double>& value) { return value.value_or(std::nan("")); }

std::optional<double> Set(double value) {
  return std::isnan(value) ? std::nullopt : std::make_optional(value);
}

}  // namespace

class Trainer::Network {
 public:
  Network(const ModelConfig& config, const TrainingOptions& options, Split data)
      : options_(options),
        data_(std::move(data)),
        identity_(TrainingIdentity(config, options, data_)),
        train_(data_.train),
        validation_(data_.validation),
        network_(Seeded(config, options.seed)),
        adam_(network_->parameters(), torch::optim::AdamOptions(options.learning_rate)),
        order_(train_.rows(), BatchSize(), options.seed) {}

  absl::StatusOr<TrainingEnd> Run(const std::function<bool(const TrainingProgress&)>& go_on) {
    while (progress_.iteration < options_.iterations) {
      if (options_.patience > 0 && looks_since_best_ >= options_.patience) {
        return TrainingEnd::kPatience;
      }
      if (absl::Status status = Step(); !status.ok()) return status;
      const bool last = progress_.iteration == options_.iterations;
      if (last || progress_.iteration % options_.validate_every == 0) Validate();
      if (!go_on(progress_)) return TrainingEnd::kStopped;
    }
    return TrainingEnd::kIterations;
  }

  const Split& data() const { return data_; }
  const TrainingProgress& progress() const { return progress_; }

  void SetTensors(const std::map<std::string, Tensor>& tensors) { network_->SetTensors(tensors); }

  std::map<std::string, Tensor> Tensors() const {
    return best_.empty() ? network_->Tensors() : best_;
  }

  double TrainingLoss() const { return MeanLoss(Copy(Tensors()), train_); }

  std::string State() const;
  absl::Status Restore(const std::string& bytes);

 private:
  MixtureDensityNetwork Copy(const std::map<std::string, Tensor>& tensors) const {
    MixtureDensityNetwork network(network_->config());
    network->SetTensors(tensors);
    return network;
  }

  static MixtureDensityNetwork Seeded(const ModelConfig& config, uint64_t seed) {
    torch::manual_seed(seed);
    return MixtureDensityNetwork(config);
  }

  static double MeanLoss(MixtureDensityNetwork network, const TensorData& data) {
    const torch::NoGradGuard no_gradient;
    double sum = 0;
    for (int64_t row = 0; row < data.rows(); row += kEvaluatedRows) {
      const int64_t end = std::min(row + kEvaluatedRows, data.rows());
      sum += network->loss(data.x.slice(0, row, end), data.y.slice(0, row, end))
                 .sum(torch::kDouble)
                 .item<double>();
    }
    return sum / static_cast<double>(data.rows());
  }

  int64_t BatchSize() const {
    return options_.batch_size == 0 ? train_.rows() : std::min(options_.batch_size, train_.rows());
  }

  torch::Tensor BatchLoss() {
    torch::Tensor x = train_.x, y = train_.y;
    if (BatchSize() < train_.rows()) {
      const torch::Tensor rows = order_.Rows(progress_.iteration);
      x = x.index_select(0, rows);
      y = y.index_select(0, rows);
    }
    if (options_.x_noise > 0 || options_.y_noise > 0) {
      at::Generator generator = NoiseGenerator(options_.seed, progress_.iteration);
      x = WithNoise(x, options_.x_noise, generator);
      y = WithNoise(y, options_.y_noise, generator);
    }
    return network_->loss(x, y).mean();
  }

  void SetLearningRate() {
    const double done = static_cast<double>(progress_.iteration) / options_.iterations;
    const double rate = options_.learning_rate * 0.5 * (1 + std::cos(kPi * done));
    for (auto& group : adam_.param_groups()) group.options().set_lr(rate);
  }

  absl::Status Step() {
    SetLearningRate();
    adam_.zero_grad();
    const torch::Tensor loss = BatchLoss();
    loss.backward();
    const double value = loss.item<double>();
    double norm = 0;
    if (options_.max_gradient_norm > 0) {
      norm = torch::nn::utils::clip_grad_norm_(network_->parameters(), options_.max_gradient_norm);
    }
    if (!std::isfinite(value) || std::isnan(norm)) {
      return absl::InternalError(
          absl::StrCat("the loss is no longer finite after ", progress_.iteration,
                       " iterations; a lower learning rate or gradient norm may help"));
    }
    adam_.step();
    ++progress_.iteration;
    progress_.loss = value;
    return absl::OkStatus();
  }

  void Validate() {
    if (validation_.rows() == 0) return;
    const double loss = MeanLoss(network_, validation_);
    progress_.validation_loss = loss;
    ++looks_since_best_;
    if (!std::isfinite(loss) || loss >= progress_.best_validation_loss.value_or(HUGE_VAL)) return;
    looks_since_best_ = 0;
    progress_.best_validation_loss = loss;
    progress_.best_iteration = progress_.iteration;
    best_ = network_->Tensors();
  }

  const TrainingOptions options_;
  const Split data_;
  const std::vector<std::string> identity_;
  const TensorData train_, validation_;
  MixtureDensityNetwork network_;
  torch::optim::Adam adam_;
  BatchOrder order_;
  TrainingProgress progress_;
  int64_t looks_since_best_ = 0;
  std::map<std::string, Tensor> best_;
};

std::string Trainer::Network::State() const {
  torch::serialize::OutputArchive state, network, adam, best;
  state.write("identity", c10::IValue(absl::StrJoin(identity_, "\n")));
  network_->save(network);
  state.write("network", network);
  adam_.save(adam);
  state.write("adam", adam);
  Copy(Tensors())->save(best);
  state.write("best", best);
  const std::vector<double> numbers = {static_cast<double>(progress_.iteration),
                                       progress_.loss,
                                       Unset(progress_.validation_loss),
                                       Unset(progress_.best_validation_loss),
                                       static_cast<double>(progress_.best_iteration),
                                       static_cast<double>(looks_since_best_)};
  state.write("progress", torch::tensor(numbers, torch::kDouble), /*is_buffer=*/true);
  std::ostringstream bytes;
  state.save_to(bytes);
  return bytes.str();
}

absl::Status Trainer::Network::Restore(const std::string& bytes) {
  torch::serialize::InputArchive state, network, adam, best;
  std::istringstream stream(bytes);
  state.load_from(stream);
  c10::IValue identity;
  state.read("identity", identity);
  const std::vector<std::string> saved = absl::StrSplit(identity.toStringRef(), '\n');
  if (absl::Status status = CheckSameTraining(saved, identity_); !status.ok()) return status;
  torch::Tensor numbers;
  state.read("progress", numbers, /*is_buffer=*/true);
  TORCH_CHECK(numbers.scalar_type() == torch::kDouble && numbers.numel() == 6, "no progress");
  state.read("network", network);
  state.read("adam", adam);
  state.read("best", best);
  network_->load(network);
  adam_.load(adam);
  const double* number = numbers.data_ptr<double>();
  progress_ = {static_cast<int64_t>(number[0]), number[1], Set(number[2]), Set(number[3]),
               static_cast<int64_t>(number[4])};
  looks_since_best_ = static_cast<int64_t>(number[5]);
  best_.clear();
  if (progress_.best_validation_loss.has_value()) {
    MixtureDensityNetwork best_network(network_->config());
    best_network->load(best);
    best_ = best_network->Tensors();
  }
  return absl::OkStatus();
}

absl::StatusOr<Trainer> Trainer::Create(const ModelConfig& config, const TrainingOptions& options,
                                        Split data, int threads) {
  if (const double weights = CountWeights(config); weights > kMostWeights) {
    return absl::InvalidArgumentError(
        absl::StrCat(config.n_components, " components and hidden layers of ", config.hidden_dim,
                     " make ", weights, " weights; expected at most ", kMostWeights));
  }
  SetIntraOpThreads(threads);
  try {
    return Trainer(std::make_unique<Network>(config, options, std::move(data)));
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the network does not fit into memory: ", FirstLine(error)));
  }
}

Trainer::Trainer(std::unique_ptr<Network> network) : network_(std::move(network)) {}
Trainer::Trainer(Trainer&&) noexcept = default;
Trainer::~Trainer() = default;

absl::StatusOr<TrainingEnd> Trainer::Run(
    const std::function<bool(const TrainingProgress&)>& go_on) {
  try {
    return network_->Run(go_on);
  } catch (const std::exception& error) {
    return absl::InternalError(FirstLine(error));
  }
}

void Trainer::SetTensors(const std::map<std::string, Tensor>& tensors) {
  network_->SetTensors(tensors);
}

const Split& Trainer::data() const { return network_->data(); }
const TrainingProgress& Trainer::progress() const { return network_->progress(); }
std::map<std::string, Tensor> Trainer::Tensors() const { return network_->Tensors(); }
double Trainer::TrainingLoss() const { return network_->TrainingLoss(); }
std::string Trainer::State() const { return network_->State(); }

absl::Status Trainer::Restore(const std::string& state) {
  try {
    return network_->Restore(state);
  } catch (const std::exception&) {
    return absl::InvalidArgumentError("it is no state of a training, or it is damaged");
  }
}

}  // namespace mdn

#include "model/checkpoint/network_shape.h"

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace mdn {
namespace {

constexpr NoiseType kNoiseTypes[] = {NoiseType::kDiagonal, NoiseType::kIsotropic,
                                     NoiseType::kIsotropicAcrossClusters, NoiseType::kFixed,
                                     NoiseType::kFull};

struct Candidate {
  NoiseType noise_type;
  int64_t dim_out;
};

bool operator==(const Candidate& a, const Candidate& b) {
  return a.noise_type == b.noise_type && a.dim_out == b.dim_out;
}

int64_t Outputs(NoiseType type, int64_t components, int64_t dims) {
  return components * dims + SigmaChannels(type, components, dims);
}

// Outputs grow with the dimensions, so the search ends.
std::optional<int64_t> FindDimOut(NoiseType type, const NetworkShape& shape) {
  int64_t dims = 1;
  while (Outputs(type, shape.n_components, dims) < shape.outputs) ++dims;
  if (Outputs(type, shape.n_components, dims) != shape.outputs) return std::nullopt;
  return dims;
}

bool Allows(const ConfigHints& hints, NoiseType type) {
  if (hints.noise_type.has_value()) return *hints.noise_type == type;
  return !hints.fixed_noise_level.has_value() || type == NoiseType::kFixed;
}

std::vector<Candidate> FindCandidates(const NetworkShape& shape, const ConfigHints& hints) {
  std::vector<Candidate> candidates;
  for (const NoiseType type : kNoiseTypes) {
    const std::optional<int64_t> dims = FindDimOut(type, shape);
    if (!Allows(hints, type) || !dims.has_value()) continue;
    if (hints.dim_out.value_or(*dims) == *dims) candidates.push_back({type, *dims});
  }
  return candidates;
}

// The first noise type that is the same function: with one dimension, diagonal, isotropic and full
// covariances are; with one component, isotropic and isotropic across clusters are.
Candidate Canonical(Candidate candidate, int64_t components) {
  if (components == 1 && candidate.noise_type == NoiseType::kIsotropicAcrossClusters) {
    candidate.noise_type = NoiseType::kIsotropic;
  }
  if (candidate.dim_out == 1 &&
      (candidate.noise_type == NoiseType::kIsotropic || candidate.noise_type == NoiseType::kFull)) {
    candidate.noise_type = NoiseType::kDiagonal;
  }
  return candidate;
}

bool AreTheSame(const std::vector<Candidate>& candidates, int64_t components) {
  for (const Candidate& candidate : candidates) {
    if (!(Canonical(candidate, components) == Canonical(candidates[0], components))) return false;
  }
  return true;
}

std::string DescribeCounts(const NetworkShape& shape) {
  return absl::StrCat(shape.outputs, " outputs of normal_network with ", shape.n_components,
                      " components");
}

// "8, 16, 24, …", or the one number where dim_out is known.
std::string DescribeNeed(NoiseType type, const NetworkShape& shape, const ConfigHints& hints) {
  const auto outputs = [&](int64_t dims) { return Outputs(type, shape.n_components, dims); };
  if (hints.dim_out.has_value()) {
    return absl::StrCat(NoiseTypeName(type), " with dim_out ", *hints.dim_out, " needs ",
                        outputs(*hints.dim_out));
  }
  return absl::StrCat(NoiseTypeName(type), " needs ", outputs(1), ", ", outputs(2), ", ",
                      outputs(3), ", …");
}

absl::Status NoneFits(const NetworkShape& shape, const ConfigHints& hints) {
  std::vector<std::string> needs;
  for (const NoiseType type : kNoiseTypes) {
    if (Allows(hints, type)) needs.push_back(DescribeNeed(type, shape, hints));
  }
  std::string said;
  if (!hints.origin.empty()) said = absl::StrCat(" (configured by ", hints.origin, ")");
  return absl::InvalidArgumentError(
      absl::StrCat(DescribeCounts(shape), " do not fit", said, ": ", absl::StrJoin(needs, "; ")));
}

absl::Status SeveralFit(const std::vector<Candidate>& candidates, const NetworkShape& shape,
                        const std::string& path) {
  std::vector<std::string> named;
  named.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    named.push_back(
        absl::StrCat(NoiseTypeName(candidate.noise_type), " with dim_out ", candidate.dim_out));
  }
  const std::string last = named.back();
  named.pop_back();
  return absl::InvalidArgumentError(
      absl::StrCat(DescribeCounts(shape), " can be ", absl::StrJoin(named, ", "), " or ", last,
                   "; say which with noise_type in ", path, ".json or with --noise_type"));
}

absl::Status CheckHint(const char* key, const std::optional<int64_t>& hint, int64_t actual,
                       const std::string& origin) {
  if (!hint.has_value() || *hint == actual) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(key, " is ", *hint, " by ", origin, ", but ", actual, " by the tensors"));
}

absl::Status CheckHints(const NetworkShape& shape, const ConfigHints& hints) {
  absl::Status status = CheckHint("dim_in", hints.dim_in, shape.dim_in, hints.origin);
  status.Update(CheckHint("hidden_dim", hints.hidden_dim, shape.hidden_dim, hints.origin));
  status.Update(CheckHint("n_components", hints.n_components, shape.n_components, hints.origin));
  return status;
}

absl::Status CheckFixedNoiseLevel(const ConfigHints& hints, NoiseType type,
                                  const std::string& path) {
  const bool fixed = type == NoiseType::kFixed;
  if (fixed == hints.fixed_noise_level.has_value()) return absl::OkStatus();
  if (fixed) {
    return absl::InvalidArgumentError(
        absl::StrCat("noise_type fixed needs a fixed_noise_level, in ", path,
                     ".json or with --fixed_noise_level"));
  }
  return absl::InvalidArgumentError(absl::StrCat("fixed_noise_level is ", *hints.fixed_noise_level,
                                                 ", but noise_type is ", NoiseTypeName(type),
                                                 " (configured by ", hints.origin, ")"));
}

// Compares each tensor with what the named four say; the first difference sticks.
class ShapeCheck {
 public:
  explicit ShapeCheck(const std::map<std::string, StoredTensor>& tensors) : tensors_(tensors) {}

  int64_t Dimension(const std::string& name, size_t rank, size_t index) {
    const std::vector<int64_t>& shape = tensors_.at(name).shape;
    if (shape.size() == rank && shape[index] > 0 && shape[index] <= kMaxDimension) {
      return shape[index];
    }
    Fail(name,
         absl::StrCat(rank == 2 ? "[outputs, inputs]" : "[outputs]", " of 1 to ", kMaxDimension));
    return 1;
  }

  void ExpectLayer(const std::string& layer, int64_t outputs, int64_t inputs) {
    Expect(absl::StrCat(layer, ".weight"), {outputs, inputs});
    Expect(absl::StrCat(layer, ".bias"), {outputs});
  }

  const absl::Status& status() const { return status_; }

 private:
  void Expect(const std::string& name, const std::vector<int64_t>& expected) {
    if (tensors_.at(name).shape != expected) Fail(name, ShapeText(expected));
  }

  void Fail(const std::string& name, const std::string& expected) {
    status_.Update(absl::InvalidArgumentError(absl::StrCat(
        name, " has shape ", ShapeText(tensors_.at(name).shape), ", expected ", expected)));
  }

  const std::map<std::string, StoredTensor>& tensors_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<NetworkShape> CheckNetworkShape(const std::map<std::string, StoredTensor>& tensors) {
  ShapeCheck check(tensors);
  NetworkShape shape;
  shape.hidden_dim = check.Dimension("pi_network.0.weight", 2, 0);
  shape.dim_in = check.Dimension("pi_network.0.weight", 2, 1);
  shape.n_components = check.Dimension("pi_network.4.bias", 1, 0);
  shape.outputs = check.Dimension("normal_network.4.bias", 1, 0);
  check.ExpectLayer("pi_network.0", shape.hidden_dim, shape.dim_in);
  check.ExpectLayer("pi_network.2", shape.hidden_dim, shape.hidden_dim);
  check.ExpectLayer("pi_network.4", shape.n_components, shape.hidden_dim);
  check.ExpectLayer("normal_network.0", shape.hidden_dim, shape.dim_in);
  check.ExpectLayer("normal_network.2", shape.hidden_dim, shape.hidden_dim);
  check.ExpectLayer("normal_network.4", shape.outputs, shape.hidden_dim);
  if (!check.status().ok()) return check.status();
  return shape;
}

absl::StatusOr<ModelConfig> InferConfig(const NetworkShape& shape, const ConfigHints& hints,
                                        const std::string& path) {
  const absl::StatusOr<ModelConfig> said = ConfigFromHints(hints);
  if (!said.ok()) return said.status();
  const absl::Status contradiction = CheckHints(shape, hints);
  if (!contradiction.ok()) return contradiction;
  const std::vector<Candidate> candidates = FindCandidates(shape, hints);
  if (candidates.empty()) return NoneFits(shape, hints);
  if (!AreTheSame(candidates, shape.n_components)) return SeveralFit(candidates, shape, path);

  ConfigHints complete = hints;
  complete.dim_in = shape.dim_in;
  complete.hidden_dim = shape.hidden_dim;
  complete.n_components = shape.n_components;
  complete.dim_out = candidates[0].dim_out;
  complete.noise_type = candidates[0].noise_type;
  const absl::Status level = CheckFixedNoiseLevel(hints, *complete.noise_type, path);
  if (!level.ok()) return level;
  return ConfigFromHints(complete);
}

}  // namespace mdn

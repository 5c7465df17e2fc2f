#include "model/train/training_identity.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace mdn {
namespace {

// Begins the line that stands for the rows.
constexpr absl::string_view kRows = "rows ";

// FNV-1a, to tell data from other data.
uint64_t Digest(const std::vector<float>& values, uint64_t digest) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
  for (size_t i = 0; i < values.size() * sizeof(float); ++i) {
    digest = (digest ^ bytes[i]) * 0x100000001B3;
  }
  return digest;
}

std::string RowsLine(const Split& data) {
  uint64_t digest = 0xCBF29CE484222325;
  for (const auto* values :
       {&data.train.x, &data.train.y, &data.validation.x, &data.validation.y}) {
    digest = Digest(*values, digest);
  }
  return absl::StrCat(kRows, absl::Hex(digest));
}

bool IsScaling(absl::string_view key) {
  return absl::EndsWith(key, "_shift") || absl::EndsWith(key, "_scale");
}

}  // namespace

std::vector<std::string> TrainingIdentity(const ModelConfig& config, const TrainingOptions& options,
                                          const Split& data) {
  std::vector<std::string> lines = {absl::StrCat("seed ", options.seed),
                                    absl::StrCat("batch_size ", options.batch_size),
                                    absl::StrCat("learning_rate ", options.learning_rate),
                                    absl::StrCat("max_gradient_norm ", options.max_gradient_norm),
                                    absl::StrCat("x_noise ", options.x_noise),
                                    absl::StrCat("y_noise ", options.y_noise)};
  std::vector<std::string> scaling;
  for (const auto& [key, value] : ConfigMetadata(config)) {
    if (key == "source") continue;
    (IsScaling(key) ? scaling : lines).push_back(absl::StrCat(key, " ", value));
  }
  lines.push_back(RowsLine(data));
  lines.insert(lines.end(), scaling.begin(), scaling.end());
  return lines;
}

absl::Status CheckSameTraining(const std::vector<std::string>& saved,
                               const std::vector<std::string>& now) {
  const auto [theirs, ours] = std::mismatch(saved.begin(), saved.end(), now.begin(), now.end());
  if (theirs == saved.end() && ours == now.end()) return absl::OkStatus();
  const std::string was = theirs == saved.end() ? "less to it" : *theirs;
  const std::string is = ours == now.end() ? "less to it" : *ours;
  if (absl::StartsWith(was, kRows) && absl::StartsWith(is, kRows)) {
    return absl::InvalidArgumentError(
        "it is of a training on other rows, or on the same split or standardised otherwise");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("it is of a training with ", was, "; this one has ", is));
}

}  // namespace mdn

#include "model/mixture/noise_model.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

namespace mdn {
namespace {

constexpr NoiseType kNoiseTypes[] = {NoiseType::kDiagonal, NoiseType::kIsotropic,
                                     NoiseType::kIsotropicAcrossClusters, NoiseType::kFixed,
                                     NoiseType::kFull};
constexpr IsotropicLayout kIsotropicLayouts[] = {IsotropicLayout::kPerComponent,
                                                 IsotropicLayout::kTiled};

int64_t TriangleSize(int64_t dims) { return dims * (dims + 1) / 2; }

int64_t ChannelOf(const MixtureHead::Options& options, int64_t component, int64_t dim) {
  const int64_t scale = component * options.dims + dim;
  switch (options.noise_type) {
    case NoiseType::kIsotropic:
      return options.isotropic_layout == IsotropicLayout::kTiled ? scale % options.components
                                                                 : component;
    case NoiseType::kIsotropicAcrossClusters:
      return 0;
    default:
      return scale;
  }
}

// Computed in double because the density and the draws build on it.
void LogSoftmax(absl::Span<const float> logits, float* log_pi) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit - highest);
  const double log_sum = std::log(sum);
  for (const double logit : logits) *log_pi++ = static_cast<float>(logit - highest - log_sum);
}

}  // namespace

absl::string_view NoiseTypeName(NoiseType type) {
  switch (type) {
    case NoiseType::kDiagonal:
      return "diagonal";
    case NoiseType::kIsotropic:
      return "isotropic";
    case NoiseType::kIsotropicAcrossClusters:
      return "isotropic_across_clusters";
    case NoiseType::kFixed:
      return "fixed";
    case NoiseType::kFull:
      return "full";
  }
  return "";
}

std::optional<NoiseType> ParseNoiseType(absl::string_view name) {
  for (const NoiseType type : kNoiseTypes) {
    if (name == NoiseTypeName(type)) return type;
  }
  return std::nullopt;
}

absl::string_view IsotropicLayoutName(IsotropicLayout layout) {
  switch (layout) {
    case IsotropicLayout::kPerComponent:
      return "per_component";
    case IsotropicLayout::kTiled:
      return "tiled";
  }
  return "";
}

std::optional<IsotropicLayout> ParseIsotropicLayout(absl::string_view name) {
  for (const IsotropicLayout layout : kIsotropicLayouts) {
    if (name == IsotropicLayoutName(layout)) return layout;
  }
  return std::nullopt;
}

int64_t SigmaChannels(NoiseType type, int64_t components, int64_t dims) {
  switch (type) {
    case NoiseType::kDiagonal:
      return components * dims;
    case NoiseType::kIsotropic:
      return components;
    case NoiseType::kIsotropicAcrossClusters:
      return 1;
    case NoiseType::kFixed:
      return 0;
    case NoiseType::kFull:
      return components * TriangleSize(dims);
  }
  return 0;
}

MixtureHead::MixtureHead(Options options) : options_(std::move(options)) {
  assert(options_.components > 0 && options_.dims > 0);
  if (options_.y_shift.empty()) options_.y_shift.assign(options_.dims, 0.0);
  if (options_.y_scale.empty()) options_.y_scale.assign(options_.dims, 1.0);
  assert(options_.y_shift.size() == options_.dims && options_.y_scale.size() == options_.dims);

  log_fixed_noise_level_ =
      options_.noise_type == NoiseType::kFixed ? std::log(options_.fixed_noise_level) : 0;
  for (const double scale : options_.y_scale) log_y_scale_.push_back(std::log(scale));
  for (int64_t k = 0; k < options_.components; ++k) {
    for (int64_t d = 0; d < options_.dims; ++d)
      channel_of_scale_.push_back(ChannelOf(options_, k, d));
  }
}

MixtureShape MixtureHead::shape() const {
  return {options_.components, options_.dims, options_.noise_type == NoiseType::kFull};
}

int64_t MixtureHead::normal_channels() const {
  return options_.components * options_.dims +
         SigmaChannels(options_.noise_type, options_.components, options_.dims);
}

void MixtureHead::Assemble(absl::Span<const float> logits, absl::Span<const float> raw,
                           int64_t rows, Mixture& mixture) const {
  const int64_t components = options_.components;
  const int64_t channels = normal_channels();
  const int64_t means = components * options_.dims;
  assert(logits.size() == rows * components && raw.size() == rows * channels);
  mixture.Resize(shape(), rows);
  for (int64_t row = 0; row < rows; ++row) {
    LogSoftmax(logits.subspan(row * components, components), &mixture.log_pi[row * components]);
    const absl::Span<const float> raw_row = raw.subspan(row * channels, channels);
    AssembleMeans(raw_row.first(means), row, mixture);
    const absl::Span<const float> raw_sigma = raw_row.subspan(means);
    switch (options_.noise_type) {
      case NoiseType::kFixed:
        AssembleFixedScales(row, mixture);
        break;
      case NoiseType::kFull:
        AssembleTriangles(raw_sigma, row, mixture);
        break;
      default:
        AssembleScales(raw_sigma, row, mixture);
    }
  }
}

void MixtureHead::AssembleMeans(absl::Span<const float> raw_mu, int64_t row,
                                Mixture& mixture) const {
  float* mu = &mixture.mu[row * raw_mu.size()];
  const float* raw = raw_mu.data();
  for (int64_t k = 0; k < options_.components; ++k) {
    for (int64_t d = 0; d < options_.dims; ++d) {
      *mu++ = static_cast<float>(options_.y_shift[d] + options_.y_scale[d] * *raw++);
    }
  }
}

void MixtureHead::AssembleScales(absl::Span<const float> raw_sigma, int64_t row,
                                 Mixture& mixture) const {
  const int64_t offset = row * options_.components * options_.dims;
  float* sigma = &mixture.sigma[offset];
  float* log_scale = &mixture.log_scale[offset];
  const int64_t* channel = channel_of_scale_.data();
  for (int64_t k = 0; k < options_.components; ++k) {
    for (int64_t d = 0; d < options_.dims; ++d) {
      const double log_sigma = raw_sigma[*channel++] + kScaleEpsilon;
      *log_scale++ = static_cast<float>(log_sigma + log_y_scale_[d]);
      *sigma++ = static_cast<float>(std::exp(log_sigma) * options_.y_scale[d]);
    }
  }
}

void MixtureHead::AssembleFixedScales(int64_t row, Mixture& mixture) const {
  const int64_t offset = row * options_.components * options_.dims;
  float* sigma = &mixture.sigma[offset];
  float* log_scale = &mixture.log_scale[offset];
  for (int64_t k = 0; k < options_.components; ++k) {
    for (int64_t d = 0; d < options_.dims; ++d) {
      *log_scale++ = static_cast<float>(log_fixed_noise_level_ + log_y_scale_[d]);
      *sigma++ = static_cast<float>(options_.fixed_noise_level * options_.y_scale[d]);
    }
  }
}

void MixtureHead::AssembleTriangles(absl::Span<const float> raw_sigma, int64_t row,
                                    Mixture& mixture) const {
  const int64_t dims = options_.dims;
  const int64_t offset = row * options_.components * dims;
  float* sigma = &mixture.sigma[offset];
  float* log_scale = &mixture.log_scale[offset];
  float* scale_tril = &mixture.scale_tril[offset * dims];
  const float* raw = raw_sigma.data();
  for (int64_t k = 0; k < options_.components; ++k) {
    for (int64_t d = 0; d < dims; ++d) {
      const double y_scale = options_.y_scale[d];
      double variance = 0;
      for (int64_t j = 0; j < d; ++j) {
        const double entry = *raw++;
        variance += entry * entry;
        scale_tril[j] = static_cast<float>(y_scale * entry);
      }
      const double log_diagonal = *raw++ + kScaleEpsilon;
      const double diagonal = std::exp(log_diagonal);
      variance += diagonal * diagonal;
      scale_tril[d] = static_cast<float>(y_scale * diagonal);
      std::fill(scale_tril + d + 1, scale_tril + dims, 0.0f);
      scale_tril += dims;
      *sigma++ = static_cast<float>(y_scale * std::sqrt(variance));
      *log_scale++ = static_cast<float>(log_diagonal + log_y_scale_[d]);
    }
  }
}

}  // namespace mdn

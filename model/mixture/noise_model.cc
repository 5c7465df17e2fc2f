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
    case NoiseType::kFull:
      return component * TriangleSize(options.dims) + dim * (dim + 3) / 2;
    default:
      return scale;
  }
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
  changes_units_ = !(options_.y_shift.empty() && options_.y_scale.empty());
  if (options_.y_shift.empty()) options_.y_shift.assign(options_.dims, 0.0);
  if (options_.y_scale.empty()) options_.y_scale.assign(options_.dims, 1.0);
  assert(options_.y_shift.size() == options_.dims && options_.y_scale.size() == options_.dims);

  if (options_.noise_type == NoiseType::kFixed) {
    log_fixed_noise_level_ = std::log(options_.fixed_noise_level);
  }
  for (int64_t k = 0; k < options_.components; ++k) {
    for (int64_t d = 0; d < options_.dims; ++d) {
      shift_.push_back(options_.y_shift[d]);
      scale_.push_back(options_.y_scale[d]);
      log_scale_.push_back(std::log(options_.y_scale[d]));
      channel_of_scale_.push_back(ChannelOf(options_, k, d));
    }
  }
}

MixtureShape MixtureHead::shape() const {
  return {options_.components, options_.dims, options_.noise_type == NoiseType::kFull};
}

int64_t MixtureHead::normal_channels() const {
  return options_.components * options_.dims +
         SigmaChannels(options_.noise_type, options_.components, options_.dims);
}

}  // namespace mdn

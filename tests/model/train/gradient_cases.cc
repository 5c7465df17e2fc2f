#include "tests/model/train/gradient_cases.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

using nlohmann::json;

Tensor ToTensor(const json& value) {
  return {value["shape"].get<std::vector<int64_t>>(), value["values"].get<std::vector<float>>()};
}

std::map<std::string, std::vector<double>> ToNumbers(const json& named) {
  std::map<std::string, std::vector<double>> numbers;
  for (const auto& [name, value] : named.items())
    numbers[name] = value["values"].get<std::vector<double>>();
  return numbers;
}

GradientCase ToCase(const json& value) {
  GradientCase golden;
  golden.config.dim_in = value["dim_in"];
  golden.config.dim_out = value["dim_out"];
  golden.config.n_components = value["n_components"];
  golden.config.hidden_dim = value["hidden_dim"];
  golden.config.noise_type = *ParseNoiseType(value["noise_type"].get<std::string>());
  if (!value["isotropic_layout"].is_null()) {
    golden.config.isotropic_layout =
        *ParseIsotropicLayout(value["isotropic_layout"].get<std::string>());
  }
  if (!value["fixed_noise_level"].is_null()) {
    golden.config.fixed_noise_level = value["fixed_noise_level"];
  }
  for (const auto& [name, tensor] : value["tensors"].items()) {
    golden.tensors[name] = ToTensor(tensor);
  }
  golden.x = ToTensor(value["x"]);
  golden.y = ToTensor(value["y"]);
  golden.loss = value["loss"]["values"].get<std::vector<double>>();
  golden.gradients = ToNumbers(value["gradients"]);
  golden.gradients_float32 = ToNumbers(value["gradients_float32"]);
  return golden;
}

}  // namespace

std::vector<GradientCase> GradientCases() {
  std::ifstream file(MDN_TEST_DATA "/gradients.json");
  const json all = json::parse(file);
  std::vector<GradientCase> cases;
  for (const json& value : all) cases.push_back(ToCase(value));
  return cases;
}

std::string NameOf(const GradientCase& golden) {
  const ModelConfig& config = golden.config;
  const bool is_isotropic = config.noise_type == NoiseType::kIsotropic;
  return absl::StrCat(
      NoiseTypeName(config.noise_type),
      is_isotropic ? absl::StrCat("_", IsotropicLayoutName(config.isotropic_layout)) : "", "_",
      config.n_components, "_", config.dim_out);
}

void PrintTo(const GradientCase& golden, std::ostream* out) { *out << NameOf(golden); }

}  // namespace mdn

#include "tests/support/golden.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace mdn {
namespace {

using Shape = std::vector<int64_t>;

template <typename T>
std::vector<T> ReadArray(const nlohmann::json& array, const Shape& shape) {
  if (array.at("shape").get<Shape>() != shape) {
    throw std::runtime_error("golden array of shape " + array.at("shape").dump() + ", expected " +
                             nlohmann::json(shape).dump());
  }
  auto values = array.at("values").get<std::vector<T>>();
  int64_t size = 1;
  for (const int64_t extent : shape) size *= extent;
  if (static_cast<int64_t>(values.size()) != size) {
    throw std::runtime_error("golden array with " + std::to_string(values.size()) +
                             " values, expected " + std::to_string(size));
  }
  return values;
}

GoldenCase::Numbers ReadNumbers(const nlohmann::json& numbers, const GoldenCase& golden) {
  const Shape components = {golden.rows, golden.n_components};
  const Shape dimensions = {golden.rows, golden.n_components, golden.dim_out};
  return {ReadArray<double>(numbers.at("log_pi"), components),
          ReadArray<double>(numbers.at("mu"), dimensions),
          ReadArray<double>(numbers.at("sigma"), dimensions),
          ReadArray<double>(numbers.at("loss"), {golden.rows})};
}

}  // namespace

GoldenCase ReadGolden(const std::string& name) {
  const std::string path = std::string(MDN_TEST_DATA) + "/" + name + ".json";
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open " + path);
  const nlohmann::json json = nlohmann::json::parse(file);

  GoldenCase golden;
  golden.name = name;
  json.at("checkpoint").get_to(golden.checkpoint);
  json.at("noise_type").get_to(golden.noise_type);
  const auto& level = json.at("fixed_noise_level");
  if (!level.is_null()) level.get_to(golden.fixed_noise_level);
  json.at("dim_in").get_to(golden.dim_in);
  json.at("dim_out").get_to(golden.dim_out);
  json.at("n_components").get_to(golden.n_components);
  json.at("hidden_dim").get_to(golden.hidden_dim);
  json.at("x").at("shape").at(0).get_to(golden.rows);
  golden.x = ReadArray<float>(json.at("x"), {golden.rows, golden.dim_in});
  golden.y = ReadArray<float>(json.at("y"), {golden.rows, golden.dim_out});
  golden.float32 = ReadNumbers(json.at("float32"), golden);
  golden.float64 = ReadNumbers(json.at("float64"), golden);
  return golden;
}

}  // namespace mdn

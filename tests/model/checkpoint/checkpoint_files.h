#ifndef MDN_TESTS_MODEL_CHECKPOINT_CHECKPOINT_FILES_H_
#define MDN_TESTS_MODEL_CHECKPOINT_CHECKPOINT_FILES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/checkpoint/checkpoint.h"
#include "tests/support/temporary_directory.h"

namespace mdn {

/// The path of a golden file, and the file.
std::string GoldenPath(const std::string& name);
std::string ReadFile(const std::string& path);
/// Of every checkpoint, sound and broken, among the golden files.
std::vector<std::string> GoldenNames();

/// Options whose flags say the noise type, as an operator would for a bare state dict.
LoadOptions WithNoiseType(NoiseType type);

/// A zip archive with these records.
std::string ZipOf(const std::map<std::string, std::string>& records, bool compressed = false);
/// As torch.save writes it, folder "net".
std::string TorchArchive(const std::string& pickle, const std::map<std::string, std::string>& data);

/// A safetensors file of any header and data.
std::string SafetensorsFile(absl::string_view header, absl::string_view data);
/// A sound one, float32. The metadata's values are JSON, or texts without quotes.
std::string SafetensorsOf(const std::map<std::string, Tensor>& tensors,
                          const std::map<std::string, std::string>& metadata);

/// Tensors of a standard network, all numbers different.
std::map<std::string, Tensor> NetworkOf(int64_t dim_in, int64_t hidden, int64_t components,
                                        int64_t outputs);

/// The bytes of float32 numbers.
std::string FloatBytes(const std::vector<float>& values);

}  // namespace mdn

#endif  // MDN_TESTS_MODEL_CHECKPOINT_CHECKPOINT_FILES_H_

#ifndef MDN_SERVER_RPC_TENSOR_CODEC_H_
#define MDN_SERVER_RPC_TENSOR_CODEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "mdn/v1/mdn.pb.h"

namespace mdn {

/// "[7, 3]".
std::string ShapeText(absl::Span<const int64_t> shape);

/// The product of `shape`. INVALID_ARGUMENT, naming `field`: a negative dimension, a product beyond
/// int64, or more than 32 dimensions.
absl::StatusOr<int64_t> ElementCount(absl::string_view field, absl::Span<const int64_t> shape);

/// A request's tensor whose element count agrees with its shape and whose numbers are all finite.
/// Views the message where it can; the message must outlive it. Movable.
class TensorReader {
 public:
  TensorReader(TensorReader&&) = default;
  TensorReader& operator=(TensorReader&&) = default;
  /// `field` names the tensor in errors. INVALID_ARGUMENT: see ElementCount; also both or neither
  /// of values and raw, a size that does not fit, a number that is not finite.
  static absl::StatusOr<TensorReader> Read(absl::string_view field, const v1::Tensor& tensor);

  absl::Span<const int64_t> shape() const { return shape_; }
  absl::Span<const float> values() const { return values_; }

 private:
  TensorReader() = default;

  absl::Span<const int64_t> shape_;
  absl::Span<const float> values_;
  std::vector<float> decoded_;
};

/// VALUES or RAW: what the request asks for, or how its x came. INVALID_ARGUMENT: no such encoding.
absl::StatusOr<v1::TensorEncoding> ResponseEncoding(v1::TensorEncoding requested,
                                                    const v1::Tensor& x);

}  // namespace mdn

#endif  // MDN_SERVER_RPC_TENSOR_CODEC_H_

#ifndef MDN_CLIENT_TOOL_GNUPLOT_H_
#define MDN_CLIENT_TOOL_GNUPLOT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/tool/figure.h"

namespace mdn::tool {

enum class PictureFormat { kPng, kSvg };

struct PictureOptions {
  PictureFormat format = PictureFormat::kPng;
  /// Pixels.
  int width = 0;
  int height = 0;
};

/// The program for gnuplot that draws the figure to standard output. Holds every number and text;
/// texts cannot end what quotes them.
std::string GnuplotScript(const Figure& figure, const PictureOptions& options);

/// Runs gnuplot on a script, for at most a minute; what it drew. FAILED_PRECONDITION: it is not
/// installed. INTERNAL: it failed; with the first line that it said. DEADLINE_EXCEEDED.
absl::StatusOr<std::string> RunGnuplot(const std::string& script);

}  // namespace mdn::tool

#endif  // MDN_CLIENT_TOOL_GNUPLOT_H_

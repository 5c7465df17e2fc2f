#include "client/tool/address.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace mdn::tool {
namespace {

bool IsSocket(absl::string_view address) {
  return (absl::ConsumePrefix(&address, "unix:") ||
          absl::ConsumePrefix(&address, "unix-abstract:")) &&
         !address.empty();
}

/// The host and port; empty if there is an authority, but no host after it.
absl::string_view WithoutScheme(absl::string_view address) {
  if (absl::ConsumePrefix(&address, "ipv4:") || absl::ConsumePrefix(&address, "ipv6:")) {
    return address;
  }
  if (!absl::ConsumePrefix(&address, "dns:") || !absl::ConsumePrefix(&address, "//")) {
    return address;
  }
  const size_t slash = address.find('/');
  return slash == absl::string_view::npos ? "" : address.substr(slash + 1);
}

bool IsHost(absl::string_view host) {
  // In brackets gRPC takes only what has a colon.
  const bool is_ipv6 =
      absl::StartsWith(host, "[") && absl::EndsWith(host, "]") && absl::StrContains(host, ':');
  if (is_ipv6) host = host.substr(1, host.size() - 2);
  const auto is_foreign = [is_ipv6](unsigned char c) {
    return !absl::ascii_isgraph(c) || absl::StrContains("[]/", static_cast<char>(c)) ||
           (c == ':' && !is_ipv6);
  };
  return !host.empty() && std::none_of(host.begin(), host.end(), is_foreign);
}

bool IsPort(absl::string_view port) {
  int number = 0;
  return std::all_of(port.begin(), port.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(port, &number) && number > 0 && number <= 65535;
}

}  // namespace

absl::Status CheckAddress(absl::string_view address) {
  if (IsSocket(address)) return absl::OkStatus();
  const absl::string_view place = WithoutScheme(address);
  const size_t colon = place.rfind(':');
  if (colon != absl::string_view::npos && IsHost(place.substr(0, colon)) &&
      IsPort(place.substr(colon + 1))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("got '", address,
                   "'; expected HOST:PORT or [IPV6]:PORT with a port from 1 to 65535, unix:PATH or "
                   "dns:///HOST:PORT"));
}

}  // namespace mdn::tool

#include "client/tool/address.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace mdn::tool {
namespace {

TEST(AddressTest, TakesHostsAndSocketsWithAndWithoutAScheme) {
  for (const char* address :
       {"localhost:1", "127.0.0.1:65535", "a-b.c_d:050", "[::1]:50051", "[fe80::1%eth0]:1",
        "ipv4:127.0.0.1:1", "ipv6:[::1]:1", "dns:h:1", "dns:///h:1", "dns:///[::1]:1",
        "dns://8.8.8.8/h:1", "dns://8.8.8.8:53/h:1", "unix:/tmp/a b:c", "unix:relative",
        "unix:///tmp/socket", "unix-abstract:name"}) {
    EXPECT_EQ(CheckAddress(address), absl::OkStatus());
  }
}

TEST(AddressTest, RefusesOthers) {
  for (const char* address : {"",
                              "127.0.0.1",
                              "127.0.0.1:99999",
                              "127.0.0.1:0",
                              "127.0.0.1:",
                              "localhost:abc",
                              ":50051",
                              "unix:",
                              "unix-abstract:",
                              "::1",
                              "[::1",
                              ":::1",
                              "[::1]",
                              "::1:50051",
                              "[::1:50051",
                              "[]:1",
                              "[localhost]:1",
                              "[[::1]]:1",
                              "http://h:1",
                              "h/path:1",
                              "xds:///h:1",
                              "localhost:+1",
                              "localhost:-1",
                              "localhost: 1",
                              "localhost:1 ",
                              " localhost:1",
                              "local host:1",
                              "localhost:18446744073709551617",
                              "ipv4::1",
                              "ipv6:::1:1",
                              "dns://h:1",
                              "dns:///h",
                              "dns:///:1"}) {
    EXPECT_EQ(CheckAddress(address),
              absl::InvalidArgumentError(absl::StrCat(
                  "got '", address,
                  "'; expected HOST:PORT or [IPV6]:PORT with a port from 1 to 65535, unix:PATH or "
                  "dns:///HOST:PORT")));
  }
}

}  // namespace
}  // namespace mdn::tool

#include <mdn/client.h>

#include <cstdio>
#include <string>

/// Calls a server that does not exist, at the socket named by the argument.
int main(int argc, char** argv) {
  if (argc != 2) return 2;
  mdn::ClientOptions options;
  options.servers = {std::string("unix:") + argv[1]};
  const mdn::Client client(options);
  const absl::StatusOr<mdn::Prediction> prediction = client.Predict({{}, {{1, 1}, {0.5f}}});
  std::puts(absl::IsUnavailable(prediction.status()) ? "OK" : "unexpected");
}

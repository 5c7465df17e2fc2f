#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "mdn/v1/mdn.grpc.pb.h"
#include "tests/support/child_process.h"
#include "tests/support/connected_channel.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

const char kScript[] = MDN_TEST_DATA "/small_torchscript.ts";

/// Asks for the mixture of one row of zeros.
grpc::Status Predict(const std::string& address, int64_t dim_in) {
  const auto stub = v1::MdnService::NewStub(ConnectedChannel(address));
  v1::PredictRequest request;
  request.mutable_x()->add_shape(dim_in);
  request.mutable_x()->mutable_values()->Resize(static_cast<int>(dim_in), 0.0f);
  v1::PredictResponse response;
  grpc::ClientContext context;
  return stub->Predict(&context, request, &response);
}

/// The files that are mapped into a process's memory.
std::string MappedFiles(const ChildProcess& process) {
  std::ifstream maps("/proc/" + std::to_string(process.id()) + "/maps");
  return std::string(std::istreambuf_iterator<char>(maps), {});
}

TEST(LightProcessTest, LibTorchIsNotInAServerOfANativeModel) {
  const ServerProcess server("ex_1d.pt");
  ASSERT_TRUE(Predict(server.address(), 1).ok());
  EXPECT_THAT(MappedFiles(server),
              AllOf(HasSubstr("/mdn_server"),
                    Not(ContainsRegex("lib(mdn_torch|torch|c10|openblas|blas|gomp)"))));
}

TEST(LightProcessTest, AnIdleServerOfANativeModelIsSmall) {
  const ServerProcess server("ex_1d.pt");
  ASSERT_TRUE(Predict(server.address(), 1).ok());
  EXPECT_LT(server.resident_bytes(), 64'000'000);
}

TEST(LightProcessTest, TorchScriptIsServedThroughTheModule) {
  const ServerProcess server("small_torchscript.ts");
  const grpc::Status status = Predict(server.address(), 3);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(MappedFiles(server),
              AllOf(HasSubstr("/lib/mdn/libmdn_torch_engine.so"), HasSubstr("libtorch_cpu.so")));
}

TEST(LightProcessTest, WithoutTheModuleTorchScriptEndsWith69AndSaysWhatToInstall) {
  const TemporaryDirectory directory;
  const std::filesystem::path program = directory.Path("bin/mdn_server");
  std::filesystem::create_directories(program.parent_path());
  std::filesystem::copy_file(MDN_SERVER_PROGRAM, program);
  ChildProcess process({program, std::string("--model=") + kScript, "--listen=127.0.0.1:0"});
  EXPECT_EQ(process.ReadLine(), "");
  EXPECT_EQ(process.Wait(), 69);
  EXPECT_EQ(process.errors(), std::string("mdn_server: ") + kScript +
                                  ": the model needs LibTorch, whose module " + directory.path() +
                                  "/lib/mdn/libmdn_torch_engine.so" +
                                  " is not installed; use the image flavour 'torch', or build with "
                                  "-DMDN_TORCH=ON and install its component mdn_torch\n");
}

TEST(LightProcessTest, TorchScriptForTheNativeEngineEndsWith65) {
  ChildProcess process({MDN_SERVER_PROGRAM, std::string("--model=") + kScript, "--engine=native"});
  EXPECT_EQ(process.Wait(), 65);
  EXPECT_THAT(process.errors(), HasSubstr("a TorchScript archive needs the torch engine"));
}

}  // namespace
}  // namespace mdn

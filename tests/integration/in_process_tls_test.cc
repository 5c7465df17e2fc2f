// TLS where the sanitizers see the server's side of it.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <utility>

#include "tests/integration/fake_model_server.h"
#include "tests/support/certificates.h"

namespace mdn {
namespace {

class InProcessTlsTest : public testing::Test {
 protected:
  InProcessTlsTest() {
    auto identity = Reloaded<TlsIdentity>::Load("the certificate", [this] {
      return TlsIdentity{pem_.certificate, pem_.key, ""};
    });
    identity_ = *std::move(identity);
    FakeModelServer::Options options;
    options.server.tls = identity_;
    server_ = std::make_unique<FakeModelServer>(std::move(options));
  }

  /// A connection of its own, which trusts the authority.
  std::unique_ptr<v1::MdnService::Stub> Connect(const CertificateAuthority& authority) const {
    grpc::SslCredentialsOptions trust;
    trust.pem_root_certs = authority.certificate();
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return v1::MdnService::NewStub(
        grpc::CreateCustomChannel(server_->address(), grpc::SslCredentials(trust), arguments));
  }
  static grpc::StatusCode Call(v1::MdnService::Stub& stub) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    v1::PredictRequest request;
    *request.mutable_x() = Column({1});
    v1::PredictResponse response;
    return stub.Predict(&context, request, &response).error_code();
  }

  const CertificateAuthority authority_, next_authority_;
  Pem pem_ = authority_.Issue();
  std::shared_ptr<Reloaded<TlsIdentity>> identity_;
  std::unique_ptr<FakeModelServer> server_;
};

TEST_F(InProcessTlsTest, EachHandshakeTakesTheCertificateOfItsTime) {
  const auto stub = Connect(authority_);
  EXPECT_EQ(Call(*stub), grpc::StatusCode::OK);
  pem_ = next_authority_.Issue();
  identity_->Refresh();
  EXPECT_EQ(Call(*Connect(next_authority_)), grpc::StatusCode::OK);
  EXPECT_EQ(Call(*Connect(authority_)), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Call(*stub), grpc::StatusCode::OK);
}

TEST_F(InProcessTlsTest, TheServerGoesWhileAConnectionIsOpen) {
  const auto stub = Connect(authority_);
  EXPECT_EQ(Call(*stub), grpc::StatusCode::OK);
  server_.reset();
  EXPECT_EQ(Call(*stub), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace mdn

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/fake_model_server.h"

namespace mdn {
namespace {

TEST(ModelInfoTest, GetModelTellsWhatACallerMustKnow) {
  FakeModelServer::Options options;
  options.dim_in = 3;
  options.shape = {4, 2, false};
  options.server.limits.max_request_rows = 77;
  FakeModelServer server(options);
  grpc::ClientContext context;
  v1::ModelInfo info;
  ASSERT_TRUE(server.stub().GetModel(&context, v1::GetModelRequest(), &info).ok());
  EXPECT_EQ(info.model().name(), "fake");
  EXPECT_EQ(info.dim_in(), 3);
  EXPECT_EQ(info.dim_out(), 2);
  EXPECT_EQ(info.n_components(), 4);
  EXPECT_EQ(info.noise_type(), v1::NOISE_TYPE_DIAGONAL);
  EXPECT_EQ(info.isotropic_layout(), v1::ISOTROPIC_LAYOUT_UNSPECIFIED);
  EXPECT_EQ(info.engine(), "fake");
  EXPECT_EQ(info.limits().max_request_rows(), 77);
}

TEST(ModelInfoTest, GetModelOfAnUnknownModelIsNotFound) {
  FakeModelServer server;
  grpc::ClientContext context;
  v1::GetModelRequest request;
  request.mutable_model()->set_name("other");
  v1::ModelInfo info;
  const grpc::Status status = server.stub().GetModel(&context, request, &info);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "model.name: there is no model 'other'");
}

TEST(ModelInfoTest, ListModelsShowsTheStateOfEach) {
  FakeModelServer server;
  grpc::ClientContext context;
  v1::ListModelsResponse response;
  ASSERT_TRUE(server.stub().ListModels(&context, v1::ListModelsRequest(), &response).ok());
  ASSERT_EQ(response.models_size(), 1);
  EXPECT_EQ(response.models(0).model().name(), "fake");
  EXPECT_EQ(response.models(0).model().version(), 1);
  EXPECT_EQ(response.models(0).state(), v1::MODEL_STATE_READY);
  EXPECT_TRUE(response.models(0).is_default());
}

}  // namespace
}  // namespace mdn

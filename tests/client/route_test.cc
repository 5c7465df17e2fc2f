#include "client/route.h"

#include <gtest/gtest.h>

#include "tests/support/await.h"
#include "tests/support/fake_service.h"

namespace mdn::client_internal {
namespace {

/// Makes a call to the route's next server; whether it was answered.
bool CallNext(Route& route) {
  const ServerChannel* const server = route.Next();
  if (server == nullptr) return false;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  v1::ModelInfo info;
  return server->mdn->GetModel(&context, v1::GetModelRequest(), &info).ok();
}

TEST(RouteTest, AServerThatFailsWhenTheOrderHasBeenMadeIsPassedOver) {
  FakeService leaving;
  leaving.SetHealth(grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  const FakeService ready;
  const ServerRotation rotation({leaving.address(), ready.address()}, Credentials::Load({}),
                                /*max_response_bytes=*/1 << 20);
  Route route = rotation.Next();  // Nothing is known of either of them.
  // It is asked as the last one, and answers then, when it is known not to serve.
  EXPECT_TRUE(Await([&] {
    Route later = rotation.Next();
    CallNext(later);
    CallNext(later);
    return leaving.calls() > 0;
  }));
  const int calls = ready.calls();
  EXPECT_TRUE(CallNext(route));
  EXPECT_EQ(ready.calls(), calls + 1);
  EXPECT_EQ(leaving.calls(), 1);
}

}  // namespace
}  // namespace mdn::client_internal

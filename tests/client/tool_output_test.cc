#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/client/tool_runner.h"
#include "tests/support/fake_service.h"

namespace mdn {
namespace {

class ToolOutputTest : public testing::Test {
 protected:
  static FakeModel TwoDimensions() {
    FakeModel model;
    model.dim_out = 2;
    model.full_covariance = true;
    return model;
  }

  static std::string Print(const FakeService& service, std::vector<std::string> arguments) {
    arguments.push_back(absl::StrCat("--server=", service.address()));
    const ToolResult result = RunTool(arguments);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.err, "");
    return result.out;
  }

  const FakeService service_;
  const FakeService wide_{TwoDimensions()};
};

TEST_F(ToolOutputTest, PredictPrintsATable) {
  EXPECT_EQ(Print(service_, {"predict", "--x=1,2;0.125,-1e9"}),
            "      row  component            pi            mu         sigma\n"
            "        0          0           0.5             3           0.5\n"
            "        0          1           0.5             4             1\n"
            "        1          0           0.5        -1e+09           0.5\n"
            "        1          1           0.5        -1e+09             1\n");
}

TEST_F(ToolOutputTest, PredictPrintsCsvWithEveryDigitOfAFloat) {
  EXPECT_EQ(Print(service_, {"predict", "--x=0.1,0", "--format=csv"}),
            "row,component,pi,mu,sigma\n"
            "0,0,0.499999999,0.100000001,0.5\n"
            "0,1,0.499999999,1.10000002,1\n");
}

TEST_F(ToolOutputTest, PredictPrintsAColumnForEachDimension) {
  EXPECT_EQ(Print(wide_, {"predict", "--x=1,2", "--format=csv"}),
            "row,component,pi,mu_0,mu_1,sigma_0,sigma_1,scale_tril_0_0,scale_tril_1_0,"
            "scale_tril_1_1\n"
            "0,0,0.499999999,3,13,0.5,0.5,0.5,0,0.5\n"
            "0,1,0.499999999,4,14,1,1,1,0,1\n");
}

TEST_F(ToolOutputTest, PredictPrintsAJsonObjectForEachRow) {
  EXPECT_EQ(Print(wide_, {"predict", "--x=1,2;3,4", "--format=json"}),
            "{\"row\":0,\"pi\":[0.499999999,0.499999999],\"mu\":[[3,13],[4,14]],"
            "\"sigma\":[[0.5,0.5],[1,1]],\"scale_tril\":[[[0.5,0],[0,0.5]],[[1,0],[0,1]]]}\n"
            "{\"row\":1,\"pi\":[0.499999999,0.499999999],\"mu\":[[7,17],[8,18]],"
            "\"sigma\":[[0.5,0.5],[1,1]],\"scale_tril\":[[[0.5,0],[0,0.5]],[[1,0],[0,1]]]}\n");
}

TEST_F(ToolOutputTest, SamplePrintsALineForEachDraw) {
  EXPECT_EQ(Print(service_, {"sample", "--x=1,2;3,4", "--num_samples=2", "--seed=0"}),
            "      row     sample             y\n"
            "        0          0             3\n"
            "        0          1             4\n"
            "        1          0             7\n"
            "        1          1             8\n");
}

TEST_F(ToolOutputTest, SamplePrintsComponentsWhereAsked) {
  EXPECT_EQ(Print(wide_, {"sample", "--x=1,2", "--num_samples=3", "--components", "--format=csv"}),
            "row,sample,component,y_0,y_1\n"
            "0,0,0,45,55\n"
            "0,1,1,46,56\n"
            "0,2,0,47,57\n");
}

TEST_F(ToolOutputTest, SamplePrintsAJsonObjectForEachRow) {
  EXPECT_EQ(Print(wide_, {"sample", "--x=1,2;3,4", "--num_samples=2", "--components",
                          "--format=json", "--seed=1"}),
            "{\"row\":0,\"seed\":1,\"samples\":[[4,14],[5,15]],\"components\":[0,1]}\n"
            "{\"row\":1,\"seed\":1,\"samples\":[[8,18],[9,19]],\"components\":[0,1]}\n");
}

TEST_F(ToolOutputTest, LogLikelihoodPrintsALineForEachRow) {
  EXPECT_EQ(Print(service_, {"log-likelihood", "--x=1,2;3,4", "--y=0.5;5000"}),
            "      row  log_likelihood\n"
            "        0             2.5\n"
            "        1            -inf\n");
  EXPECT_EQ(Print(service_, {"log-likelihood", "--x=1,2;3,4", "--y=0.5;5000", "--format=csv"}),
            "row,log_likelihood\n0,2.5\n1,-inf\n");
  EXPECT_EQ(Print(service_, {"log-likelihood", "--x=1,2;3,4", "--y=0.5;5000", "--format=json"}),
            "{\"row\":0,\"log_likelihood\":2.5}\n{\"row\":1,\"log_likelihood\":null}\n");
}

TEST_F(ToolOutputTest, InfoPrintsTheModelsAndThenOne) {
  EXPECT_EQ(Print(service_, {"info"}),
            "MODEL  VERSION  STATE   DEFAULT  LABELS         REASON\n"
            "fake   7        READY   yes      stable canary\n"
            "fake   8        FAILED  no                      weights are not finite, \"mu\"\n"
            "\n"
            "model                    fake\n"
            "version                  7\n"
            "dim_in                   2\n"
            "dim_out                  1\n"
            "components               2\n"
            "hidden_sizes             50 20\n"
            "noise_type               FIXED\n"
            "fixed_noise_level        0.5\n"
            "standardized             yes\n"
            "format                   pytorch\n"
            "sha256                   00ff\n"
            "engine                   fake\n"
            "loaded_at                2023-11-14T22:13:20Z\n"
            "source                   a \"test\"\n"
            "max_request_rows         100\n"
            "max_samples_per_request  200\n"
            "max_message_bytes        300\n"
            "max_batch_rows           400\n"
            "max_queue_rows           500\n");
}

TEST_F(ToolOutputTest, InfoPrintsCsvFields) {
  const std::string csv = Print(service_, {"info", "--format=csv"});

  EXPECT_THAT(csv, testing::StartsWith("field,value\nmodel,fake\nversion,7\n"));
  EXPECT_THAT(csv, testing::HasSubstr("\nsource,\"a \"\"test\"\"\"\n"));
}

TEST_F(ToolOutputTest, InfoOnlyListsSeveralModelsOfWhichNoneIsTheDefault) {
  v1::ListModelsResponse several;
  for (const char* name : {"a", "b"}) {
    v1::ModelVersion* model = several.add_models();
    model->mutable_model()->set_name(name);
    model->mutable_model()->set_version(1);
    model->set_state(v1::MODEL_STATE_READY);
  }
  FakeService service;
  service.Answer(several);
  service.SpareNext(1);
  service.FailNext(1, {grpc::StatusCode::INVALID_ARGUMENT,
                       "model.name: is empty; expected one of several models"});
  EXPECT_EQ(Print(service, {"info"}),
            "MODEL  VERSION  STATE  DEFAULT  LABELS  REASON\n"
            "a      1        READY  no\n"
            "b      1        READY  no\n");
}

TEST_F(ToolOutputTest, InfoListsTheModelsAndFailsWhereTheDefaultIsDown) {
  v1::ListModelsResponse several;
  for (const auto state : {v1::MODEL_STATE_FAILED, v1::MODEL_STATE_READY}) {
    v1::ModelVersion* model = several.add_models();
    model->mutable_model()->set_name(state == v1::MODEL_STATE_READY ? "b" : "a");
    model->mutable_model()->set_version(1);
    model->set_state(state);
  }
  for (const auto code : {grpc::StatusCode::NOT_FOUND, grpc::StatusCode::UNAVAILABLE}) {
    FakeService service;
    service.Answer(several);
    service.SpareNext(1);
    service.FailNext(100, {code, "model \"a\" is not ready"});
    const ToolResult result =
        RunTool({"info", absl::StrCat("--server=", service.address()), "--timeout=2s"});
    EXPECT_EQ(result.exit_code, code == grpc::StatusCode::UNAVAILABLE ? 69 : 1);
    EXPECT_THAT(result.out, testing::StartsWith("MODEL  VERSION  STATE   DEFAULT"));
    EXPECT_THAT(result.err, testing::EndsWith("model \"a\" is not ready\n"));
  }
}

TEST_F(ToolOutputTest, InfoFailsWhereANamedModelIsRefused) {
  FakeService service;
  service.SpareNext(1);
  service.FailNext(1, {grpc::StatusCode::INVALID_ARGUMENT, "model.name: is wrong"});
  EXPECT_EQ(RunTool({"info", "--model=a", absl::StrCat("--server=", service.address())}).exit_code,
            65);
}

TEST_F(ToolOutputTest, InfoPrintsAJsonObject) {
  EXPECT_EQ(Print(wide_, {"info", "--format=json"}),
            "{\"model\":\"fake\",\"version\":7,\"dim_in\":2,\"dim_out\":2,\"components\":2,"
            "\"hidden_sizes\":[50,20],\"noise_type\":\"FULL\",\"standardized\":true,"
            "\"format\":\"pytorch\",\"sha256\":\"00ff\",\"engine\":\"fake\","
            "\"loaded_at\":\"2023-11-14T22:13:20Z\",\"source\":\"a \\\"test\\\"\","
            "\"max_request_rows\":100,\"max_samples_per_request\":200,\"max_message_bytes\":300,"
            "\"max_batch_rows\":400,\"max_queue_rows\":500,\"models\":["
            "{\"model\":\"fake\",\"version\":7,\"state\":\"READY\",\"default\":true,"
            "\"labels\":\"stable canary\",\"reason\":\"\"},"
            "{\"model\":\"fake\",\"version\":8,\"state\":\"FAILED\",\"default\":false,"
            "\"labels\":\"\",\"reason\":\"weights are not finite, \\\"mu\\\"\"}]}\n");
}

TEST_F(ToolOutputTest, HealthPrintsTheStatus) {
  EXPECT_EQ(Print(service_, {"health"}), "SERVING\n");
  EXPECT_EQ(Print(service_, {"health", "--service=a.B", "--format=csv"}),
            "service,status\na.B,SERVING\n");
  EXPECT_EQ(Print(service_, {"health", "--format=json"}),
            "{\"service\":\"\",\"status\":\"SERVING\"}\n");
}

}  // namespace
}  // namespace mdn

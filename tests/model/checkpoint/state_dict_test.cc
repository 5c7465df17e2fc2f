#include "model/checkpoint/state_dict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "model/checkpoint/standard_network.h"
#include "tests/model/checkpoint/checkpoint_files.h"
#include "tests/model/checkpoint/fails.h"
#include "tests/model/checkpoint/pickle_builder.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::Key;
using ::testing::SizeIs;

// The pickle's views do not outlive this call, but a StateDict has none.
absl::StatusOr<StateDict> Find(const std::string& bytes) {
  const auto pickle = Pickle::Parse(bytes);
  if (!pickle.ok()) return pickle.status();
  return FindStateDict(*pickle);
}

absl::StatusOr<StateDict> Find(const PickleBuilder& builder) { return Find(builder.Pickle()); }

std::map<std::string, Tensor> Network(int64_t dim_in = 1) { return NetworkOf(dim_in, 2, 2, 4); }

TEST(FindStateDictTest, TakesTheRoot) {
  const auto found = Find(PickleBuilder().StateDict(Network()));
  ASSERT_THAT(found, Loads());
  EXPECT_THAT(found->tensors, SizeIs(12));
  EXPECT_THAT(found->tensors.at("pi_network.0.weight").shape, ElementsAre(2, 1));
}

TEST(FindStateDictTest, TakesAPlainDict) {
  EXPECT_THAT(Find(PickleBuilder().Raw("}(").Entries(Network()).Raw("u")), Loads());
}

TEST(FindStateDictTest, LooksIntoListsAndDicts) {
  PickleBuilder builder;
  builder.Raw("](K\x01}").Text("weights").StateDict(Network()).Raw("se");
  ASSERT_THAT(Find(builder), Loads());
}

TEST(FindStateDictTest, PrefersTheUsualNames) {
  PickleBuilder builder;
  builder.Raw("}(").Text("ema").StateDict(Network(7)).Text("model").StateDict(Network(8));
  builder.Text("model_state_dict").StateDict(Network(3)).Raw("u");
  const auto found = Find(builder);
  ASSERT_THAT(found, Loads());
  EXPECT_THAT(found->tensors.at("pi_network.0.weight").shape, ElementsAre(2, 3));
}

TEST(FindStateDictTest, ListsSeveralWithoutUsualNames) {
  PickleBuilder builder;
  builder.Raw("}(").Text("ema").StateDict(Network()).Text("best").StateDict(Network()).Raw("u");
  EXPECT_THAT(Find(builder), Refused("it holds several state dicts, at 'ema', 'best'; save the one "
                                     "to serve alone: torch.save(model.state_dict(), 'model.pt')"));
}

TEST(FindStateDictTest, ListsSeveralOfOneUsualName) {
  PickleBuilder builder;
  builder.Raw("}(").Text("a").Raw("}").Text("model").StateDict(Network()).Raw("s");
  builder.Text("b").Raw("}").Text("model").StateDict(Network()).Raw("su");
  EXPECT_THAT(Find(builder), Refused("several state dicts, at 'a.model', 'b.model'"));
}

TEST(FindStateDictTest, SaysWhatItFoundInstead) {
  PickleBuilder builder;
  builder.Raw("}(").Text("encoder.weight").ContiguousTensor("0", {2}).Raw("u");
  EXPECT_THAT(Find(builder), Refused("no state dict with tensors pi_network.0.weight"));
  EXPECT_THAT(Find(builder), Refused("only other tensors: encoder.weight"));
  EXPECT_THAT(Find(PickleBuilder().Raw("K\x01")), Refused("it holds no tensors"));
}

TEST(FindStateDictTest, UnwrapsParameters) {
  for (const std::string wrapper : {"_rebuild_parameter", "_rebuild_parameter_with_state"}) {
    PickleBuilder builder;
    builder.Raw("}").Text("pi_network.0.bias").Global("torch._utils", wrapper).Raw("(");
    builder.ContiguousTensor("k", {5}).Raw("\x88}tRs");
    const auto found = Find(builder);
    ASSERT_THAT(found, Loads());
    EXPECT_EQ(found->tensors.at("pi_network.0.bias").storage_key, "k");
  }
}

TEST(FindStateDictTest, UnwrapsTensorsWithAttributes) {
  PickleBuilder builder;
  builder.Raw("}").Text("pi_network.0.bias").Global("torch._tensor", "_rebuild_from_type_v2");
  builder.Raw("(").Global("torch._utils", "_rebuild_tensor_v2").Global("torch", "Tensor");
  builder.Raw("((").Text("storage").Global("torch", "HalfStorage").Text("k").Text("cpu");
  builder.Integer(5).Raw("tQ").Integer(0).Integers({5}).Integers({1}).Raw("\x89}t}tRs");
  const auto found = Find(builder);
  ASSERT_THAT(found, Loads());
  EXPECT_EQ(found->tensors.at("pi_network.0.bias").dtype, Dtype::kFloat16);
}

TEST(FindStateDictTest, ReadsUntypedStorages) {
  PickleBuilder builder;
  builder.Raw("}").Text("pi_network.0.bias").Global("torch._utils", "_rebuild_tensor_v3").Raw("((");
  builder.Text("storage").Global("torch.storage", "UntypedStorage").Text("k").Text("cpu");
  builder.Integer(40).Raw("tQ").Integer(0).Integers({5}).Integers({1}).Raw("\x89}");
  const auto found = Find(builder.Global("torch", "float64").Raw("tRs"));
  ASSERT_THAT(found, Loads());
  EXPECT_EQ(found->tensors.at("pi_network.0.bias").dtype, Dtype::kFloat64);
  EXPECT_EQ(found->tensors.at("pi_network.0.bias").storage_size, 5);
}

TEST(FindStateDictTest, RefusesStoragesItDoesNotKnow) {
  PickledTensor tensor;
  tensor.storage_class = "QInt8Storage";
  tensor.shape = tensor.strides = {1};
  PickleBuilder builder;
  builder.Raw("}").Text("pi_network.0.bias").Tensor(tensor).Raw("s");
  EXPECT_THAT(Find(builder), Refused("pi_network.0.bias has a storage of class QInt8Storage, which "
                                     "is not supported"));
}

TEST(FindStateDictTest, RefusesMalformedViews) {
  PickledTensor tensor;
  tensor.shape = {2, 2};
  tensor.strides = {1};
  PickleBuilder builder;
  builder.Raw("}").Text("pi_network.0.bias").Tensor(tensor).Raw("s");
  EXPECT_THAT(Find(builder), Refused("pi_network.0.bias has a malformed view of its storage"));
  tensor.shape = tensor.strides = std::vector<int64_t>(17, 1);
  builder = PickleBuilder();
  builder.Raw("}").Text("pi_network.0.bias").Tensor(tensor).Raw("s");
  EXPECT_THAT(Find(builder), Refused("no tuple of at most 16"));
}

TEST(FindStateDictTest, LeavesOptimizerStateAlone) {
  PickleBuilder builder;
  builder.Raw("}(").Text("optimizer").Raw("}(").Text("pi_network.0.weight").Raw("}");
  builder.Text("exp_avg").ContiguousTensor("0", {2}).Raw("su");
  builder.Text("weights").StateDict(Network()).Raw("u");
  EXPECT_THAT(Find(builder), Loads());
}

TEST(SelectStandardNetworkTest, StripsAnyPrefix) {
  for (const std::string prefix : {"module.", "model.", "_orig_mod.module.", "net.pi_head."}) {
    const auto found = Find(PickleBuilder().StateDict(Network(), prefix));
    ASSERT_THAT(found, Loads());
    const auto selected = SelectStandardNetwork(found->tensors);
    ASSERT_THAT(selected, Loads());
    EXPECT_THAT(*selected, ::testing::Contains(Key("normal_network.4.bias")));
  }
}

TEST(SelectStandardNetworkTest, RefusesSeveralPrefixes) {
  PickleBuilder builder;
  builder.Raw("}(").Entries(Network(), "a.").Entries(Network(), "b.").Raw("u");
  EXPECT_THAT(SelectStandardNetwork(Find(builder)->tensors),
              Refused("it holds several networks, under the prefixes 'a.', 'b.'"));
}

TEST(SelectStandardNetworkTest, NamesTensorsThatDoNotBelong) {
  PickleBuilder builder;
  builder.Raw("}(").Entries(Network(), "head.").Text("encoder.weight");
  builder.ContiguousTensor("e", {3}).Text("head.pi_network.6.weight").ContiguousTensor("f", {3});
  const auto selected = SelectStandardNetwork(Find(builder.Raw("u"))->tensors);
  EXPECT_THAT(selected, Refused("tensors that the standard network does not have: encoder.weight, "
                                "head.pi_network.6.weight. Serving only a part of a network would "
                                "give wrong answers"));
}

TEST(SelectStandardNetworkTest, NamesTheArchitectureOf2019) {
  PickleBuilder builder;
  builder.Raw("}(").Text("pi_network.network.0.weight").ContiguousTensor("0", {1, 1});
  builder.Text("normal_network.network.2.bias").ContiguousTensor("1", {1}).Raw("u");
  EXPECT_THAT(SelectStandardNetwork(Find(builder)->tensors), Refused("another architecture"));
}

}  // namespace
}  // namespace mdn

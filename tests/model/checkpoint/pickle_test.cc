#include "model/checkpoint/pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/model/checkpoint/fails.h"
#include "tests/model/checkpoint/pickle_builder.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

template <size_t kSize>
std::string Bytes(const char (&literal)[kSize]) {
  return std::string(literal, kSize - 1);
}

// The integer that a pickle is.
int64_t IntegerOf(const std::string& bytes) {
  const auto pickle = Pickle::Parse(bytes);
  EXPECT_THAT(pickle, Loads());
  return pickle->Integer(pickle->root()).value();
}

std::string TextOf(const std::string& bytes) {
  const auto pickle = Pickle::Parse(bytes);
  EXPECT_THAT(pickle, Loads());
  return std::string(pickle->Text(pickle->root()).value());
}

TEST(PickleTest, ReadsIntegersOfEveryWidth) {
  EXPECT_EQ(IntegerOf(Bytes("K\xff.")), 255);
  EXPECT_EQ(IntegerOf(Bytes("M\x01\xff.")), 0xff01);
  EXPECT_EQ(IntegerOf(Bytes("J\xfe\xff\xff\xff.")), -2);
  EXPECT_EQ(IntegerOf(Bytes("\x8a\x00.")), 0);
  EXPECT_EQ(IntegerOf(Bytes("\x8a\x01\xff.")), -1);
  EXPECT_EQ(IntegerOf(Bytes("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.")), INT64_MIN);
  EXPECT_EQ(IntegerOf(Bytes("\x8b\x02\x00\x00\x00\x00\x01.")), 256);
  EXPECT_EQ(IntegerOf("I-7\n."), -7);
  EXPECT_EQ(IntegerOf("L123L\n."), 123);
}

TEST(PickleTest, KeepsBiggerIntegersAsBytes) {
  const std::string bytes = Bytes(
      "\x8a\x09"
      "123456789.");
  const auto pickle = Pickle::Parse(bytes);
  ASSERT_THAT(pickle, Loads());
  EXPECT_EQ(pickle->node(pickle->root()).kind, NodeKind::kBigInteger);
  EXPECT_EQ(pickle->node(pickle->root()).text, "123456789");
}

TEST(PickleTest, ReadsFloatsAndTruths) {
  const std::string bytes = Bytes(
      "(G\x3f\xf8\x00\x00\x00\x00\x00\x00"
      "F2.5\n\x88\x89I01\nNt.");
  const auto pickle = Pickle::Parse(bytes);
  ASSERT_THAT(pickle, Loads());
  const std::vector<NodeId>& items = pickle->node(pickle->root()).children;
  ASSERT_THAT(items, SizeIs(6));
  EXPECT_EQ(pickle->node(items[0]).real, 1.5);
  EXPECT_EQ(pickle->node(items[1]).real, 2.5);
  EXPECT_EQ(pickle->node(items[2]).integer, 1);
  EXPECT_EQ(pickle->node(items[3]).integer, 0);
  EXPECT_EQ(items[4], items[2]);
  EXPECT_EQ(items[5], kNoneNode);
}

TEST(PickleTest, ReadsTextsOfEveryKind) {
  EXPECT_EQ(TextOf(Bytes("X\x02\x00\x00\x00hi.")), "hi");
  EXPECT_EQ(TextOf(Bytes("\x8c\x02hi.")), "hi");
  EXPECT_EQ(TextOf(Bytes("\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi.")), "hi");
  EXPECT_EQ(TextOf(Bytes("U\x02hi.")), "hi");
  EXPECT_EQ(TextOf(Bytes("T\x02\x00\x00\x00hi.")), "hi");
}

TEST(PickleTest, ReadsBytesOfEveryKind) {
  for (const std::string& bytes : {Bytes("C\x02hi."), Bytes("B\x02\x00\x00\x00hi."),
                                   Bytes("\x8e\x02\x00\x00\x00\x00\x00\x00\x00hi."),
                                   Bytes("\x96\x02\x00\x00\x00\x00\x00\x00\x00hi.")}) {
    const auto pickle = Pickle::Parse(bytes);
    ASSERT_THAT(pickle, Loads());
    EXPECT_EQ(pickle->node(pickle->root()).kind, NodeKind::kBytes);
    EXPECT_EQ(pickle->node(pickle->root()).text, "hi");
  }
}

TEST(PickleTest, BuildsContainers) {
  const std::string bytes = Bytes(
      "(]K\x01"
      "a(K\x02K\x03"
      "eK\x04K\x05\x86}K\x06K\x07s"
      "\x8f(K\x08\x90(K\x09\x91(K\x0a"
      "ld.");
  const auto pickle = Pickle::Parse(bytes);
  ASSERT_THAT(pickle, Loads());
  const auto entries = pickle->Entries(pickle->root());
  ASSERT_THAT(entries, SizeIs(3));
  EXPECT_THAT(pickle->node(entries[0].first).children, SizeIs(3));
  EXPECT_EQ(pickle->node(entries[0].second).kind, NodeKind::kTuple);
  EXPECT_THAT(pickle->Entries(entries[1].first), SizeIs(1));
  EXPECT_EQ(pickle->node(entries[1].second).kind, NodeKind::kSet);
  EXPECT_EQ(pickle->node(entries[2].first).kind, NodeKind::kSet);
  EXPECT_EQ(pickle->node(entries[2].second).kind, NodeKind::kList);
}

TEST(PickleTest, MemoryServesEveryProtocol) {
  EXPECT_EQ(IntegerOf(Bytes("K\x07q\x00"
                            "0h\x00.")),
            7);
  EXPECT_EQ(IntegerOf(Bytes("K\x07r\x05\x00\x00\x00"
                            "0j\x05\x00\x00\x00.")),
            7);
  EXPECT_EQ(IntegerOf(Bytes("K\x07p3\n0g3\n.")), 7);
  EXPECT_EQ(IntegerOf(Bytes("\x80\x04\x95\x08\x00\x00\x00\x00\x00\x00\x00K\x07\x94"
                            "0h\x00.")),
            7);
}

TEST(PickleTest, StackOperationsWork) {
  EXPECT_EQ(IntegerOf(Bytes("K\x01K\x02"
                            "0.")),
            1);
  EXPECT_EQ(IntegerOf(Bytes("K\x01(K\x02K\x03"
                            "1.")),
            1);
  EXPECT_EQ(IntegerOf(Bytes("K\x01(0.")), 1);
  const std::string twice = Bytes(
      "K\x01"
      "2\x86.");
  const auto pickle = Pickle::Parse(twice);
  ASSERT_THAT(pickle, Loads());
  const std::vector<NodeId>& pair = pickle->node(pickle->root()).children;
  EXPECT_EQ(pair[0], pair[1]);
}

TEST(PickleTest, ACallIsOnlyRemembered) {
  const std::string bytes =
      PickleBuilder().Global("os", "system").Text("exit 1").Raw("\x85R").Pickle();
  const auto pickle = Pickle::Parse(bytes);
  ASSERT_THAT(pickle, Loads());
  EXPECT_EQ(pickle->CalleeName(pickle->root()), "os.system");
  ASSERT_THAT(pickle->Arguments(pickle->root()), SizeIs(1));
  EXPECT_EQ(pickle->Text(pickle->Arguments(pickle->root())[0]), absl::string_view("exit 1"));
}

TEST(PickleTest, EveryWayToMakeAnObjectIsACall) {
  for (const std::string& bytes :
       {Bytes("cm\nC\n)R."), Bytes("cm\nC\n)\x81."), Bytes("cm\nC\n)}\x92."),
        Bytes("\x8c\x01m\x8c\x01"
              "C\x93)R."),
        Bytes("cm\nC\n)R}b.")}) {
    const auto pickle = Pickle::Parse(bytes);
    ASSERT_THAT(pickle, Loads());
    EXPECT_EQ(pickle->CalleeName(pickle->root()), "m.C");
  }
}

TEST(PickleTest, PersistentIdsAreKept) {
  for (const std::string& bytes : {Bytes("X\x02\x00\x00\x00idQ."), Bytes("Pid\n.")}) {
    const auto pickle = Pickle::Parse(bytes);
    ASSERT_THAT(pickle, Loads());
    const PickleNode& root = pickle->node(pickle->root());
    EXPECT_EQ(root.kind, NodeKind::kPersistent);
    EXPECT_EQ(pickle->Text(root.arguments), absl::string_view("id"));
  }
}

TEST(PickleTest, AnOrderedDictHasEntriesFromBothPlaces) {
  // Python 2 gives the first ones as an argument.
  const std::string bytes = Bytes(
      "ccollections\nOrderedDict\n(](K\x01K\x02lat"
      "RK\x03K\x04s.");
  const auto pickle = Pickle::Parse(bytes);
  ASSERT_THAT(pickle, Loads());
  EXPECT_TRUE(pickle->IsDict(pickle->root()));
  const auto entries = pickle->Entries(pickle->root());
  ASSERT_THAT(entries, SizeIs(2));
  EXPECT_EQ(pickle->Integer(entries[0].first), 1);
  EXPECT_EQ(pickle->Integer(entries[1].second), 4);
}

TEST(PickleTest, AValueMayContainItself) {
  const std::string bytes = Bytes(
      "]q\x00h\x00"
      "a.");
  const auto pickle = Pickle::Parse(bytes);
  ASSERT_THAT(pickle, Loads());
  EXPECT_THAT(pickle->node(pickle->root()).children, ElementsAre(pickle->root()));
}

TEST(PickleTest, EndsAtItsStop) {
  const auto pickle = Pickle::Parse("N.and more");
  ASSERT_THAT(pickle, Loads());
  EXPECT_EQ(pickle->size(), 2);
}

}  // namespace
}  // namespace mdn

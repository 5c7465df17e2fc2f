#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/pickle.h"
#include "model/checkpoint/state_dict.h"
#include "tests/model/checkpoint/checkpoint_files.h"
#include "tests/model/checkpoint/fails.h"
#include "tests/model/checkpoint/pickle_builder.h"

namespace mdn {
namespace {

template <size_t kSize>
std::string Bytes(const char (&literal)[kSize]) {
  return std::string(literal, kSize - 1);
}

std::string Repeat(const std::string& text, int times) {
  std::string repeated;
  for (int i = 0; i < times; ++i) repeated += text;
  return repeated;
}

struct PickleCase {
  std::string bytes;
  std::string message;
};

class MalformedPickleTest : public ::testing::TestWithParam<PickleCase> {};

TEST_P(MalformedPickleTest, NamesTheOpcodeAndItsPlace) {
  EXPECT_THAT(Pickle::Parse(GetParam().bytes), Refused("pickle: " + GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Bytes, MalformedPickleTest,
    ::testing::Values(
        PickleCase{"", "its end at byte 0 needs 1 bytes, but 0 are left"},
        PickleCase{"N", "its end at byte 1 needs 1 bytes"},
        PickleCase{"NS'x'\n.", "opcode 0x53 at byte 1 is not an opcode that torch.save writes"},
        PickleCase{Bytes("\x82\x01."), "opcode 0x82 at byte 0 is not an opcode"},
        PickleCase{Bytes("\x80\x06N."), "opcode 0x80 at byte 0 names a protocol after 5"},
        PickleCase{".", "opcode 0x2e at byte 0 finds nothing on the stack"},
        PickleCase{"0.", "opcode 0x30 at byte 0 finds nothing on the stack"},
        PickleCase{"N(R.", "opcode 0x52 at byte 2 finds nothing on the stack"},
        PickleCase{"t.", "opcode 0x74 at byte 0 finds no mark on the stack"},
        PickleCase{"}(Nu.", "opcode 0x75 at byte 3 has a key without a value"},
        PickleCase{"(Nd.", "opcode 0x64 at byte 2 has a key without a value"},
        PickleCase{"NNa.", "opcode 0x61 at byte 2 adds to a value that is no container"},
        PickleCase{"]NNs.", "opcode 0x73 at byte 3 adds to a value that is no container"},
        PickleCase{"NNb.", "opcode 0x62 at byte 2 gives a state to a value that is no object"},
        PickleCase{Bytes("NN\x93."), "opcode 0x93 at byte 2 needs the texts"},
        PickleCase{Bytes("h\x05."), "opcode 0x68 at byte 0 recalls number 5 in vain"},
        PickleCase{"Nr\xff\xff\xff\xff.", "opcode 0x72 at byte 1 memoizes as number 4294967295"},
        PickleCase{"Np-1\n.", "opcode 0x70 at byte 1 is not followed by an index"},
        PickleCase{"I12x\n.", "opcode 0x49 at byte 0 is not followed by a 64-bit integer"},
        PickleCase{"Fx\n.", "opcode 0x46 at byte 0 is not followed by a number"},
        PickleCase{"I12", "opcode 0x49 at byte 0 has no end of line"},
        PickleCase{Bytes("X\xff\xff\xff\xff"
                         "abc"),
                   "opcode 0x58 at byte 0 needs 4294967295 bytes, but 3 are left"},
        PickleCase{Bytes("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
                         "abc"),
                   "opcode 0x8d at byte 0"},
        PickleCase{Bytes("\x8b\xff\xff\xff\x7f"
                         "abc"),
                   "opcode 0x8b at byte 0 needs 2147483647"},
        PickleCase{"c" + std::string(2000, 'm') + "\nn\n.", "opcode 0x63 at byte 0 has an endless"},
        PickleCase{Bytes("\x95\x01\x00"), "opcode 0x95 at byte 0 needs 8 bytes"}));

TEST(HostilePickleTest, EveryTruncationIsRefused) {
  const std::string whole = PickleBuilder().StateDict(NetworkOf(1, 1, 1, 2)).Pickle();
  ASSERT_THAT(Pickle::Parse(whole), Loads());
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THAT(Pickle::Parse(whole.substr(0, length)), Refused("pickle: ")) << length;
  }
}

TEST(HostilePickleTest, BoundsTheNumberOfValues) {
  EXPECT_THAT(Pickle::Parse(std::string(size_t{2} << 20, ')')),
              Refused("more than 1048576 values"));
}

TEST(HostilePickleTest, BoundsTheStacks) {
  EXPECT_THAT(Pickle::Parse(std::string(size_t{2} << 20, 'N')), Refused("overflows the stack"));
  EXPECT_THAT(Pickle::Parse(std::string(size_t{2} << 20, '(')),
              Refused("overflows the stack of marks"));
}

TEST(HostilePickleTest, BoundsItsLength) {
  EXPECT_THAT(Pickle::Parse(Repeat("N0", 9 << 20) + "N."), Refused("longer than 16777216 bytes"));
}

TEST(HostilePickleTest, AThousandfoldTangleIsWalkedOnce) {
  // Each list holds the next one a hundred times.
  std::string bytes = "]";
  for (int i = 0; i < 50; ++i) bytes += Bytes("q\x00]") + "(" + Repeat(Bytes("h\x00"), 100) + "e";
  const auto pickle = Pickle::Parse(bytes + ".");
  ASSERT_THAT(pickle, Loads());
  EXPECT_THAT(FindStateDict(*pickle), Refused("no state dict"));
}

TEST(HostilePickleTest, DeepNestingIsNotFollowed) {
  const std::string bytes = Repeat("]", 500000) + Repeat("a", 499999) + ".";
  const auto pickle = Pickle::Parse(bytes);
  ASSERT_THAT(pickle, Loads());
  EXPECT_THAT(FindStateDict(*pickle), Refused("no state dict"));
}

TEST(HostilePickleTest, ManyObjectsThatShareAHugeStateAreNotSearchedForEver) {
  // A dict of 100000 entries is the state of each of 100000 objects.
  const std::string object = Bytes(
      "h\x01)Rh\x00"
      "b");
  const std::string bytes = "}(" + Repeat("NN", 100000) +
                            Bytes(
                                "uq\x00"
                                "0cm\nC\nq\x01"
                                "0") +
                            "](" + Repeat(object, 100000) + "e.";
  const auto pickle = Pickle::Parse(bytes);
  ASSERT_THAT(pickle, Loads());
  EXPECT_THAT(FindStateDict(*pickle), Refused("too tangled to look through"));
}

TEST(HostilePickleTest, ATensorWrappedOverAndOverIsNoTensor) {
  PickleBuilder builder;
  builder.Raw("}").Text("pi_network.0.weight");
  for (int i = 0; i < 10; ++i) builder.Global("torch._utils", "_rebuild_parameter").Raw("(");
  builder.ContiguousTensor("0", {1, 1});
  for (int i = 0; i < 10; ++i) builder.Raw("\x88NtR");
  const std::string bytes = builder.Raw("s").Pickle();
  const auto pickle = Pickle::Parse(bytes);
  ASSERT_THAT(pickle, Loads());
  EXPECT_THAT(FindStateDict(*pickle), Refused("pi_network.0.weight is not a tensor but made by "
                                              "torch._utils._rebuild_parameter"));
}

TEST(HostilePickleTest, ACommandInPlaceOfATensorIsNamed) {
  PickleBuilder builder;
  builder.Raw("}").Text("pi_network.0.weight").Global("os", "system").Text("touch owned");
  const std::string bytes = builder.Raw(Bytes("\x85Rs")).Pickle();
  const auto pickle = Pickle::Parse(bytes);
  ASSERT_THAT(pickle, Loads());
  EXPECT_THAT(FindStateDict(*pickle),
              Refused("pi_network.0.weight is not a tensor but made by os.system"));
}

}  // namespace
}  // namespace mdn

#include "server/connections/peer_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace mdn {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kMostBytes = 1'000'000;
/// A peer that has left nothing unanswered may have, by its bytes, left too much of it after more
/// than these.
constexpr int64_t kUnsuspicious = int64_t{9} * 4096;

TcpEnds Ends(int peer_port, int local_port = 8500) {
  TcpEnds ends;
  ends.local.port = local_port;
  ends.peer.port = peer_port;
  return ends;
}

/// gRPC's connections, as a test says; and how often it was asked.
class FakeCounter final : public StreamCounter {
 public:
  std::vector<int64_t> Connections(int64_t first) override {
    ++lists;
    std::vector<int64_t> numbers;
    for (auto at = connections.lower_bound(first); at != connections.end(); ++at) {
      numbers.push_back(at->first);
    }
    return numbers;
  }
  std::optional<CountedConnection> Count(int64_t number) override {
    ++counts;
    const auto found = connections.find(number);
    if (found == connections.end()) return std::nullopt;
    return found->second;
  }

  std::map<int64_t, CountedConnection> connections;
  int lists = 0;
  int counts = 0;
};

class PeerWatchTest : public testing::Test {
 protected:
  /// What is found, each with what it did.
  std::vector<std::string> Look(milliseconds since_begin) {
    std::vector<std::string> found;
    for (const auto& offender : watch_.Look(received_, begin_ + since_begin)) {
      found.push_back(std::to_string(offender.connection) + " " + offender.offence);
    }
    return found;
  }
  std::vector<std::string> Look() { return Look(milliseconds(0)); }

  const PeerWatch::Time begin_ = std::chrono::steady_clock::now();
  FakeCounter counter_;
  PeerWatch watch_{counter_, kMostBytes};
  std::vector<BytesReceived> received_;
};

TEST_F(PeerWatchTest, CountsNoStreamsOfPeersThatHaveSentLittle) {
  received_ = {{1, Ends(1), kUnsuspicious}, {2, Ends(2), 0}};
  counter_.connections = {{7, {Ends(1), {0, 1'000'000, 0}}}};
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_EQ(counter_.lists, 0);
  EXPECT_EQ(counter_.counts, 0);
}

TEST_F(PeerWatchTest, BearsWhatABudgetBears) {
  received_ = {{1, Ends(1), kUnsuspicious + 1}, {2, Ends(2), kUnsuspicious + 1}};
  counter_.connections = {{7, {Ends(1), {0, 4096, 0}}}, {8, {Ends(2), {3, 4100, 0}}}};
  EXPECT_THAT(Look(), ElementsAre("2 reset calls at a hostile rate: 4100 of its 4103 calls were "
                                  "not answered"));
}

TEST_F(PeerWatchTest, WhatFewBytesHideIsFoundWhenTheyAddUp) {
  counter_.connections = {{7, {Ends(1), {}}}};
  StreamCounts& streams = counter_.connections[7].streams;
  // 600 resets a second of 22 bytes each, looked at ten times a second.
  int ended_at = 0;
  for (int look = 1; look <= 600 && ended_at == 0; ++look) {
    streams.unanswered = int64_t{60} * look;
    received_ = {{1, Ends(1), 22 * streams.unanswered}};
    if (!Look(milliseconds(100 * look)).empty()) ended_at = look;
  }
  // Counted at every look they are too many at the 411th.
  EXPECT_EQ(ended_at, 270);
  EXPECT_EQ(counter_.counts, 42);
}

TEST_F(PeerWatchTest, NobodyWhoKeepsToTheBudgetIsEnded) {
  counter_.connections = {{7, {Ends(1), {}}}};
  StreamCounts& streams = counter_.connections[7].streams;
  for (int look = 1; look <= 6000; ++look) {
    streams.unanswered = int64_t{50} * look;
    streams.finished = look;
    received_ = {{1, Ends(1), 100 * streams.unanswered}};
    ASSERT_THAT(Look(milliseconds(100 * look)), IsEmpty()) << look;
  }
}

TEST_F(PeerWatchTest, LooksTheSoonerTheLessIsLeft) {
  counter_.connections = {{7, {Ends(1), {0, 4000, 0}}}};
  received_ = {{1, Ends(1), 40'000}};
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_EQ(counter_.counts, 2);  // Whose it is, and how many.
  received_[0].count += int64_t{9} * 96;
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_EQ(counter_.counts, 2);
  received_[0].count += 1;
  counter_.connections[7].streams.unanswered += 97;
  EXPECT_EQ(Look().size(), 1);
  EXPECT_EQ(counter_.counts, 3);
}

TEST_F(PeerWatchTest, WhatTimeBringsWithoutALookIsBounded) {
  counter_.connections = {{7, {Ends(1), {}}}};
  received_ = {{1, Ends(1), 100}};
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_THAT(Look(seconds(60)), IsEmpty());
  received_[0].count = 100'000;
  counter_.connections[7].streams.unanswered = 4097;
  EXPECT_EQ(Look(seconds(60)).size(), 1);
}

TEST_F(PeerWatchTest, OnlySuspectsAreAskedForOnceTheyAreKnown) {
  for (int i = 1; i <= 1000; ++i) {
    received_.push_back({i, Ends(i), 100});
    counter_.connections[i + 10] = {Ends(i), {}};
  }
  received_[0].count += kUnsuspicious;
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_EQ(counter_.lists, 1);
  EXPECT_EQ(counter_.counts, 1001);
  for (int i = 0; i < 3; ++i) received_[i].count += kUnsuspicious + 1;
  counter_.connections[11].streams = {10, 0, 10};
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_EQ(counter_.lists, 2);  // For the first stood still; there is nothing new.
  EXPECT_EQ(counter_.counts, 1004);
}

TEST_F(PeerWatchTest, CountsTheStreamsOfThoseFirstThatHaveSentMost) {
  for (int i = 1; i <= 40; ++i) {
    received_.push_back({i, Ends(i), 100'000 + i});
    counter_.connections[i] = {Ends(i), {0, 4097, 0}};
  }
  std::vector<int64_t> found;
  for (const size_t count : {16, 16, 8}) {
    const auto offenders = watch_.Look(received_, begin_);
    ASSERT_EQ(offenders.size(), count);
    for (const auto& offender : offenders) found.push_back(offender.connection);
    std::sort(found.end() - static_cast<int64_t>(count), found.end(), std::greater<>());
  }
  for (int i = 0; i < 40; ++i) EXPECT_EQ(found[i], 40 - i);
}

TEST_F(PeerWatchTest, ConnectionsThatAreNewToItAreAskedForAlone) {
  received_ = {{1, Ends(1), 40'000}};
  counter_.connections = {{7, {Ends(1), {10, 0, 10}}}};
  EXPECT_THAT(Look(), IsEmpty());
  received_.push_back({2, Ends(2), 40'000});
  counter_.connections[8] = {Ends(2), {0, 4097, 0}};
  counter_.lists = counter_.counts = 0;
  EXPECT_EQ(Look().size(), 1);
  EXPECT_EQ(counter_.lists, 1);
  EXPECT_EQ(counter_.counts, 2);
}

TEST_F(PeerWatchTest, ANumberThatCameAfterGreaterOnesIsFound) {
  received_ = {{1, Ends(1), 40'000}, {2, Ends(2), 0}};
  counter_.connections = {{9, {Ends(1), {10, 0, 10}}}};
  EXPECT_THAT(Look(), IsEmpty());
  counter_.connections[8] = {Ends(2), {0, 4097, 0}};
  received_[1].count = 40'000;
  EXPECT_EQ(Look().size(), 1);
}

TEST_F(PeerWatchTest, WhatGrpcDoesNotKnowYetIsAskedForAgainAfterAsManyBytes) {
  received_ = {{1, Ends(1), 40'000}};  // Its handshake.
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_EQ(counter_.lists, 2);  // Of the new ones, and of all.
  counter_.connections = {{7, {Ends(1), {0, 4097, 0}}}};
  received_[0].count += kUnsuspicious;
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_EQ(counter_.lists, 2);
  received_[0].count += 1;
  EXPECT_EQ(Look().size(), 1);
}

TEST_F(PeerWatchTest, APeerThatConnectsAgainFromTheSamePortStartsAnew) {
  received_ = {{1, Ends(1), 40'000}};
  counter_.connections = {{7, {Ends(1), {0, 4000, 0}}}};
  EXPECT_THAT(Look(), IsEmpty());
  received_ = {{2, Ends(1), 40'000}};
  counter_.connections = {{8, {Ends(1), {0, 4000, 0}}}};
  EXPECT_THAT(Look(), IsEmpty());
  received_[0].count += 10'000;
  counter_.connections[8].streams.unanswered = 4097;
  EXPECT_THAT(Look(), ElementsAre("2 reset calls at a hostile rate: 4097 of its 4097 calls were "
                                  "not answered"));
}

TEST_F(PeerWatchTest, AnEarlierConnectionOfTheSameEndsHidesNothing) {
  // gRPC has not done with the earlier one, and not begun with the later.
  received_ = {{1, Ends(1), 40'000}, {2, Ends(1), 40'000}};
  counter_.connections = {{7, {Ends(1), {}}}};
  EXPECT_THAT(Look(), IsEmpty());
  counter_.connections[8] = {Ends(1), {0, 4097, 0}};
  received_[1].count += 40'000;
  EXPECT_THAT(Look(), ElementsAre("2 reset calls at a hostile rate: 4097 of its 4097 calls were "
                                  "not answered"));
}

TEST_F(PeerWatchTest, ANumberThatIsOverIsLearntAnew) {
  received_ = {{1, Ends(1), 40'000}};
  counter_.connections = {{7, {Ends(1), {10, 0, 10}}}};
  EXPECT_THAT(Look(), IsEmpty());
  counter_.connections = {{8, {Ends(1), {0, 4097, 0}}}};
  received_[0].count += 40'000;
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_EQ(Look().size(), 1);
}

TEST_F(PeerWatchTest, ConnectionsOfOnePeerToTwoPortsAreJudgedApart) {
  received_ = {{1, Ends(1, 8500), 40'000}, {2, Ends(1, 8501), 40'000}};
  counter_.connections = {{7, {Ends(1, 8500), {0, 4097, 0}}},
                          {8, {Ends(1, 8501), {4097, 0, 4097}}}};
  EXPECT_THAT(Look(), ElementsAre("1 reset calls at a hostile rate: 4097 of its 4097 calls were "
                                  "not answered"));
}

TEST_F(PeerWatchTest, PeersThatSendWithoutAMessageAreFound) {
  received_ = {{1, Ends(1), 0}};
  counter_.connections = {{7, {Ends(1), {0, 1, 0}}}};
  received_[0].count = 40'000;
  EXPECT_THAT(Look(), IsEmpty());
  received_[0].count = kMostBytes;
  EXPECT_THAT(Look(), IsEmpty());
  received_[0].count = kMostBytes + kUnsuspicious;
  EXPECT_THAT(Look(), ElementsAre("1 sent 1036864 bytes without a whole message"));
}

TEST_F(PeerWatchTest, EachMessageAllowsForAsManyBytesMore) {
  counter_.connections = {{7, {Ends(1), {0, 1, 0}}}};
  for (int look = 1; look <= 10; ++look) {
    received_ = {{1, Ends(1), look * kMostBytes}};
    counter_.connections[7].streams.finished = look;
    EXPECT_THAT(Look(), IsEmpty());
  }
  received_[0].count += kMostBytes + 1;
  EXPECT_THAT(Look(), ElementsAre("1 sent 1000001 bytes without a whole message"));
}

TEST_F(PeerWatchTest, ConnectionsThatHaveGoneAreForgotten) {
  for (int i = 1; i <= 100; ++i) received_.push_back({i, Ends(i), 40'000});
  Look();
  EXPECT_EQ(watch_.size(), 100);
  received_ = {{100, Ends(100), 40'000}, {101, Ends(101), 0}};
  Look();
  EXPECT_EQ(watch_.size(), 2);
  received_.clear();
  Look();
  EXPECT_EQ(watch_.size(), 0);
}

}  // namespace
}  // namespace mdn

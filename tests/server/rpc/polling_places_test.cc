#include "server/rpc/polling_places.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>

namespace mdn {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Long enough for every test: nobody takes over.
constexpr milliseconds kNever = hours(1);

TEST(PollingPlacesTest, APlaceIsLeftToTheNextThread) {
  PollingPlaces places(1, kNever);
  auto first = std::make_unique<PollingPlace>(places);
  auto second = std::async(std::launch::async, [&] { PollingPlace place(places); });
  first.reset();
  second.get();
}

TEST(PollingPlacesTest, LongWorkLeavesThePlaceMeanwhile) {
  PollingPlaces places(1, kNever);
  PollingPlace place(places);
  place.Yield([&] { std::thread([&] { PollingPlace other(places); }).join(); });
}

TEST(PollingPlacesTest, WorkThatHangsLosesItsPlace) {
  PollingPlaces places(1, milliseconds(1));
  PollingPlace place(places);
  place.Keep([&] { std::thread([&] { PollingPlace other(places); }).join(); });
}

TEST(PollingPlacesTest, WhoHasLostThePlaceWaitsForOne) {
  PollingPlaces places(1, milliseconds(1));
  std::promise<void> taken, go_on;
  std::atomic<bool> gone{false};
  std::thread other;
  PollingPlace place(places);
  place.Keep([&] {
    other = std::thread([&] {
      PollingPlace mine(places);
      taken.set_value();
      go_on.get_future().wait();
      gone = true;
    });
    taken.get_future().wait();
    go_on.set_value();
  });
  EXPECT_TRUE(gone);
  other.join();
}

TEST(PollingPlacesTest, ManyShortWorksKeepThePlace) {
  constexpr milliseconds kPatience(250);
  PollingPlaces places(1, kPatience);
  std::atomic<bool> entered{false};
  std::thread other;
  {
    PollingPlace place(places);
    other = std::thread([&] {
      PollingPlace mine(places);
      entered = true;
    });
    steady_clock::duration longest{0};
    const auto begin = steady_clock::now();
    for (auto before = begin, after = begin; after < begin + milliseconds(600); before = after) {
      place.Keep([] {});
      after = steady_clock::now();
      longest = std::max(longest, after - before);
    }
    // A busy machine may have made one of them long.
    EXPECT_TRUE(!entered || longest >= kPatience);
  }
  other.join();
  EXPECT_TRUE(entered);
}

}  // namespace
}  // namespace mdn

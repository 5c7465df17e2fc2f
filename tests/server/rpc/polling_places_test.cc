#include "server/rpc/polling_places.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>

namespace mdn {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

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
  // Far longer than a busy machine interrupts one of the works.
  PollingPlaces places(1, milliseconds(250));
  std::atomic<bool> entered{false};
  std::thread other;
  {
    PollingPlace place(places);
    other = std::thread([&] {
      PollingPlace mine(places);
      entered = true;
    });
    const auto end = std::chrono::steady_clock::now() + milliseconds(600);
    while (std::chrono::steady_clock::now() < end) place.Keep([] {});
    EXPECT_FALSE(entered);
  }
  other.join();
  EXPECT_TRUE(entered);
}

}  // namespace
}  // namespace mdn

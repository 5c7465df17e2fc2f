#include "server/rpc/stream_window.h"

#include <gtest/gtest.h>

namespace mdn {
namespace {

TEST(StreamWindowTest, ClosesAtFourBatchesOfRows) {
  Limits limits;
  limits.max_batch_rows = 10;
  StreamWindow window(limits);
  window.AddRows(39);
  EXPECT_TRUE(window.open());
  window.AddRows(100);
  EXPECT_FALSE(window.open());
  window.RemoveRows(100);
  EXPECT_TRUE(window.open());
}

TEST(StreamWindowTest, ClosesAtAQuarterOfTheQueue) {
  Limits limits;
  limits.max_queue_rows = 5;
  StreamWindow window(limits);
  window.AddRows(1);
  EXPECT_TRUE(window.open());
  window.AddRows(1);
  EXPECT_FALSE(window.open());
}

TEST(StreamWindowTest, ClosesAtOneMessageOfBytes) {
  Limits limits;
  StreamWindow window(limits);
  window.AddBytes(limits.max_message_bytes - 1);
  EXPECT_TRUE(window.open());
  window.AddBytes(1);
  EXPECT_FALSE(window.open());
  window.RemoveBytes(limits.max_message_bytes);
  EXPECT_EQ(window.bytes(), 0);
  EXPECT_TRUE(window.open());
}

}  // namespace
}  // namespace mdn

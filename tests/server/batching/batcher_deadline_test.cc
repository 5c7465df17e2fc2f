#include <atomic>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/batching/batcher.h"
#include "tests/server/batching/busy_batcher.h"
#include "tests/server/batching/recording_task.h"
#include "tests/support/fake_engine.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A clock that the test moves.
class SettableClock {
 public:
  void Set(SteadyTime time) { now_ = time; }
  Batcher::Options Options() {
    Batcher::Options options;
    options.now = [this] { return now_.load(); };
    return options;
  }

 private:
  std::atomic<SteadyTime> now_ = AtMicrosecond(1000);
};

TEST(BatcherDeadlineTest, TaskThatHasExpiredOnArrivalIsNotEvaluated) {
  SettableClock clock;
  const FakeEngine engine;
  Batcher batcher(engine, clock.Options());
  RecordingTask task(7, 1, AtMicrosecond(1000));
  batcher.Submit(task);
  EXPECT_EQ(task.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(engine.rows_seen(), 0);
}

TEST(BatcherDeadlineTest, TasksThatExpireInTheQueueAreNotEvaluated) {
  SettableClock clock;
  BusyBatcher busy(clock.Options());
  std::vector<std::unique_ptr<RecordingTask>> tasks;
  for (int i = 0; i < 10000; ++i) {
    tasks.push_back(std::make_unique<RecordingTask>(i, 1, AtMicrosecond(i < 5000 ? 2000 : 2001)));
    busy.batcher().Submit(*tasks.back());
  }
  clock.Set(AtMicrosecond(2000));
  busy.Finish();
  EXPECT_EQ(busy.engine().rows_seen(), 1 + 5000);
  for (int i = 0; i < 10000; ++i) {
    EXPECT_EQ(tasks[i]->code(),
              i < 5000 ? absl::StatusCode::kDeadlineExceeded : absl::StatusCode::kOk);
    EXPECT_EQ(tasks[i]->rows_consumed(), i < 5000 ? 0 : 1);
  }
}

TEST(BatcherDeadlineTest, TaskThatExpiresBetweenSlicesIsNotEvaluatedFurther) {
  SettableClock clock;
  const FakeEngine engine;
  Batcher::Options options = clock.Options();
  options.max_batch_rows = 4;
  Batcher batcher(engine, options);
  RecordingTask task(7, 20, AtMicrosecond(2000));
  task.on_consume = [&] { clock.Set(AtMicrosecond(engine.rows_seen() < 8 ? 1999 : 2000)); };
  batcher.Submit(task);
  EXPECT_EQ(task.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(task.message(), HasSubstr("while the request waited"));
  EXPECT_THAT(engine.batch_sizes(), ElementsAre(4, 4));
}

}  // namespace
}  // namespace mdn

#ifndef MDN_TESTS_SERVER_BATCHING_BUSY_BATCHER_H_
#define MDN_TESTS_SERVER_BATCHING_BUSY_BATCHER_H_

#include <thread>
#include <utility>

#include "server/batching/batcher.h"
#include "tests/server/batching/recording_task.h"
#include "tests/support/fake_engine.h"

namespace mdn {

/// A batcher whose engine is stopped in the middle of a batch of one row, so that what is submitted
/// waits. Confined to one thread.
class BusyBatcher {
 public:
  explicit BusyBatcher(Batcher::Options options) : batcher_(engine_, std::move(options)) {
    engine_.Block();
    evaluator_ = std::thread([this] { batcher_.Submit(first_); });
    engine_.WaitUntilBlocked();
  }
  ~BusyBatcher() { Finish(); }

  FakeEngine& engine() { return engine_; }
  Batcher& batcher() { return batcher_; }
  RecordingTask& first() { return first_; }

  /// Returns when the engine has gone through all that waits.
  void Finish() {
    engine_.Release();
    if (evaluator_.joinable()) evaluator_.join();
  }

 private:
  FakeEngine engine_;
  Batcher batcher_;
  RecordingTask first_{-1};
  std::thread evaluator_;
};

}  // namespace mdn

#endif  // MDN_TESTS_SERVER_BATCHING_BUSY_BATCHER_H_

#ifndef MDN_SERVER_RPC_GATHERED_TASKS_H_
#define MDN_SERVER_RPC_GATHERED_TASKS_H_

#include <chrono>
#include <cstdint>
#include <memory>

#include "absl/container/inlined_vector.h"
#include "server/batching/task.h"
#include "server/repository/served_model.h"
#include "server/rpc/poller.h"
#include "server/rpc/polling_places.h"

namespace mdn {

/// The models that have got tasks from the events which a thread is completing, so that these are
/// evaluated together when it has completed all that were there. Confined to its thread.
class GatheredTasks final : public Gathered {
 public:
  static GatheredTasks& OfThisThread();

  /// Queues the task, which arrived at `now`, at its model's batcher. The task, and its owner's
  /// share of the model, may be gone when this returns.
  void Add(const std::shared_ptr<ServedModel>& model, Task& task, SteadyTime now);

  /// This thread's, from now on.
  void set_place(PollingPlace& place) { place_ = &place; }

  /// A full batch waits for this thread, or as many tasks as are worth waiting for one another.
  bool full() const override { return full_; }
  bool small() const override;
  int looks() const override;
  /// Evaluates what waits. Leaves this thread's place to another one meanwhile if that will take
  /// long.
  bool Finish() override;
  /// Takes a moment where others evaluate on every processor.
  void Rest() override;

 private:
  // At the beginning of a busy time; twice as many, within reason, whenever that was not all.
  static constexpr int64_t kFewTasks = 4;

  PollingPlace* place_ = nullptr;
  absl::InlinedVector<std::shared_ptr<ServedModel>, 1> models_;
  bool full_ = false;
  /// Since the last Finish; and so many as do not wait for more, if they are quick.
  int64_t tasks_ = 0;
  int64_t enough_tasks_ = kFewTasks;
  std::chrono::nanoseconds rest_{0};
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_GATHERED_TASKS_H_

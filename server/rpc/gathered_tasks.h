#ifndef MDN_SERVER_RPC_GATHERED_TASKS_H_
#define MDN_SERVER_RPC_GATHERED_TASKS_H_

#include <memory>

#include "absl/container/inlined_vector.h"
#include "server/batching/task.h"
#include "server/repository/served_model.h"
#include "server/rpc/poller.h"

namespace mdn {

/// The models that have got tasks from the events which a thread is completing, so that these are
/// evaluated together when it has completed all that were there. Confined to its thread.
class GatheredTasks {
 public:
  static GatheredTasks& OfThisThread();

  /// Queues the task at its model's batcher. The task, and its owner's share of the model, may be
  /// gone when this returns.
  void Add(const std::shared_ptr<ServedModel>& model, Task& task);

  /// A full batch waits.
  bool full() const { return full_; }

  /// Evaluates what waits. Leaves this thread's place to another one meanwhile if that will take
  /// long.
  void Evaluate(PollingPlaces& places);

 private:
  absl::InlinedVector<std::shared_ptr<ServedModel>, 1> models_;
  bool full_ = false;
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_GATHERED_TASKS_H_

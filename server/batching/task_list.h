#ifndef MDN_SERVER_BATCHING_TASK_LIST_H_
#define MDN_SERVER_BATCHING_TASK_LIST_H_

#include "server/batching/task.h"

namespace mdn {

/// Tasks in order, linked through the tasks themselves: nothing is allocated, and every operation
/// takes constant time. A task stands in one list at most; the list does not own it, and must be
/// empty when it is destroyed. Thread-compatible.
class TaskList {
 public:
  TaskList() = default;
  TaskList(TaskList&& other) noexcept;
  TaskList& operator=(TaskList&&) = delete;
  ~TaskList();

  bool empty() const { return front_ == nullptr; }
  /// Not empty.
  Task& front() const { return *front_; }

  void PushBack(Task& task) { InsertBefore(nullptr, task); }
  /// `next` stands in this list; nullptr: at the end.
  void InsertBefore(Task* next, Task& task);
  void Append(TaskList other);
  /// The task stands in this list.
  void Remove(Task& task);
  /// Not empty.
  Task& PopFront();

 private:
  Task* front_ = nullptr;
  Task* back_ = nullptr;
};

}  // namespace mdn

#endif  // MDN_SERVER_BATCHING_TASK_LIST_H_

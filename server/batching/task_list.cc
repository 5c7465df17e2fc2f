#include "server/batching/task_list.h"

#include <cassert>
#include <utility>

namespace mdn {

TaskList::TaskList(TaskList&& other) noexcept
    : front_(std::exchange(other.front_, nullptr)), back_(std::exchange(other.back_, nullptr)) {}

TaskList::~TaskList() { assert(empty()); }

void TaskList::InsertBefore(Task* next, Task& task) {
  Task*& back = next == nullptr ? back_ : next->previous_;
  task.previous_ = back;
  task.next_ = next;
  (back == nullptr ? front_ : back->next_) = &task;
  back = &task;
}

void TaskList::Append(TaskList other) {
  if (other.empty()) return;
  other.front_->previous_ = back_;
  (back_ == nullptr ? front_ : back_->next_) = other.front_;
  back_ = other.back_;
  other.front_ = other.back_ = nullptr;
}

void TaskList::Remove(Task& task) {
  (task.previous_ == nullptr ? front_ : task.previous_->next_) = task.next_;
  (task.next_ == nullptr ? back_ : task.next_->previous_) = task.previous_;
  task.previous_ = task.next_ = nullptr;
}

Task& TaskList::PopFront() {
  assert(!empty());
  Task& task = *front_;
  Remove(task);
  return task;
}

}  // namespace mdn

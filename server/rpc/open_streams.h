#ifndef MDN_SERVER_RPC_OPEN_STREAMS_H_
#define MDN_SERVER_RPC_OPEN_STREAMS_H_

#include <mutex>

#include "absl/container/flat_hash_set.h"

namespace mdn {

/// The streams that must be told when the server drains, since they would stay for as long as
/// their callers like. Thread-safe.
class OpenStreams {
 public:
  class Stream {
   public:
    /// Reads no more, and ends when what it has read is answered. Called once, under OpenStreams'
    /// lock.
    virtual void Drain() = 0;

   protected:
    ~Stream() = default;
  };

  /// Drains it at once where the server does.
  void Add(Stream& stream) {
    const std::lock_guard<std::mutex> lock(mutex_);
    streams_.insert(&stream);
    if (draining_) stream.Drain();
  }

  void Remove(Stream& stream) {
    const std::lock_guard<std::mutex> lock(mutex_);
    streams_.erase(&stream);
  }

  void Drain() {
    const std::lock_guard<std::mutex> lock(mutex_);
    draining_ = true;
    for (Stream* const stream : streams_) stream->Drain();
  }

 private:
  std::mutex mutex_;
  // Guarded by mutex_.
  absl::flat_hash_set<Stream*> streams_;
  bool draining_ = false;
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_OPEN_STREAMS_H_

#include "server/connections/peer_watch.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace mdn {

std::vector<PeerWatch::Offender> PeerWatch::Look(const std::vector<BytesReceived>& received,
                                                 Time now) {
  const std::vector<BytesReceived> suspects = Suspects(received, now);
  LearnNumbers(suspects, received, now);
  std::vector<Offender> offenders;
  for (const BytesReceived& suspect : suspects) {
    Peer& peer = peers_.at(suspect.connection);
    const auto counted = CountStreams(peer, suspect.count);
    if (!counted.has_value()) continue;
    auto offence = Judge(peer, *counted, suspect.count, now);
    if (offence.has_value()) offenders.push_back({suspect.connection, *std::move(offence)});
  }
  return offenders;
}

std::vector<BytesReceived> PeerWatch::Suspects(const std::vector<BytesReceived>& received,
                                               Time now) {
  ++looks_;
  std::vector<BytesReceived> suspects;
  for (const BytesReceived& bytes : received) {
    Peer& peer = peers_.try_emplace(bytes.connection, now).first->second;
    peer.look = looks_;
    if (bytes.count - peer.counted_bytes > kLeastBytesPerStream * peer.budget.left()) {
      suspects.push_back(bytes);
    } else {
      peer.budget.Rest(now);
    }
  }
  if (peers_.size() > received.size()) {
    absl::erase_if(peers_, [this](const auto& entry) { return entry.second.look != looks_; });
  }
  if (suspects.size() > kMostCounted) {
    std::nth_element(suspects.begin(), suspects.begin() + kMostCounted, suspects.end(),
                     [this](const BytesReceived& a, const BytesReceived& b) {
                       return UncountedBytes(a) > UncountedBytes(b);
                     });
    suspects.resize(kMostCounted);
  }
  return suspects;
}

int64_t PeerWatch::UncountedBytes(const BytesReceived& bytes) const {
  return bytes.count - peers_.at(bytes.connection).counted_bytes;
}

void PeerWatch::LearnNumbers(const std::vector<BytesReceived>& suspects,
                             const std::vector<BytesReceived>& received, Time now) {
  const auto is_unknown = [this](const BytesReceived& suspect) {
    return peers_.at(suspect.connection).number == 0;
  };
  const auto is_doubtful = [&](const BytesReceived& suspect) {
    return is_unknown(suspect) || peers_.at(suspect.connection).stood_still;
  };
  if (std::none_of(suspects.begin(), suspects.end(), is_doubtful)) return;
  LearnNumbersFrom(next_number_, received, now);
  // It came into the list after greater ones, or before its bytes were looked at.
  if (std::any_of(suspects.begin(), suspects.end(), is_unknown)) LearnNumbersFrom(0, received, now);
}

void PeerWatch::LearnNumbersFrom(int64_t first, const std::vector<BytesReceived>& received,
                                 Time now) {
  absl::flat_hash_set<int64_t> known;
  for (const auto& [connection, peer] : peers_) known.insert(peer.number);
  absl::flat_hash_map<TcpEnds, int64_t> open;
  for (const BytesReceived& bytes : received) {
    int64_t& connection = open[bytes.ends];
    connection = std::max(connection, bytes.connection);
  }
  for (const int64_t number : counter_.Connections(first)) {
    next_number_ = std::max(next_number_, number + 1);
    if (known.contains(number)) continue;
    const auto counted = counter_.Count(number);
    if (!counted.has_value() || !counted->ends.has_value()) continue;
    const auto connection = open.find(*counted->ends);
    if (connection == open.end()) continue;
    Peer& peer = peers_.at(connection->second);
    if (number < peer.number) continue;
    peer.number = number;
    peer.budget = ResetBudget(now);
    peer.streams = {};
  }
}

std::optional<StreamCounts> PeerWatch::CountStreams(Peer& peer, int64_t bytes) {
  if (peer.number == 0) {
    peer.counted_bytes = bytes;  // It is looked for again when as many have come.
    return std::nullopt;
  }
  const auto counted = counter_.Count(peer.number);
  if (!counted.has_value()) {
    peer.number = 0;
    return std::nullopt;
  }
  peer.counted_bytes = bytes;
  return counted->streams;
}

std::optional<std::string> PeerWatch::Judge(Peer& peer, const StreamCounts& streams, int64_t bytes,
                                            Time now) {
  const StreamCounts before = std::exchange(peer.streams, streams);
  peer.stood_still = streams == before;
  if (streams.finished > before.finished) peer.finished_bytes = bytes;
  if (!peer.budget.Bears(streams.answered, streams.unanswered, now)) {
    return absl::StrCat("reset calls at a hostile rate: ", streams.unanswered, " of its ",
                        streams.unanswered + streams.answered, " calls were not answered");
  }
  const int64_t unfinished = bytes - peer.finished_bytes;
  if (unfinished <= most_bytes_) return std::nullopt;
  return absl::StrCat("sent ", unfinished, " bytes without a whole message");
}

}  // namespace mdn

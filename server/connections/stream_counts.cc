#include "server/connections/stream_counts.h"

#include <grpc/grpc.h>
#include <grpc/support/alloc.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"

namespace mdn {
namespace {

using Json = nlohmann::json;

/// What gRPC's channelz tells, which is text that the caller frees, or nothing.
Json Parsed(char* text) {
  const std::unique_ptr<char, decltype(&gpr_free)> owner(text, &gpr_free);
  return text == nullptr ? Json() : Json::parse(text, nullptr, false);
}

/// Protobuf's JSON has such numbers as text, and leaves out those that are 0.
int64_t Number(const Json& object, const char* name) {
  int64_t number = 0;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return 0;
  return absl::SimpleAtoi(found->get_ref<const std::string&>(), &number) ? number : 0;
}

const Json& Member(const Json& object, const char* name) {
  static const Json kNone = Json::object();
  const auto found = object.find(name);
  return found == object.end() ? kNone : *found;
}

Json Servers() { return Member(Parsed(grpc_channelz_get_servers(0)), "server"); }

std::optional<PeerAddress> Peer(const Json& remote) {
  const Json& address = Member(remote, "tcpip_address");
  PeerAddress peer;
  if (!absl::Base64Unescape(address.value("ip_address", ""), &peer.host)) return std::nullopt;
  peer.port = address.value("port", 0);
  if (peer.port == 0) return std::nullopt;
  return peer;
}

void AddConnection(int64_t connection, std::vector<StreamCounts>& connections) {
  const Json parsed = Parsed(grpc_channelz_get_socket(connection));
  if (!parsed.is_object()) return;  // It is over.
  const Json& socket = Member(parsed, "socket");
  const Json& data = Member(socket, "data");
  StreamCounts counts;
  counts.connection = connection;
  counts.peer = Peer(Member(socket, "remote"));
  counts.answered = Number(data, "streamsSucceeded");
  counts.unanswered = Number(data, "streamsStarted") - counts.answered;
  counts.finished = Number(data, "messagesReceived") + counts.answered;
  connections.push_back(std::move(counts));
}

void AddConnections(int64_t server, std::vector<StreamCounts>& connections) {
  bool at_end = false;
  for (int64_t next = 0; !at_end;) {
    const Json page = Parsed(grpc_channelz_get_server_sockets(server, next, 0));
    if (!page.is_object()) return;
    for (const Json& reference : Member(page, "socketRef")) {
      const int64_t connection = Number(reference, "socketId");
      AddConnection(connection, connections);
      next = connection + 1;
    }
    at_end = page.value("end", false) || Member(page, "socketRef").empty();
  }
}

}  // namespace

std::vector<StreamCounts> CountStreams() {
  std::vector<StreamCounts> connections;
  for (const Json& server : Servers()) {
    AddConnections(Number(Member(server, "ref"), "serverId"), connections);
  }
  return connections;
}

int64_t CountCalls() {
  int64_t count = 0;
  for (const Json& server : Servers()) {
    count += Number(Member(server, "data"), "callsStarted");
  }
  return count;
}

}  // namespace mdn

#include "server/connections/stream_counts.h"

#include <grpc/grpc.h>
#include <grpc/support/alloc.h>

#include <algorithm>
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

std::optional<TcpAddress> Address(const Json& address) {
  const Json& tcp = Member(address, "tcpip_address");
  std::string host;
  if (!absl::Base64Unescape(tcp.value("ip_address", ""), &host)) return std::nullopt;
  return AddressOf(host, tcp.value("port", 0));
}

std::optional<TcpEnds> Ends(const Json& socket) {
  const auto local = Address(Member(socket, "local")), peer = Address(Member(socket, "remote"));
  if (!local.has_value() || !peer.has_value()) return std::nullopt;
  return TcpEnds{*local, *peer};
}

void AddConnections(int64_t server, int64_t first, std::vector<int64_t>& connections) {
  bool at_end = false;
  while (!at_end) {
    const Json page = Parsed(grpc_channelz_get_server_sockets(server, first, 0));
    if (!page.is_object()) return;
    for (const Json& reference : Member(page, "socketRef")) {
      connections.push_back(Number(reference, "socketId"));
      first = connections.back() + 1;
    }
    at_end = page.value("end", false) || Member(page, "socketRef").empty();
  }
}

}  // namespace

std::vector<int64_t> ChannelzCounter::Connections(int64_t first) {
  std::vector<int64_t> connections;
  const Json servers = Parsed(grpc_channelz_get_servers(0));
  for (const Json& server : Member(servers, "server")) {
    AddConnections(Number(Member(server, "ref"), "serverId"), first, connections);
  }
  std::sort(connections.begin(), connections.end());
  return connections;
}

std::optional<CountedConnection> ChannelzCounter::Count(int64_t connection) {
  const Json parsed = Parsed(grpc_channelz_get_socket(connection));
  if (!parsed.is_object()) return std::nullopt;
  const Json& socket = Member(parsed, "socket");
  const Json& data = Member(socket, "data");
  CountedConnection counted;
  counted.ends = Ends(socket);
  counted.streams.answered = Number(data, "streamsSucceeded");
  counted.streams.unanswered = Number(data, "streamsStarted") - counted.streams.answered;
  counted.streams.finished = Number(data, "messagesReceived") + counted.streams.answered;
  return counted;
}

}  // namespace mdn

#include "server/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/connections/listening_socket.h"
#include "server/rpc/gathered_tasks.h"
#include "server/rpc/stream_call.h"
#include "server/rpc/unknown_call.h"
#include "server/transport.h"

namespace mdn {
namespace {

// Calls that may arrive between two looks at the queue without waiting for a place. Debian's gRPC
// looks through all calls that are waited for at each event: with 128 a method a request cost 9.3
// us of CPU instead of 8.5.
constexpr int kListeningCallsPerMethod = 16;
constexpr int kListeningStreams = 4;
constexpr int kListeningHealthCalls = 4;
constexpr int kMaxHealthCalls = 1024;
constexpr int kListeningAdministrationCalls = 4;
constexpr int kMaxAdministrationCalls = 128;
constexpr int kListeningUnknownCalls = 4;
constexpr int kMaxUnknownCalls = 128;
constexpr int64_t kMaxHealthBytes = int64_t{16} << 20;
constexpr std::chrono::milliseconds kQuietBeforeShutdown(100);
// An evaluation that hangs keeps nobody from receiving for longer than twice this. A thread that
// waits for a place looks around as often.
constexpr std::chrono::milliseconds kPatience(250);
constexpr std::chrono::seconds kLongestFarewell(1);

/// Of plugins there is reflection, which answers without a token. It is there as soon as its
/// library is loaded, whether or not anybody asked for it.
class WithoutPlugins final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->clear();
  }
};

/// `to` closes the connections that it is handed.
std::function<void(int)> HandOverTo(
    std::shared_ptr<grpc::experimental::ExternalConnectionAcceptor> to) {
  return [to = std::move(to)](int descriptor) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.fd = descriptor;
    to->HandleNewConnection(&connection);
  };
}

std::string WithPort(const std::string& address, int port) {
  if (absl::StartsWith(address, "unix:")) return address;
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

}  // namespace

Server::Server(const Options& options, ModelRepository& repository)
    : options_(options),
      repository_(repository),
      connections_(ConnectionLimit(options.connections.count)),
      gate_(options.max_inflight_requests,
            std::max(options.max_inflight_bytes, 4 * options.limits.max_message_bytes)),
      check_gate_(kMaxHealthCalls, kMaxHealthBytes),
      watch_gate_(connections_.limit(), 0),
      stream_gate_(options.max_inflight_requests,
                   std::max(options.max_inflight_bytes / 2, 4 * options.limits.max_message_bytes)),
      administration_gate_(kMaxAdministrationCalls, kMaxHealthBytes),
      unknown_gate_(kMaxUnknownCalls, 0),
      mdn_service_(repository, options.limits),
      repository_service_(repository, options.keeper),
      places_(options.pollers, kPatience) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options,
                                                      ModelRepository& repository) {
  std::unique_ptr<Server> server(new Server(options, repository));
  if (absl::Status status = server->Build(); !status.ok()) return status;
  return server;
}

absl::Status Server::Build() {
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  if (!options_.access.is_open_to(Role::kCall)) {
    builder.SetOption(std::make_unique<WithoutPlugins>());
  }
  SecureTransport(builder, options_.limits, options_.connections);
  auto listeners = Listen(builder);
  if (!listeners.ok()) return listeners.status();
  builder.RegisterService(&mdn_service_.grpc_service());
  builder.RegisterService(&repository_service_.grpc_service());
  builder.RegisterService(&health_service_.grpc_service());
  builder.RegisterAsyncGenericService(&unknown_service_);
  // Reflection is a synchronous service; it needs few threads of its own.
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 2);
  queue_ = builder.AddCompletionQueue();
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    return absl::InternalError("gRPC cannot start a server; at the log level debug it says why");
  }

  mdn_endpoint_.reset(new CallEndpoint<MdnService>{mdn_service_, *queue_, gate_, rpc_metrics_,
                                                   &options_.access, Role::kCall,
                                                   &options_.access_log});
  stream_endpoint_.reset(new CallEndpoint<MdnService>{mdn_service_, *queue_, stream_gate_,
                                                      rpc_metrics_, &options_.access, Role::kCall,
                                                      &options_.access_log});
  repository_endpoint_.reset(new CallEndpoint<ModelRepositoryService>{
      repository_service_, *queue_, administration_gate_, rpc_metrics_, &options_.access,
      Role::kCall, &options_.access_log});
  const bool is_open = options_.open_administration && options_.access.is_open_to(Role::kCall);
  administration_endpoint_.reset(new CallEndpoint<ModelRepositoryService>{
      repository_service_, *queue_, administration_gate_, rpc_metrics_,
      is_open ? nullptr : &options_.access, Role::kAdminister, &options_.access_log});
  check_endpoint_.reset(
      new CallEndpoint<HealthService>{health_service_, *queue_, check_gate_, rpc_metrics_});
  watch_endpoint_.reset(
      new CallEndpoint<HealthService>{health_service_, *queue_, watch_gate_, rpc_metrics_});
  unknown_endpoint_.reset(new CallEndpoint<grpc::AsyncGenericService>{
      unknown_service_, *queue_, unknown_gate_, rpc_metrics_, &options_.access, Role::kCall,
      &options_.access_log});
  MdnService::Listen(*mdn_endpoint_, kListeningCallsPerMethod);
  StreamCall::Listen(*stream_endpoint_, kListeningStreams);
  HealthService::Listen(*check_endpoint_, *watch_endpoint_, kListeningHealthCalls);
  ModelRepositoryService::Listen(*repository_endpoint_, *administration_endpoint_,
                                 kListeningAdministrationCalls);
  ListenForCalls<UnknownCall>(*unknown_endpoint_, kListeningUnknownCalls);
  repository_.Listen([this](const ServedModels& models) { TellHealth(models); });
  for (int i = 0; i <= options_.pollers; ++i) pollers_.emplace_back([this] { Poll(); });
  acceptor_ = std::make_unique<Acceptor>(*std::move(listeners), connections_);
  peer_guard_ = std::make_unique<PeerGuard>(connections_, MemoryQuota(options_.limits));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Acceptor::Listener>> Server::Listen(grpc::ServerBuilder& builder) {
  using FromOutside = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  std::vector<Acceptor::Listener> listeners;
  for (const std::string& address : options_.listen) {
    auto sockets = ListeningSocket::Open(address, options_.port_use);
    if (!sockets.ok()) return sockets.status();
    addresses_.push_back(WithPort(address, sockets->front().port()));
    credentials_.push_back(Credentials(address));
    const auto take = HandOverTo(builder.experimental().AddExternalConnectionAcceptor(
        FromOutside::FROM_FD, credentials_.back()));
    for (ListeningSocket& socket : *sockets) listeners.push_back({std::move(socket), take});
  }
  return listeners;
}

void Server::TellHealth(const ServedModels& models) {
  std::map<std::string, bool> services;
  for (const VersionStatus& status : models.statuses) {
    services[status.name] = models.models.count(status.name) > 0;
  }
  services["mdn.v1.MdnService"] = models.is_ready;
  services[""] = models.is_ready;
  health_service_.SetServing(services);
}

std::shared_ptr<grpc::ServerCredentials> Server::Credentials(const std::string& address) const {
  if (options_.tls == nullptr || absl::StartsWith(address, "unix:")) {
    return grpc::InsecureServerCredentials();
  }
  return TlsCredentials(options_.tls);
}

void Server::Poll() {
  GatheredTasks& tasks = GatheredTasks::OfThisThread();
  PollingPlace place(places_);
  tasks.set_place(place);
  CompleteEvents(*queue_, tasks);
}

void Server::Drain() {
  if (queue_ == nullptr) return;
  if (server_ != nullptr) EndCalls();
  queue_->Shutdown();
  if (pollers_.empty()) Poll();
  for (std::thread& poller : pollers_) poller.join();
  queue_.reset();
}

void Server::EndCalls() {
  const SteadyTime deadline =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(options_.drain_timeout);
  repository_.Listen(nullptr);
  health_service_.StopServing();
  // gRPC cancels a call that reaches it between the beginning of its shutdown and the caller's
  // hearing of it. A refusal that says UNAVAILABLE sends callers away before.
  gate_.Close();
  stream_gate_.Close();
  mdn_service_.open_streams().Drain();
  administration_gate_.Close();
  unknown_gate_.Close();
  gate_.AwaitQuiet(kQuietBeforeShutdown, deadline);
  stream_gate_.AwaitQuiet(kQuietBeforeShutdown, deadline);
  // Nothing is left but what would be refused, and the peers' word that they know of the end: one
  // that has nothing to do may take 5 s for it.
  const SteadyTime last = std::min(deadline, std::chrono::steady_clock::now() + kLongestFarewell);
  acceptor_.reset();  // gRPC would lose what it is handed now.
  // Whoever watches asks again at once, until it hears that the connection ends.
  health_service_.Drain();
  server_->Shutdown(std::chrono::system_clock::now() + (last - std::chrono::steady_clock::now()));
  // Calls that the deadline cancelled still end by themselves, and use the queue until then.
  gate_.AwaitNone();
  stream_gate_.AwaitNone();
  administration_gate_.AwaitNone();
  unknown_gate_.AwaitNone();
  check_gate_.AwaitNone();
  watch_gate_.AwaitNone();
}

Server::~Server() { Drain(); }

}  // namespace mdn

#include "server/connections/listening_socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace mdn {
namespace {

constexpr absl::string_view kUnix = "unix:";
/// After this time without an acknowledgement of what was sent the peer counts as gone.
constexpr int kLongestSilenceMs = 10'000;
/// Free ports are tried where a name has several addresses, of which another one is taken.
constexpr int kMaxPortsTried = 8;
/// How long others may take to make a socket in the same directory.
constexpr int kLockAttempts = 100;
constexpr std::chrono::milliseconds kLockInterval(10);

/// An address of the system's, of any family.
struct Place {
  sockaddr_storage storage{};
  socklen_t size = 0;

  bool operator==(const Place& other) const {
    return size == other.size && std::memcmp(&storage, &other.storage, size) == 0;
  }
  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr_in6& v6() { return reinterpret_cast<sockaddr_in6&>(storage); }
  sockaddr_in& v4() { return reinterpret_cast<sockaddr_in&>(storage); }
  void set_port(int port) {
    (storage.ss_family == AF_INET6 ? v6().sin6_port : v4().sin_port) =
        htons(static_cast<uint16_t>(port));
  }
};

bool IsEverywhere(Place& place) {
  if (place.storage.ss_family == AF_INET) return place.v4().sin_addr.s_addr == INADDR_ANY;
  return std::memcmp(&place.v6().sin6_addr, &in6addr_any, sizeof(in6addr_any)) == 0;
}

Place EverywhereOfBothVersions(int port) {
  Place place;
  place.storage.ss_family = AF_INET6;
  place.size = sizeof(sockaddr_in6);
  place.set_port(port);
  return place;
}

bool SetOption(int socket, int level, int option, int value) {
  return setsockopt(socket, level, option, &value, sizeof(value)) == 0;
}

/// Fails with errno.
FileDescriptor Listen(const Place& place, PortUse use) {
  const int family = place.storage.ss_family;
  FileDescriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int number = socket.number();
  if (number < 0) return socket;
  // Connections inherit what is set here.
  if (family == AF_INET6) SetOption(number, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (family != AF_UNIX) {
    SetOption(number, SOL_SOCKET, SO_REUSEADDR, 1);
    if (use == PortUse::kShared) SetOption(number, SOL_SOCKET, SO_REUSEPORT, 1);
    SetOption(number, IPPROTO_TCP, TCP_NODELAY, 1);
    SetOption(number, IPPROTO_TCP, TCP_USER_TIMEOUT, kLongestSilenceMs);
  }
  if (bind(number, place.address(), place.size) == 0 && listen(number, SOMAXCONN) == 0) {
    return socket;
  }
  const int error = errno;
  socket.Close();
  errno = error;
  return socket;
}

absl::Status Unavailable(const std::string& address, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("cannot listen on ", address, ": ", why));
}

absl::StatusOr<std::vector<Place>> Resolve(const std::string& address) {
  const auto [host, port] = HostAndPort(address);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
    return Unavailable(address, gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  std::vector<Place> places;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    Place place;
    std::memcpy(&place.storage, entry->ai_addr, entry->ai_addrlen);
    place.size = entry->ai_addrlen;
    // A name may have an address twice.
    if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
  }
  return places;
}

/// Listens at all places, on the port of the first where theirs is 0. EADDRINUSE where one is
/// taken, or the last error where none can be had, and then nothing.
std::vector<ListeningSocket> ListenAtAll(std::vector<Place> places, bool any_port, PortUse use,
                                         int& error) {
  std::vector<ListeningSocket> sockets;
  bool listens_everywhere = false;
  for (Place& place : places) {
    if (any_port && !sockets.empty()) place.set_port(sockets.front().port());
    FileDescriptor socket;
    if (IsEverywhere(place)) {
      if (listens_everywhere) continue;
      socket = Listen(EverywhereOfBothVersions(ntohs(place.v4().sin_port)), use);
      listens_everywhere = socket.has_value();
    }
    if (!socket.has_value()) socket = Listen(place, use);
    if (socket.has_value()) {
      sockets.emplace_back(std::move(socket));
      continue;
    }
    error = errno;
    if (error == EADDRINUSE) return {};
  }
  return sockets;
}

absl::StatusOr<std::vector<ListeningSocket>> ListenOnTcp(const std::string& address, PortUse use) {
  const absl::StatusOr<std::vector<Place>> places = Resolve(address);
  if (!places.ok()) return places.status();
  const bool any_port = HostAndPort(address).second == "0";
  int error = 0;
  for (int attempt = 0; attempt < (any_port ? kMaxPortsTried : 1); ++attempt) {
    std::vector<ListeningSocket> sockets = ListenAtAll(*places, any_port, use, error);
    if (!sockets.empty()) return sockets;
  }
  return Unavailable(address, std::strerror(error));
}

/// Keeps other starters out of the file's directory until it is closed, so that none removes a
/// socket that another has just made. Nothing where directories cannot be locked; UNAVAILABLE where
/// another process keeps this one.
absl::StatusOr<FileDescriptor> LockDirectoryOf(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  FileDescriptor lock(open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_CLOEXEC));
  for (int attempt = 0; attempt < kLockAttempts; ++attempt) {
    if (flock(lock.number(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return lock;
    std::this_thread::sleep_for(kLockInterval);
  }
  return absl::UnavailableError("nobody serves it, but another process keeps its directory locked");
}

bool IsSocket(const std::string& path) {
  struct stat file {};
  return stat(path.c_str(), &file) == 0 && S_ISSOCK(file.st_mode);
}

bool IsServed(const Place& place) {
  const FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return connect(socket.number(), place.address(), place.size) == 0 || errno != ECONNREFUSED;
}

absl::StatusOr<std::vector<ListeningSocket>> ListenOnUnix(const std::string& address) {
  const std::string path(absl::StripPrefix(address, kUnix));
  Place place;
  place.storage.ss_family = AF_UNIX;
  place.size = sizeof(sockaddr_un);
  auto& file = reinterpret_cast<sockaddr_un&>(place.storage);
  if (path.size() >= sizeof(file.sun_path)) return Unavailable(address, "the path is too long");
  std::memcpy(file.sun_path, path.data(), path.size());

  const absl::StatusOr<FileDescriptor> lock = LockDirectoryOf(path);
  FileDescriptor socket = Listen(place, PortUse::kAlone);
  if (!socket.has_value() && errno == EADDRINUSE) {
    if (!IsSocket(path)) return Unavailable(address, "a file that is no socket is there");
    if (IsServed(place)) return Unavailable(address, "another process serves it");
    if (!lock.ok()) return Unavailable(address, lock.status().message());
    unlink(path.c_str());
    socket = Listen(place, PortUse::kAlone);
  }
  if (!socket.has_value()) return Unavailable(address, std::strerror(errno));
  std::vector<ListeningSocket> sockets;
  sockets.emplace_back(std::move(socket), path);
  return sockets;
}

/// 0 where there is no such file.
ino_t Inode(const std::string& path) {
  struct stat file {};
  return stat(path.c_str(), &file) == 0 ? file.st_ino : 0;
}

}  // namespace

absl::StatusOr<std::vector<ListeningSocket>> ListeningSocket::Open(const std::string& address,
                                                                   PortUse use) {
  return absl::StartsWith(address, kUnix) ? ListenOnUnix(address) : ListenOnTcp(address, use);
}

ListeningSocket::ListeningSocket(FileDescriptor socket, std::string path)
    : socket_(std::move(socket)),
      path_(std::move(path)),
      inode_(path_.empty() ? 0 : Inode(path_)) {}

ListeningSocket::~ListeningSocket() {
  const bool has_file = socket_.has_value() && !path_.empty();
  if (has_file && Inode(path_) == inode_) unlink(path_.c_str());
}

int ListeningSocket::port() const {
  Place place;
  place.size = sizeof(place.storage);
  getsockname(descriptor(), reinterpret_cast<sockaddr*>(&place.storage), &place.size);
  if (place.storage.ss_family == AF_UNIX) return 0;
  return ntohs(place.storage.ss_family == AF_INET6 ? place.v6().sin6_port : place.v4().sin_port);
}

std::pair<std::string, std::string> HostAndPort(const std::string& address) {
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.size() > 1 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return {host, address.substr(colon + 1)};
}

}  // namespace mdn

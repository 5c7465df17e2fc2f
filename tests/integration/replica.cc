#include "tests/integration/replica.h"

#include <unistd.h>

#include <utility>

namespace mdn {

std::string LoopbackHost() {
  // Connections leave from 127.0.0.1. Process ids have 22 bits.
  const int id = getpid();
  return "127." + std::to_string(64 + (id >> 16)) + "." + std::to_string((id >> 8) & 255) + "." +
         std::to_string(id & 255);
}

Replica::Replica(std::string name, const std::string& address, std::vector<std::string> flags)
    : name_(std::move(name)), address_(address), flags_([&] {
        flags.push_back("--model_name=" + name_);
        flags.push_back("--listen=" + address);
        return std::move(flags);
      }()) {
  Start();
}

void Replica::Start() { process_ = std::make_unique<ServerProcess>("ex_1d.pt", flags_); }

int Replica::End(int signal) {
  process_->Signal(signal);
  return process_->Wait();
}

bool Proxy::IsInstalled() { return !std::string(MDN_HAPROXY).empty(); }

Proxy::Proxy(std::string address, const Replica& one, const Replica& two)
    : address_(std::move(address)),
      process_({"/usr/bin/env", "LISTEN=" + address_, "REPLICA_1=" + one.address(),
                "REPLICA_2=" + two.address(), MDN_HAPROXY, "-db", "-f", MDN_HAPROXY_CONFIG}) {}

}  // namespace mdn

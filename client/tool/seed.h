#ifndef MDN_CLIENT_TOOL_SEED_H_
#define MDN_CLIENT_TOOL_SEED_H_

#include <cstdint>
#include <string>

namespace mdn::tool {

/// The value of --seed, from 0 to 2^64 - 1. Throws CLI::ValidationError for any other.
uint64_t ParseSeed(const std::string& text);

}  // namespace mdn::tool

#endif  // MDN_CLIENT_TOOL_SEED_H_

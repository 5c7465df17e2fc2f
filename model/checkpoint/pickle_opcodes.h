#ifndef MDN_MODEL_CHECKPOINT_PICKLE_OPCODES_H_
#define MDN_MODEL_CHECKPOINT_PICKLE_OPCODES_H_

#include <cstdint>

#include "model/checkpoint/pickle_machine.h"

namespace mdn {

/// What an opcode does to the machine.
using PickleOperation = void (*)(PickleMachine&);

/// Null for an opcode that is not understood.
PickleOperation FindPickleOperation(uint8_t opcode);

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_PICKLE_OPCODES_H_

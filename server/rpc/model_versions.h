#ifndef MDN_SERVER_RPC_MODEL_VERSIONS_H_
#define MDN_SERVER_RPC_MODEL_VERSIONS_H_

#include "mdn/v1/mdn.pb.h"
#include "server/repository/model_repository.h"

namespace mdn {

/// One of the statuses of `models`, as the contract tells it.
void SetModelVersion(const ServedModels& models, const VersionStatus& status,
                     v1::ModelVersion& message);

}  // namespace mdn

#endif  // MDN_SERVER_RPC_MODEL_VERSIONS_H_

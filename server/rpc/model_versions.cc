#include "server/rpc/model_versions.h"

namespace mdn {

void SetModelVersion(const ServedModels& models, const VersionStatus& status,
                     v1::ModelVersion& message) {
  message.mutable_model()->set_name(status.name);
  message.mutable_model()->set_version(status.version);
  message.set_state(static_cast<v1::ModelState>(status.state));
  message.set_reason(status.reason);
  message.set_is_default(models.IsDefault(status.name, status.version));
  for (const std::string& label : status.labels) message.add_labels(label);
}

}  // namespace mdn

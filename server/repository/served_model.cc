#include "server/repository/served_model.h"

#include <utility>

namespace mdn {

ServedModel::ServedModel(ModelDescription description, std::unique_ptr<const Engine> engine,
                         Batcher::Options batching)
    : description_(std::move(description)),
      engine_(std::move(engine)),
      batcher_(*engine_, std::move(batching)) {}

}  // namespace mdn

#include "server/repository/retired_models.h"

namespace mdn {

std::shared_ptr<ServedModel> RetiredModels::Share(std::unique_ptr<ServedModel> model) {
  return std::shared_ptr<ServedModel>(model.release(),
                                      [self = shared_from_this()](ServedModel* unused) {
                                        self->Retire(std::unique_ptr<ServedModel>(unused));
                                      });
}

std::vector<std::unique_ptr<ServedModel>> RetiredModels::Take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(models_, {});
}

void RetiredModels::Close() {
  std::vector<std::unique_ptr<ServedModel>> rest;
  const std::lock_guard<std::mutex> lock(mutex_);
  arrived_ = nullptr;
  rest.swap(models_);
}

void RetiredModels::Retire(std::unique_ptr<ServedModel> model) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!arrived_) return;
  models_.push_back(std::move(model));
  arrived_();
}

}  // namespace mdn

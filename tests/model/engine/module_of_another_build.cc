#include "model/engine/torch_module.h"

extern "C" const mdn::TorchModule mdn_torch_engine;
const mdn::TorchModule mdn_torch_engine = {"0.0.1-anything", nullptr};

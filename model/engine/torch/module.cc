#include "model/engine/torch/torch_engine.h"
#include "model/engine/torch_module.h"

extern "C" const mdn::TorchModule mdn_torch_engine;
const mdn::TorchModule mdn_torch_engine = {MDN_BUILD, mdn::MakeTorchEngine};

#ifndef MDN_MODEL_TRAIN_DATA_SPLIT_H_
#define MDN_MODEL_TRAIN_DATA_SPLIT_H_

#include <cstdint>
#include <vector>

#include "model/train/data/dataset.h"

namespace mdn {

/// Rows to learn from, and rows to judge by what was learned.
struct Split {
  Dataset train, validation;
};

/// The numbers 0 to count - 1 in random order: the same for the same seed and stream, everywhere.
std::vector<int64_t> Permutation(int64_t count, uint64_t seed, uint64_t stream);

/// Takes validation_fraction, in [0, 1), of the rows by chance: at least one where it is above 0,
/// and never all. Of at least two rows.
Split SplitRows(const Dataset& data, double validation_fraction, uint64_t seed);

}  // namespace mdn

#endif  // MDN_MODEL_TRAIN_DATA_SPLIT_H_

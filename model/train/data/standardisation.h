#ifndef MDN_MODEL_TRAIN_DATA_STANDARDISATION_H_
#define MDN_MODEL_TRAIN_DATA_STANDARDISATION_H_

#include <vector>

#include "model/train/data/dataset.h"

namespace mdn {

/// A change of units, (x - x_shift) / x_scale and the same of y, per column; scales are positive.
struct Standardisation {
  std::vector<double> x_shift, x_scale, y_shift, y_scale;
};

/// Means and standard deviations of the columns; a scale of 1 where a column is constant. Of at
/// least one row.
Standardisation MeasureStandardisation(const Dataset& data);

/// Changes the units in place, as an engine changes those of x.
void Standardise(const Standardisation& standardisation, Dataset& data);

}  // namespace mdn

#endif  // MDN_MODEL_TRAIN_DATA_STANDARDISATION_H_

#include "model/engine/native/kernels.h"

#include <algorithm>
#include <limits>

#include "model/mixture/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/engine/native/kernels.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// Behind foreach_target.h.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace mdn {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;

// A tile is some rows of one panel, or of two. Its sums, a panel's vectors of weights and an input
// have to fit into the registers.
#if HWY_TARGET == HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr int kPanelVectors = 4;
constexpr int kMostSums = 24;
#else
constexpr int kPanelVectors = 2;
constexpr int kMostSums = 12;
#endif
// More rows need more addresses than there are registers for them.
constexpr int kMostTileRows = 12;
constexpr int kMostTilePanels = 2;

constexpr int64_t kLineBytes = 64;

constexpr int TileRows(int vectors) { return std::min(kMostSums / vectors, kMostTileRows); }

// Memory that is read next and brought nearer meanwhile: `step` bytes for each input of a tile.
struct Ahead {
  const char* data;
  int64_t step;
};

// What all tiles of some panels have in common.
struct Work {
  const Panel* panels;
  int64_t inputs;
  /// Outputs below become zero.
  float floor;
};

// Keeps GCC from reading a weight from memory again for every row.
HWY_INLINE void KeepInRegister([[maybe_unused]] Vector& vector) {
#if HWY_COMPILER_GCC_ACTUAL && HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
  asm("" : "+v"(vector.raw));
#endif
}

// What lies below becomes zero. Not by Max, which might lose a NaN.
float Floor(Activation activation) {
  return activation == Activation::kRelu ? 0 : -std::numeric_limits<float>::infinity();
}

template <int kRows, int kVectors, int kPanels>
void EvaluateTile(const Work& work, ActivationsIn in, ActivationsOut out, Ahead ahead) {
  const Tag tag;
  const auto lanes = static_cast<int64_t>(hn::Lanes(tag));
  Vector sums[kPanels][kRows][kVectors];
  const float* weights[kPanels];
  const float* x[kPanels];
  for (int p = 0; p < kPanels; ++p) {
    weights[p] = work.panels[p].data + kVectors * lanes;
    x[p] = in.data + work.panels[p].input_offset;
    for (int v = 0; v < kVectors; ++v) {
      const Vector bias = hn::Load(tag, work.panels[p].data + v * lanes);
      for (int r = 0; r < kRows; ++r) sums[p][r][v] = bias;
    }
  }
#pragma GCC unroll 2
  for (int64_t i = 0; i < work.inputs; ++i) {
    __builtin_prefetch(ahead.data + i * ahead.step, 0, 2);
    for (int p = 0; p < kPanels; ++p) {
      Vector weight[kVectors];
      for (int v = 0; v < kVectors; ++v) {
        weight[v] = hn::Load(tag, weights[p] + v * lanes);
        if (kRows > 1) KeepInRegister(weight[v]);
      }
      for (int r = 0; r < kRows; ++r) {
        const Vector input = hn::Set(tag, x[p][r * in.stride + i]);
        for (int v = 0; v < kVectors; ++v) {
          sums[p][r][v] = hn::MulAdd(input, weight[v], sums[p][r][v]);
        }
      }
      weights[p] += kVectors * lanes;
    }
  }
  const Vector floor = hn::Set(tag, work.floor);
  for (int p = 0; p < kPanels; ++p) {
    float* const outputs = out.data + work.panels[p].output_offset;
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVectors; ++v) {
        const Vector sum = sums[p][r][v];
        hn::StoreU(hn::IfThenZeroElse(hn::Lt(sum, floor), sum), tag,
                   outputs + r * out.stride + v * lanes);
      }
    }
  }
}

// The tiles of 1, 2, … rows for panels of one width.
struct Tiles {
  void (*of_rows[kMostTileRows + 1])(const Work&, ActivationsIn, ActivationsOut, Ahead) = {};
  int most_rows = 0;
};

template <int kVectors, int kPanels, int kRows>
constexpr void AddTiles(Tiles& tiles) {
  tiles.of_rows[kRows] = EvaluateTile<kRows, kVectors, kPanels>;
  if constexpr (kRows > 1) AddTiles<kVectors, kPanels, kRows - 1>(tiles);
}

template <int kVectors, int kPanels>
constexpr Tiles MakeTiles() {
  Tiles tiles;
  tiles.most_rows = TileRows(kVectors * kPanels);
  AddTiles<kVectors, kPanels, TileRows(kVectors * kPanels)>(tiles);
  return tiles;
}

// [panels - 1][vectors - 1]
#if HWY_TARGET == HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr Tiles kTiles[kMostTilePanels][kPanelVectors] = {
    {MakeTiles<1, 1>(), MakeTiles<2, 1>(), MakeTiles<3, 1>(), MakeTiles<4, 1>()},
    {MakeTiles<1, 2>(), MakeTiles<2, 2>(), MakeTiles<3, 2>(), MakeTiles<4, 2>()}};
#else
constexpr Tiles kTiles[kMostTilePanels][kPanelVectors] = {{MakeTiles<1, 1>(), MakeTiles<2, 1>()},
                                                          {MakeTiles<1, 2>(), MakeTiles<2, 2>()}};
#endif

// Every row, in tiles that differ by one row at most: small tiles leave multipliers idle. Meanwhile
// `next` comes nearer, which is as large as a panel.
void EvaluateRows(const Tiles& tiles, const Work& work, ActivationsIn in, int64_t rows,
                  ActivationsOut out, const float* next) {
  if (rows <= tiles.most_rows) {
    tiles.of_rows[rows](work, in, out, {reinterpret_cast<const char*>(next), kLineBytes});
    return;
  }
  int64_t tiles_left = (rows + tiles.most_rows - 1) / tiles.most_rows;
  const int64_t row_bytes = work.panels->vectors * static_cast<int64_t>(hn::Lanes(Tag())) *
                            static_cast<int64_t>(sizeof(float));
  Ahead ahead{reinterpret_cast<const char*>(next),
              std::min(kLineBytes, (row_bytes + tiles_left - 1) / tiles_left)};
  while (rows > 0) {
    const int64_t tile = (rows + tiles_left - 1) / tiles_left;
    tiles.of_rows[tile](work, in, out, ahead);
    in.data += tile * in.stride;
    out.data += tile * out.stride;
    ahead.data += ahead.step * work.inputs;
    rows -= tile;
    --tiles_left;
  }
}

void EvaluateLayer(absl::Span<const Panel> panels, int64_t inputs, Activation activation,
                   ActivationsIn in, int64_t rows, ActivationsOut out) {
  // So few rows have too few sums in one panel to hide the latency of an addition.
  constexpr int64_t kMostRowsOfPairs = 3;
  size_t next = 0;
  while (next < panels.size()) {
    const size_t first = next++;
    if (rows <= kMostRowsOfPairs && next < panels.size() &&
        panels[next].vectors == panels[first].vectors) {
      ++next;
    }
    const Panel& ahead = panels[std::min(next, panels.size() - 1)];
    EvaluateRows(kTiles[next - first - 1][panels[first].vectors - 1],
                 {&panels[first], inputs, Floor(activation)}, in, rows, out, ahead.data);
  }
}

}  // namespace

const Kernels* GetKernels() {
  static const Kernels kernels{hwy::TargetName(HWY_TARGET), static_cast<int64_t>(hn::Lanes(Tag())),
                               kPanelVectors, EvaluateLayer};
  return &kernels;
}

}  // namespace HWY_NAMESPACE
}  // namespace mdn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mdn {

HWY_EXPORT(GetKernels);

const Kernels& BestKernels() { return *HWY_DYNAMIC_DISPATCH(GetKernels)(); }

}  // namespace mdn
#endif

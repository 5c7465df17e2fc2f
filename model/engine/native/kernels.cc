#include "model/engine/native/kernels.h"

#include <algorithm>
#include <array>
#include <utility>

#include "model/mixture/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/engine/native/kernels.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// Behind foreach_target.h.
#include "hwy/highway.h"
#include "model/engine/native/tile-inl.h"

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
#else
constexpr int kPanelVectors = 2;
#endif
// More rows need more addresses than there are registers for them.
constexpr int kMostTileRows = 12;
// So few rows have too few sums in one panel to hide the latency of an addition.
constexpr int kMostRowsOfPairs = 3;

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
  float floor;
};

// Keeps GCC from reading a weight from memory again for every row.
HWY_INLINE void KeepInRegister([[maybe_unused]] Vector& vector) {
#if HWY_COMPILER_GCC_ACTUAL && HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
  asm("" : "+v"(vector.raw));
#endif
}

// kRows rows of kPanels panels of kVectors vectors each.
template <int kRows, int kVectors, int kPanels>
HWY_INLINE void EvaluateTile(const Work work, ActivationsIn in, ActivationsOut out, Ahead ahead) {
  const Tag tag;
  const auto lanes = static_cast<int64_t>(hn::Lanes(tag));
  const int64_t vector_size = (1 + work.inputs) * lanes;
  Vector sums[kPanels][kRows][kVectors];
  const float* weights[kPanels];
  const float* x[kPanels];
  MDN_UNROLL for (int p = 0; p < kPanels; ++p) {
    weights[p] = work.panels[p].data + lanes;
    x[p] = in.data + work.panels[p].input_offset;
    MDN_UNROLL for (int v = 0; v < kVectors; ++v) {
      const Vector bias = hn::Load(tag, work.panels[p].data + v * vector_size);
      MDN_UNROLL for (int r = 0; r < kRows; ++r) sums[p][r][v] = bias;
    }
  }
#pragma GCC unroll 4
  for (int64_t i = 0; i < work.inputs; ++i) {
    // A few rows read weights as fast as they come anyway.
    if (kRows > kMostRowsOfPairs) __builtin_prefetch(ahead.data + i * ahead.step, 0, 2);
    MDN_UNROLL for (int p = 0; p < kPanels; ++p) {
      Vector weight[kVectors];
      MDN_UNROLL for (int v = 0; v < kVectors; ++v) {
        weight[v] = hn::Load(tag, weights[p] + v * vector_size + i * lanes);
        if (kRows > 1) KeepInRegister(weight[v]);
      }
      MDN_UNROLL for (int r = 0; r < kRows; ++r) {
        const Vector input = hn::Set(tag, x[p][r * in.stride + i]);
        MDN_UNROLL for (int v = 0; v < kVectors; ++v) {
          sums[p][r][v] = hn::MulAdd(input, weight[v], sums[p][r][v]);
        }
      }
    }
  }
  const Vector floor = hn::Set(tag, work.floor);
  MDN_UNROLL for (int p = 0; p < kPanels; ++p) {
    float* const outputs = out.data + work.panels[p].output_offset;
    MDN_UNROLL for (int r = 0; r < kRows; ++r) {
      MDN_UNROLL for (int v = 0; v < kVectors; ++v) {
        hn::StoreU(AtLeast(floor, sums[p][r][v]), tag, outputs + r * out.stride + v * lanes);
      }
    }
  }
}

// `count` tiles, one below the other.
template <int kRows, int kVectors, int kPanels>
void EvaluateTiles(const Work& work, ActivationsIn in, int64_t count, ActivationsOut out,
                   Ahead ahead) {
  for (int64_t tile = 0; tile < count; ++tile) {
    EvaluateTile<kRows, kVectors, kPanels>(work, in, out, ahead);
    in.data += kRows * in.stride;
    out.data += kRows * out.stride;
    ahead.data += ahead.step * work.inputs;
  }
}

// The tiles of 1, 2, … rows for so many panels of one width.
struct Tiles {
  void (*of_rows[kMostTileRows + 1])(const Work&, ActivationsIn, int64_t, ActivationsOut,
                                     Ahead) = {};
  int64_t most_rows = 0;
};

template <int kVectors, int kPanels, int kRows>
constexpr void AddTiles(Tiles& tiles) {
  tiles.of_rows[kRows] = EvaluateTiles<kRows, kVectors, kPanels>;
  if constexpr (kRows > 1) AddTiles<kVectors, kPanels, kRows - 1>(tiles);
}

template <int kVectors, int kPanels>
constexpr Tiles MakeTiles() {
  Tiles tiles;
  tiles.most_rows = TileRows(kVectors * kPanels);
  AddTiles<kVectors, kPanels, TileRows(kVectors * kPanels)>(tiles);
  return tiles;
}

template <int kPanels, size_t... kLessVectors>
constexpr std::array<Tiles, kPanelVectors> TilesOfAnyWidth(
    std::index_sequence<kLessVectors...> /*widths*/) {
  return {MakeTiles<kLessVectors + 1, kPanels>()...};
}

// [panels - 1][vectors - 1]
using Widths = std::make_index_sequence<kPanelVectors>;
constexpr std::array<Tiles, kPanelVectors> kTiles[] = {TilesOfAnyWidth<1>(Widths()),
                                                       TilesOfAnyWidth<2>(Widths())};

// Every row, in tiles that differ by one row at most: small tiles leave multipliers idle. Meanwhile
// `next` comes nearer, which is as large as a panel.
void EvaluateRows(const Tiles& tiles, const Work& work, ActivationsIn in, int64_t rows,
                  ActivationsOut out, const float* next) {
  Ahead ahead{reinterpret_cast<const char*>(next), kLineBytes};
  if (rows <= tiles.most_rows) return tiles.of_rows[rows](work, in, 1, out, ahead);
  const int64_t count = (rows + tiles.most_rows - 1) / tiles.most_rows;
  const int64_t small = rows / count;
  const int64_t large_count = rows % count;
  const int64_t input_bytes =
      work.panels->vectors * static_cast<int64_t>(hn::Lanes(Tag()) * sizeof(float));
  ahead.step = std::min(kLineBytes, (input_bytes + count - 1) / count);
  if (large_count > 0) {
    tiles.of_rows[small + 1](work, in, large_count, out, ahead);
    in.data += large_count * (small + 1) * in.stride;
    out.data += large_count * (small + 1) * out.stride;
    ahead.data += large_count * ahead.step * work.inputs;
  }
  tiles.of_rows[small](work, in, count - large_count, out, ahead);
}

void EvaluateLayer(absl::Span<const Panel> panels, int64_t inputs, Activation activation,
                   ActivationsIn in, int64_t rows, ActivationsOut out) {
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

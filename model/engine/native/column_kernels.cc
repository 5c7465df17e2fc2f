#include "model/engine/native/column_kernels.h"

#include <algorithm>
#include <array>

#include "model/mixture/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/engine/native/column_kernels.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// Behind foreach_target.h.
#include "hwy/highway.h"
#include "model/engine/native/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mdn {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

ColumnKernels MakeColumnKernels() { return {}; }

#else

namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;

// A tile is some vectors of rows of some quads: four neighbouring outputs of a panel. Its sums, the
// rows' vectors of one input and a weight have to fit into the registers.
constexpr int kQuad = 4;
constexpr int kMostQuads = 3;

// Inputs that all tiles of a group read before any reads the next, at most: so many that the sums
// are seldom put aside, so few that they stay in the nearest cache.
constexpr int64_t kMostBlockInputs = 128;

constexpr int TileQuads(int vectors) {
  return std::min(kMostQuads, std::max(1, kMostSums / (kQuad * vectors)));
}

int64_t Lanes() { return static_cast<int64_t>(hn::Lanes(Tag())); }

// Part of the inputs of a group's tiles.
struct Block {
  int64_t begin;
  int64_t count;
  // Sums begin with the biases, or go on from what stands in the output.
  bool is_first;
  float floor;
};

// Four biases of a panel's; their weights of one input after the other follow, `lanes` numbers
// apart.
const float* QuadOf(const Panel& panel, int64_t inputs, int64_t quad) {
  const int64_t output = quad * kQuad;
  return panel.data + output / Lanes() * (1 + inputs) * Lanes() + output % Lanes();
}

// Some quads of a panel, from `quad` on, for a group's rows.
struct Tile {
  const Panel& panel;
  int64_t inputs;
  int64_t quad;
  const float* in;
  float* out;
  // What the next tile reads.
  const float* ahead;
};

template <int kVectors, int kQuads>
void EvaluateTile(const Tile& tile, const Block& block) {
  const Tag tag;
  const int64_t lanes = Lanes();
  const int64_t rows = kVectors * lanes;
  float* const out = tile.out + (tile.panel.output_offset + tile.quad * kQuad) * rows;
  const float* quads[kQuads];
  MDN_UNROLL for (int q = 0; q < kQuads; ++q) {
    quads[q] = QuadOf(tile.panel, tile.inputs, tile.quad + q);
  }
  Vector sums[kQuads * kQuad][kVectors];
  MDN_UNROLL for (int o = 0; o < kQuads * kQuad; ++o) {
    MDN_UNROLL for (int v = 0; v < kVectors; ++v) {
      sums[o][v] = block.is_first ? hn::Set(tag, quads[o / kQuad][o % kQuad])
                                  : hn::Load(tag, out + o * rows + v * lanes);
    }
  }
  const float* weights[kQuads];
  MDN_UNROLL for (int q = 0; q < kQuads; ++q) weights[q] = quads[q] + (1 + block.begin) * lanes;
  const float* const x = tile.in + (tile.panel.input_offset + block.begin) * rows;
  const float* const ahead = tile.ahead + (1 + block.begin) * lanes;
#pragma GCC unroll 2
  for (int64_t i = 0; i < block.count; ++i) {
    __builtin_prefetch(ahead + i * lanes, 0, 3);
    Vector inputs[kVectors];
    MDN_UNROLL for (int v = 0; v < kVectors; ++v) {
      inputs[v] = hn::Load(tag, x + i * rows + v * lanes);
    }
    MDN_UNROLL for (int o = 0; o < kQuads * kQuad; ++o) {
      const Vector weight = hn::Set(tag, weights[o / kQuad][i * lanes + o % kQuad]);
      MDN_UNROLL for (int v = 0; v < kVectors; ++v) {
        sums[o][v] = hn::MulAdd(inputs[v], weight, sums[o][v]);
      }
    }
  }
  const Vector floor = hn::Set(tag, block.floor);
  MDN_UNROLL for (int o = 0; o < kQuads * kQuad; ++o) {
    MDN_UNROLL for (int v = 0; v < kVectors; ++v) {
      hn::Store(AtLeast(floor, sums[o][v]), tag, out + o * rows + v * lanes);
    }
  }
}

using TileFunction = void (*)(const Tile&, const Block&);

// [quads - 1]
template <int kVectors>
constexpr std::array<TileFunction, kMostQuads> TilesOf() {
  constexpr int kMost = TileQuads(kVectors);
  return {EvaluateTile<kVectors, 1>, EvaluateTile<kVectors, std::min(2, kMost)>,
          EvaluateTile<kVectors, std::min(3, kMost)>};
}

// [vectors - 2]
constexpr std::array<TileFunction, kMostQuads> kTiles[] = {TilesOf<2>(), TilesOf<3>()};

// A block of a panel's inputs, in tiles that differ by one quad at most.
void EvaluatePanel(Tile tile, const Block& block, int64_t vectors, const Panel& next) {
  const int64_t quads = (tile.panel.outputs + kQuad - 1) / kQuad;
  const int64_t most = TileQuads(static_cast<int>(vectors));
  const int64_t tiles = (quads + most - 1) / most;
  const int64_t small = quads / tiles;
  const int64_t first_small = quads % tiles;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t count = t < first_small ? small + 1 : small;
    const int64_t following = std::min(tile.quad + 2 * count, quads);
    // The last quad of the next tile is in another vector if any is.
    tile.ahead = t + 1 < tiles ? QuadOf(tile.panel, tile.inputs, following - 1) : next.data;
    kTiles[vectors - 2][count - 1](tile, block);
    tile.quad += count;
  }
}

void EvaluateLayer(absl::Span<const Panel> panels, int64_t inputs, Activation activation,
                   ColumnsIn in, int64_t groups, int64_t vectors, ColumnsOut out) {
  const int64_t blocks = (inputs + kMostBlockInputs - 1) / kMostBlockInputs;
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t begin = inputs * b / blocks;
    const int64_t end = inputs * (b + 1) / blocks;
    const Block block{begin, end - begin, b == 0,
                      Floor(end == inputs ? activation : Activation::kNone)};
    for (int64_t group = 0; group < groups; ++group) {
      for (size_t p = 0; p < panels.size(); ++p) {
        EvaluatePanel({panels[p], inputs, 0, in.data + group * in.group_stride,
                       out.data + group * out.group_stride, nullptr},
                      block, vectors, panels[(p + 1) % panels.size()]);
      }
    }
  }
}

ColumnKernels MakeColumnKernels() { return {Lanes(), EvaluateLayer}; }

#endif  // HWY_TARGET == HWY_SCALAR

}  // namespace

const ColumnKernels* GetColumnKernels() {
  static const ColumnKernels kernels = MakeColumnKernels();
  return &kernels;
}

}  // namespace HWY_NAMESPACE
}  // namespace mdn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mdn {

HWY_EXPORT(GetColumnKernels);

const ColumnKernels& BestColumnKernels() { return *HWY_DYNAMIC_DISPATCH(GetColumnKernels)(); }

}  // namespace mdn
#endif

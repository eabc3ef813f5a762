#include "core/attention/matrix.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "core/attention/internal/row_reader.h"
#include "core/base/error.h"

namespace erwin {

namespace {

using namespace attention;

constexpr std::int64_t most_cells = std::int64_t{1} << 24;
// As many queries as take a few hundredths of a second to some tenths.
constexpr std::int64_t queries_per_chunk = 512;
// A chunk of rows with no more has one row for every stripe at least.
constexpr std::int64_t queries_of_small_row = queries_per_chunk / stripe_count;
constexpr const char* progress_name = "attention matrix";

void require_axis(const LayerTap& layer, const MatrixAxis& axis, const char* name) {
  const auto& begin = axis.slot_begin;
  if (axis.cells() < 1 || begin.front() < 0 || begin.back() > layer.slots() ||
      std::adjacent_find(begin.begin(), begin.end(), std::greater_equal<>()) != begin.end())
    throw Error(ErrorKind::Config, std::string("the matrix's ") + name + " are not runs of the layer's slots",
                std::to_string(axis.cells()) + " cells, " + std::to_string(layer.slots()) + " slots");
}

// The columns' cells seen from slots and blocks.
class Columns {
public:
  Columns(const LayerTap& layer, const MatrixAxis& axis)
      : layer_(layer), begin_(axis.slot_begin.front()), end_(axis.slot_begin.back()), cell_(at(end_ - begin_)) {
    for (std::int64_t cell = 0; cell < axis.cells(); ++cell)
      for (std::int64_t slot = axis.slot_begin[at(cell)]; slot < axis.slot_begin[at(cell + 1)]; ++slot)
        cell_[at(slot - begin_)] = static_cast<std::int32_t>(cell);
    if (layer.block_size > 0) blocks_ = {begin_ / layer.block_size, (end_ + layer.block_size - 1) / layer.block_size};
  }

  // Blocks with a slot in the window.
  SlotRange blocks() const { return blocks_; }

  void add_slots(SlotRange slots, std::span<const double> weights, double factor, std::span<double> row) const {
    for (std::int64_t slot = std::max(begin_, slots.begin); slot < std::min(end_, slots.end); ++slot)
      row[at(cell_[at(slot - begin_)])] += factor * weights[at(slot - slots.begin)];
  }

  // Evenly over the block's points, of which some may lie outside the window.
  void add_block(std::int64_t block, double weight, std::span<double> row) const {
    const SlotRange slots = block_range(layer_, block);
    const auto points_of = [&](std::int64_t first, std::int64_t last) {
      return static_cast<double>(layer_.slot_point_begin[at(last)] - layer_.slot_point_begin[at(first)]);
    };
    const double all = points_of(slots.begin, slots.end);
    const std::int64_t first = std::max(begin_, slots.begin), last = std::min(end_, slots.end);
    if (all == 0 || first >= last) return;
    if (cell_[at(first - begin_)] == cell_[at(last - 1 - begin_)]) {
      row[at(cell_[at(first - begin_)])] += weight * points_of(first, last) / all;
      return;
    }
    for (std::int64_t slot = first; slot < last; ++slot)
      row[at(cell_[at(slot - begin_)])] += weight * points_of(slot, slot + 1) / all;
  }

private:
  const LayerTap& layer_;
  std::int64_t begin_, end_;
  std::vector<std::int32_t> cell_;
  SlotRange blocks_;
};

// One query, or the mean of several of one block, with its gates.
struct Asked {
  std::vector<std::int64_t> slots;  // real slots
  double share = 0;                 // of the row's mean
};

class MatrixBuilder {
public:
  MatrixBuilder(const Tap& tap, AttentionMatrix& matrix, const Job& job)
      : tap_(tap),
        matrix_(matrix),
        layer_(tap.require_layer(matrix.request.layer)),
        heads_(heads_of(layer_, matrix.request.head)),
        columns_(layer_, matrix.request.columns),
        job_(job),
        whole_softmax_(layer_.lse_compressed.empty()) {}

  // Rows [first, last) of the matrix, side by side; a row of many queries is shared out instead.
  void fill(std::int64_t first, std::int64_t last, int blocks_per_row) {
    std::vector<std::int64_t> small;
    for (std::int64_t row = first; row < last; ++row)
      if (cost(row, blocks_per_row) > queries_of_small_row)
        fill_shared(row, blocks_per_row);
      else
        small.push_back(row);
    for_row_stripes(std::ssize(small), std::ssize(small), Job(job_.stop_token()), "",
                    [&](std::int64_t, std::int64_t begin, std::int64_t end) {
                      RowReader reader(tap_, layer_, job_);
                      for (std::int64_t i = begin; i < end; ++i) fill_row(reader, small[at(i)], blocks_per_row);
                    });
  }

  // About how many queries' work a row is.
  std::int64_t cost(std::int64_t row, int blocks_per_row) const {
    const auto& begin = matrix_.request.rows.slot_begin;
    const std::int64_t slots = begin[at(row + 1)] - begin[at(row)];
    return blocks_per_row > 0 ? std::min<std::int64_t>(slots, blocks_per_row) : slots;
  }

private:
  // Queries of one group have one ball and one block.
  std::int64_t group_size() const {
    if (layer_.kind == LayerKind::Nsa) return layer_.block_size;
    return std::min<std::int64_t>(layer_.ball_size, 32);
  }

  std::vector<Asked> queries_of(const std::vector<std::int64_t>& slots, int blocks_per_row) const {
    std::vector<Asked> asked;
    if (blocks_per_row == 0) {
      for (const std::int64_t slot : slots) asked.push_back({{slot}, 1 / static_cast<double>(slots.size())});
      return asked;
    }
    std::vector<Asked> groups;
    for (const std::int64_t slot : slots) {
      if (groups.empty() || groups.back().slots.front() / group_size() != slot / group_size()) groups.emplace_back();
      groups.back().slots.push_back(slot);
    }
    const std::int64_t all = std::ssize(groups), kept = std::min<std::int64_t>(all, blocks_per_row);
    double queries = 0;
    for (std::int64_t i = 0; i < kept; ++i) {
      asked.push_back(groups[at(i * all / kept)]);
      queries += static_cast<double>(asked.back().slots.size());
    }
    for (Asked& group : asked) group.share = static_cast<double>(group.slots.size()) / queries;
    return asked;
  }

  struct RowSums {
    std::vector<double> cells;
    double memory = 0;
  };

  std::vector<std::int64_t> real_slots(std::int64_t row) const {
    const auto& begin = matrix_.request.rows.slot_begin;
    std::vector<std::int64_t> slots;
    for (std::int64_t slot = begin[at(row)]; slot < begin[at(row + 1)]; ++slot)
      if (layer_.real(slot)) slots.push_back(slot);
    return slots;
  }

  RowSums sums_of(RowReader& reader, std::span<const Asked> queries) const {
    RowSums sums{std::vector<double>(at(matrix_.request.columns.cells()))};
    for (const Asked& asked : queries) {
      job_.check();
      for (const int head : heads_) add(reader, asked, head, sums.cells, sums.memory);
    }
    return sums;
  }

  void fill_row(RowReader& reader, std::int64_t row, int blocks_per_row) {
    const std::vector<std::int64_t> slots = real_slots(row);
    keep(row, sums_of(reader, queries_of(slots, blocks_per_row)), std::ssize(slots), blocks_per_row);
  }

  void fill_shared(std::int64_t row, int blocks_per_row) {
    const std::vector<std::int64_t> slots = real_slots(row);
    const std::vector<Asked> queries = queries_of(slots, blocks_per_row);
    const double rows = static_cast<double>(matrix_.request.rows.cells());
    const Job job(job_.stop_token(), [&](double share, std::string_view what) {
      job_.progress((static_cast<double>(row) + share) / rows, what);
    });
    RowSums all{std::vector<double>(at(matrix_.request.columns.cells()))};
    std::vector<RowSums> parts(at(stripe_count), all);
    for_row_stripes(std::ssize(queries), queries_per_chunk, job, progress_name,
                    [&](std::int64_t stripe, std::int64_t begin, std::int64_t end) {
                      RowReader reader(tap_, layer_, job_);
                      add_up(sums_of(reader, std::span(queries).subspan(at(begin), at(end - begin))),
                             parts[at(stripe)]);
                    });
    for (const RowSums& part : parts) add_up(part, all);
    keep(row, all, std::ssize(slots), blocks_per_row);
  }

  static void add_up(const RowSums& part, RowSums& sums) {
    for (std::size_t c = 0; c < sums.cells.size(); ++c) sums.cells[c] += part.cells[c];
    sums.memory += part.memory;
  }

  void keep(std::int64_t row, const RowSums& sums, std::int64_t queries, int blocks_per_row) {
    float* const cells = &matrix_.cells[at(row * matrix_.request.columns.cells())];
    for (std::size_t c = 0; c < sums.cells.size(); ++c) cells[c] = static_cast<float>(sums.cells[c]);
    matrix_.memory[at(row)] = static_cast<float>(sums.memory);
    matrix_.queries[at(row)] = queries;
    matrix_.exact[at(row)] = blocks_per_row == 0 || queries == 0;
    matrix_.done[at(row)] = 1;
  }

  void add(RowReader& reader, const Asked& asked, int head, std::span<double> row, double& memory) const {
    HeadGates gates{0, 0, 0};
    for (const std::int64_t slot : asked.slots) {
      const HeadGates own = branch_factors(layer_, slot, head, matrix_.request.branch);
      const double share = asked.share / static_cast<double>(heads_.size() * asked.slots.size());
      gates.local += share * own.local;
      gates.compressed += share * own.compressed;
      gates.selected += share * own.selected;
    }
    // Rows that were recorded as lists have no queries to average.
    if (layer_.has_weights() && asked.slots.size() > 1) {
      for (const std::int64_t slot : asked.slots)
        add(reader, {{slot}, asked.share / static_cast<double>(asked.slots.size())}, head, row, memory);
      return;
    }
    const bool one = asked.slots.size() == 1;
    const HeadQuery query = one ? reader.query_of(asked.slots.front(), head) : reader.mean_query(asked.slots, head);
    const auto& columns = matrix_.request.columns.slot_begin;
    const SlotRange ball = aligned_range(layer_, query.slot, layer_.ball_size);
    if (gates.local > 0 && ball.begin < columns.back() && ball.end > columns.front()) {
      reader.read_local(query);
      columns_.add_slots(ball, reader.local, gates.local, row);
    }
    if (gates.compressed > 0) add_compressed(reader, query, one, gates.compressed, row, memory);
    if (gates.selected > 0 && reaches_selected(query)) {
      reader.read_selected(query);
      std::span<const double> weights = reader.selected;
      for (const std::int32_t block : reader.chosen) {
        const SlotRange slots = block_range(layer_, block);
        columns_.add_slots(slots, weights, gates.selected, row);
        weights = weights.subspan(at(slots.end - slots.begin));
      }
    }
  }

  // A query's own log-sum-exp is recorded, so that the window's blocks are enough; a mean query's is not.
  void add_compressed(RowReader& reader, const HeadQuery& query, bool one, double gate, std::span<double> row,
                      double& memory) const {
    const SlotRange blocks = columns_.blocks();
    if (!one || whole_softmax_ || blocks.end - blocks.begin == layer_.blocks()) {
      reader.read_compressed(query);
    } else {
      reader.read_compressed_of(query, blocks);
    }
    memory += gate * reader.memory;
    for (std::int64_t block = blocks.begin; block < blocks.end; ++block)
      columns_.add_block(block, gate * reader.compressed[at(block)], row);
  }

  bool reaches_selected(const HeadQuery& query) const {
    const SlotRange window = columns_.blocks();
    for (const std::int32_t block :
         layer_.selected.row({query.slot / layer_.block_size, kv_head_of(layer_, query.head)})) {
      if (block < 0) break;
      if (block >= window.begin && block < window.end) return true;
    }
    return false;
  }

  const Tap& tap_;
  AttentionMatrix& matrix_;
  const LayerTap& layer_;
  std::vector<int> heads_;
  Columns columns_;
  const Job& job_;
  bool whole_softmax_;
};

void fill_rows(const Tap& tap, AttentionMatrix& matrix, bool only_missing, int blocks_per_row, const Job& job,
               const MatrixProgress& progress) {
  MatrixBuilder builder(tap, matrix, job);
  const std::int64_t rows = matrix.request.rows.cells();
  for (std::int64_t first = 0; first < rows;) {
    job.check();
    if (only_missing && matrix.done[at(first)] && matrix.exact[at(first)]) {
      ++first;
      continue;
    }
    std::int64_t last = first, cost = 0;
    while (last < rows && cost < queries_per_chunk &&
           !(only_missing && matrix.done[at(last)] && matrix.exact[at(last)]))
      cost += builder.cost(last++, blocks_per_row);
    builder.fill(first, last, blocks_per_row);
    job.progress(static_cast<double>(last) / static_cast<double>(rows), progress_name);
    if (progress) progress(matrix, first, last);
    first = last;
  }
}

}  // namespace

bool AttentionMatrix::complete() const {
  return std::all_of(done.begin(), done.end(), [](char row) { return row != 0; });
}

bool AttentionMatrix::is_exact() const {
  for (std::size_t row = 0; row < done.size(); ++row)
    if (done[row] && !exact[row]) return false;
  return true;
}

AttentionMatrix attention_matrix(const Tap& tap, const MatrixRequest& request, const Job& job,
                                 const MatrixProgress& progress) {
  const LayerTap& layer = tap.require_layer(request.layer);
  require_record(layer);
  require_branch(layer, request.branch);
  require_axis(layer, request.rows, "rows");
  require_axis(layer, request.columns, "columns");
  const std::int64_t rows = request.rows.cells(), columns = request.columns.cells();
  if (rows > most_cells / columns)
    throw Error(ErrorKind::Config, "the matrix's window has too many cells",
                std::to_string(rows) + " x " + std::to_string(columns), "Choose a smaller window or a coarser level");
  AttentionMatrix matrix{request,
                         std::vector<float>(at(rows * columns)),
                         std::vector<float>(at(rows)),
                         std::vector<std::int64_t>(at(rows)),
                         std::vector<char>(at(rows)),
                         std::vector<char>(at(rows))};
  fill_rows(tap, matrix, false, std::max(0, request.blocks_per_row), job, progress);
  return matrix;
}

void refine(const Tap& tap, AttentionMatrix& matrix, const Job& job, const MatrixProgress& progress) {
  require_record(tap.require_layer(matrix.request.layer));
  fill_rows(tap, matrix, true, 0, job, progress);
}

}  // namespace erwin

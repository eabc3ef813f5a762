#pragma once
// When two requests for a matrix mean the same cells, however exactly.

#include "core/attention/matrix.h"

namespace erwin {

inline bool same_window(const MatrixRequest& a, const MatrixRequest& b) {
  return a.layer == b.layer && a.head == b.head && a.branch == b.branch && a.rows.slot_begin == b.rows.slot_begin &&
         a.columns.slot_begin == b.columns.slot_begin;
}

}  // namespace erwin

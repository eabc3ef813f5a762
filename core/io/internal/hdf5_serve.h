#pragma once
// The child's side of a question.

#include <cstddef>
#include <functional>
#include <string>

#include "core/io/internal/hdf5_remote.h"

namespace erwin::h5 {

using SendPiece = std::function<void(const void* data, std::size_t bytes)>;

// Answers with `file`, which is open in this process. Arrays go out through `send`: first their count (u64), then their
// numbers; the packet returned is empty then.
Packet serve_question(const File& file, Packet& request, const SendPiece& send);

// The numbers of some rows of an array in slabs: `begin` hears the count, `add` each slab. T is float, double or int64.
template <typename T>
void read_slabs(const File::Impl& file, const std::string& path, Rows rows, const Job& job,
                const std::function<void(std::uint64_t)>& begin, const std::function<void(const T*, std::size_t)>& add);

// Rows as the question about them names them.
std::string text_of(Rows rows);
Rows rows_from(const std::string& text);

}  // namespace erwin::h5

#pragma once
// The child's side of a question.

#include <cstddef>
#include <functional>

#include "core/io/internal/hdf5_remote.h"

namespace erwin::h5 {

using SendPiece = std::function<void(const void* data, std::size_t bytes)>;

// Answers with `file`, which is open in this process. Arrays go out through `send`: first their count (u64), then their
// numbers; the packet returned is empty then.
Packet serve_question(const File& file, Packet& request, const SendPiece& send);

// The numbers of an array in slabs: `begin` hears the count, `add` each slab. T is float, double or int64.
template <typename T>
void read_slabs(const File::Impl& file, const std::string& path, const Job& job,
                const std::function<void(std::uint64_t)>& begin, const std::function<void(const T*, std::size_t)>& add);

}  // namespace erwin::h5

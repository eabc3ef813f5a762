#pragma once
// Zip archives as NPZ files and torch.save write them: stored or deflated members, zip64. Nothing in the file is
// trusted: every offset is checked against its size, every size against what deflate can reach and against free memory,
// every member against its checksum.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/io/internal/file_bytes.h"

namespace erwin::io {

struct ZipMember {
  std::string name;
  std::uint64_t bytes = 0;   // when unpacked
  std::uint64_t stored = 0;  // in the archive
  std::uint64_t header = 0;  // offset of the member's own header
  std::uint32_t checksum = 0;
  std::uint16_t method = 0;  // 0 stored, 8 deflated
};

// The archive's directory, in its order. Raises Error{Format}: not a zip, cut off, encrypted, split over files, two
// members of one name.
std::vector<ZipMember> zip_members(const InputFile& file);

// One member, unpacked. Raises Error{Format} (a method other than stored and deflate, sizes or checksum that disagree),
// Error{Memory}, Error{Cancelled}.
std::string unzip(const InputFile& file, const ZipMember& member, const Job& job = {});

}  // namespace erwin::io
